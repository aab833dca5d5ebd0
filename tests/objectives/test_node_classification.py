"""Is the loss the formula, the imitation a divergence, and the score scikit-learn's?"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from torch import Tensor

from graphdam.data import CSRMatrix, Graph
from graphdam.data.graph import Split, Task
from graphdam.nn import GCN, Encoder
from graphdam.objectives import NodeClassification, PreparedGraph, prepare_graph

NUM_NODES, NUM_FEATURES = 40, 6
OUTPUTS = {"multiclass": 4, "binary": 1, "multilabel": 3}
TASKS: tuple[Task, ...] = ("multiclass", "binary", "multilabel")


def make_graph(task: Task) -> Graph:
    generator = torch.Generator().manual_seed(0)
    classes = {"multiclass": 4, "binary": 2, "multilabel": 3}[task]
    if task == "multilabel":
        y = torch.randint(2, (NUM_NODES, 3), generator=generator).float()
    else:
        y = torch.randint(classes, (NUM_NODES,), generator=generator)
    part = torch.arange(NUM_NODES) % 4
    ring = torch.arange(NUM_NODES)
    return Graph(
        name="toy",
        x=torch.randn(NUM_NODES, NUM_FEATURES, generator=generator),
        edge_index=torch.stack([ring, ring.roll(1)]),
        edge_weight=None,
        y=y,
        num_classes=classes,
        task=task,
        split_name="own",
        splits=(Split(part == 0, part == 1, part >= 2),),
    )


def make_encoder(graph: Graph, *, dropout: float = 0.0) -> Encoder:
    torch.manual_seed(0)
    return GCN(graph.num_features, 8, 2, graph.out_channels, dropout)


def prepared_of(task: Task) -> tuple[Encoder, PreparedGraph]:
    graph = make_graph(task)
    encoder = make_encoder(graph)
    return encoder, prepare_graph(encoder, graph)


def outputs_of(task: Task, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(NUM_NODES, OUTPUTS[task], generator=generator, dtype=torch.float64)


def test_multiclass_loss_is_the_formula_and_scikit_learns() -> None:
    encoder, prepared = prepared_of("multiclass")
    z, y, train = outputs_of("multiclass"), prepared.graph.y, prepared.graph.mask("train")
    loss = NodeClassification(prepared.graph).loss(encoder, prepared, z)
    probability = z.exp() / z.exp().sum(1, keepdim=True)
    written_out = sum(-math.log(probability[i, y[i]]) for i in train.nonzero().flatten().tolist())
    assert float(loss) == pytest.approx(written_out / int(train.sum()))
    expected = log_loss(y[train].numpy(), probability[train].numpy(), labels=range(4))
    assert float(loss) == pytest.approx(expected)


def test_binary_loss_is_the_formula_and_scikit_learns() -> None:
    encoder, prepared = prepared_of("binary")
    z, y, train = outputs_of("binary"), prepared.graph.y, prepared.graph.mask("train")
    loss = NodeClassification(prepared.graph).loss(encoder, prepared, z)
    yes = 1 / (1 + torch.exp(-z[train, 0]))
    written_out = -torch.where(y[train] == 1, yes.log(), (1 - yes).log()).mean()
    assert float(loss) == pytest.approx(float(written_out))
    assert float(loss) == pytest.approx(log_loss(y[train].numpy(), yes.numpy(), labels=[0, 1]))


def test_multilabel_loss_is_the_mean_over_labels() -> None:
    encoder, prepared = prepared_of("multilabel")
    z, y, train = outputs_of("multilabel"), prepared.graph.y, prepared.graph.mask("train")
    loss = NodeClassification(prepared.graph).loss(encoder, prepared, z)
    each = [
        log_loss(y[train, label].numpy(), z[train, label].sigmoid().numpy(), labels=[0, 1])
        for label in range(3)
    ]
    assert float(loss) == pytest.approx(sum(each) / 3)


def test_a_two_class_graph_has_one_loss_and_one_imitation() -> None:
    # softmax over (0, z) is the sigmoid of z
    encoder, prepared = prepared_of("binary")
    one = NodeClassification(prepared.graph)
    graph = prepared.graph
    two_class = Graph(**{**vars(graph), "task": "multiclass"})
    two = NodeClassification(two_class)
    z = outputs_of("binary").requires_grad_()
    taught = outputs_of("binary", seed=2)

    def pair(column: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(column), column], dim=1)

    other = PreparedGraph(two_class, prepared.x, prepared.adjacency)
    torch.testing.assert_close(
        one.loss(encoder, prepared, z), two.loss(encoder, other, pair(z)), rtol=1e-12, atol=0
    )
    first, second = one.imitation(z, taught), two.imitation(pair(z), pair(taught))
    torch.testing.assert_close(first, second, rtol=1e-12, atol=0)
    (one_gradient,) = torch.autograd.grad(first, z)
    (two_gradient,) = torch.autograd.grad(second, z)
    torch.testing.assert_close(one_gradient, two_gradient, rtol=1e-9, atol=1e-15)


def test_imitation_by_hand() -> None:
    objective = NodeClassification(make_graph("multiclass"))
    taught, outputs = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
    # ½ ln(½ / ¼) + ½ ln(½ / ¾) = ½ ln(4 / 3)
    assert float(objective.imitation(outputs, taught)) == pytest.approx(0.5 * math.log(4 / 3))
    # the divergence is of the student from the teacher, not the other way round
    reverse = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert float(objective.imitation(taught, outputs)) == pytest.approx(reverse)


def test_imitation_is_the_sum_over_classes_and_the_mean_over_nodes() -> None:
    objective = NodeClassification(make_graph("multiclass"))
    z, t = outputs_of("multiclass"), outputs_of("multiclass", seed=2)
    p, q = t.softmax(1), z.softmax(1)
    expected = sum(float((p[:, c] * (p[:, c] / q[:, c]).log()).sum()) for c in range(4))
    assert float(objective.imitation(z, t)) == pytest.approx(expected / NUM_NODES)


@pytest.mark.parametrize("task", TASKS)
def test_imitation_is_zero_where_predictions_are_equal_and_nowhere_else(task: Task) -> None:
    objective = NodeClassification(make_graph(task))
    t = outputs_of(task)
    assert float(objective.imitation(t.clone(), t)) == pytest.approx(0, abs=1e-15)
    for seed in range(2, 12):
        assert float(objective.imitation(outputs_of(task, seed), t)) > 1e-3
    assert torch.equal(
        objective.disagreement(outputs_of(task, 3), t), objective.imitation(outputs_of(task, 3), t)
    )


def test_adding_a_number_to_all_of_a_nodes_scores_changes_no_imitation() -> None:
    objective = NodeClassification(make_graph("multiclass"))
    z, t, shift = outputs_of("multiclass"), outputs_of("multiclass", 2), torch.randn(NUM_NODES, 1)
    assert float(objective.imitation(z + shift, t)) == pytest.approx(
        float(objective.imitation(z, t))
    )


def test_imitation_pulls_every_node_towards_the_teacher_and_leaves_the_teacher_alone() -> None:
    objective = NodeClassification(make_graph("multiclass"))
    z, t = outputs_of("multiclass").requires_grad_(), outputs_of("multiclass", 2)
    objective.imitation(z, t).backward()  # type: ignore[no-untyped-call]
    expected = (z.detach().softmax(1) - t.softmax(1)) / NUM_NODES
    torch.testing.assert_close(z.grad, expected)


def test_labels_outside_the_split_do_not_matter() -> None:
    encoder, prepared = prepared_of("multiclass")
    graph, z = prepared.graph, outputs_of("multiclass")
    unknown = torch.where(graph.mask("train") | graph.mask("val"), graph.y, -1)
    blind = PreparedGraph(Graph(**{**vars(graph), "y": unknown}), prepared.x, prepared.adjacency)
    objective = NodeClassification(graph)
    assert torch.equal(objective.loss(encoder, prepared, z), objective.loss(encoder, blind, z))
    assert objective.evaluate(z, prepared, "val") == objective.evaluate(z, blind, "val")


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_evaluation_is_scikit_learns(split: str) -> None:
    _, prepared = prepared_of("multiclass")
    mask = prepared.graph.mask(split)  # type: ignore[arg-type]
    z, y = outputs_of("multiclass"), prepared.graph.y
    found = NodeClassification(prepared.graph).evaluate(z, prepared, split)  # type: ignore[arg-type]
    assert found.score == accuracy_score(y[mask].numpy(), z[mask].argmax(1).numpy())
    expected = log_loss(y[mask].numpy(), z[mask].softmax(1).numpy(), labels=range(4))
    assert found.loss == pytest.approx(expected)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_yes_or_no_tasks_are_scored_by_roc_auc(task: Task) -> None:
    _, prepared = prepared_of(task)
    graph, mask = prepared.graph, prepared.graph.mask("test")
    objective, z = NodeClassification(graph), outputs_of(task)
    assert objective.metric == "roc_auc"
    truth = graph.y.view(NUM_NODES, -1)[mask].numpy()
    expected = roc_auc_score(truth, z[mask].numpy(), average="macro")
    assert objective.evaluate(z, prepared, "test").score == pytest.approx(expected)


@pytest.mark.parametrize("sparse", [False, True])
def test_features_are_dropped_in_training_only(sparse: bool) -> None:
    graph = make_graph("multiclass")
    dense = graph.dense_x()
    if sparse:
        graph = Graph(**{**vars(graph), "x": CSRMatrix.from_dense(dense)})
    encoder = make_encoder(graph)
    prepared = prepare_graph(encoder, graph)
    seen: list[Tensor] = []

    def look(_: object, inputs: tuple[Tensor | CSRMatrix, object]) -> None:
        x = inputs[0]
        seen.append(x.to_dense() if isinstance(x, CSRMatrix) else x)

    encoder.register_forward_pre_hook(look)
    objective = NodeClassification(graph, feature_dropout=0.5)
    objective.outputs(encoder.train(), prepared)
    objective.outputs(encoder.eval(), prepared)
    NodeClassification(graph).outputs(encoder.train(), prepared)
    trained, evaluated, without = seen
    assert torch.equal(evaluated, dense)
    assert torch.equal(without, dense)
    kept = trained != 0
    assert 0.3 < float(kept.float().mean()) < 0.7
    assert torch.equal(trained[kept], 2 * dense[kept])


@pytest.mark.parametrize("training", [True, False])
def test_score_evaluates_without_dropout_and_restores_the_mode(training: bool) -> None:
    graph = make_graph("multiclass")
    encoder = make_encoder(graph, dropout=0.5)
    prepared = prepare_graph(encoder, graph)
    objective = NodeClassification(graph, feature_dropout=0.5)
    with torch.no_grad():
        outputs = encoder.eval()(graph.x, graph.edge_index)
    expected = accuracy_score(
        graph.y.numpy()[graph.mask("test")], outputs[graph.mask("test")].argmax(1)
    )
    encoder.train(training)
    assert objective.score(encoder, prepared, "test") == {"accuracy": expected}
    assert all(module.training == training for module in encoder.modules())


def test_score_restores_the_mode_after_a_failure() -> None:
    encoder, prepared = prepared_of("multiclass")
    encoder.train()
    broken = PreparedGraph(prepared.graph, torch.ones(NUM_NODES, 2), prepared.adjacency)
    with pytest.raises((RuntimeError, ValueError)):
        NodeClassification(prepared.graph).score(encoder, broken, "val")
    assert encoder.training


def test_a_wrong_direction_of_the_divergence_would_be_noticed() -> None:
    z, t = outputs_of("multiclass"), outputs_of("multiclass", seed=2)
    right = NodeClassification(make_graph("multiclass")).imitation(z, t)
    wrong = F.kl_div(t.log_softmax(-1), z.log_softmax(-1), reduction="batchmean", log_target=True)
    assert abs(float(right - wrong)) > 1e-2


@pytest.mark.parametrize("task", TASKS)
def test_the_uninformed_answer_is_the_nearest_that_is_the_same_for_every_node(task: Task) -> None:
    objective, taught = NodeClassification(make_graph(task)), outputs_of(task)
    best = objective.uninformed(taught)
    assert best.shape == taught.shape
    assert torch.allclose(best, best[:1].expand_as(best))
    least = float(objective.disagreement(best, taught))
    generator = torch.Generator().manual_seed(5)
    for scale in (1e-2, 1e-1, 1.0):
        shift = scale * torch.randn(1, taught.size(1), generator=generator, dtype=taught.dtype)
        assert float(objective.disagreement(best + shift, taught)) > least
    certain = 50 * torch.eye(4, dtype=torch.float64).repeat(10, 1)
    if task == "multiclass":  # four classes, each as frequent: log 4 nats a node
        told = objective.disagreement(objective.uninformed(certain), certain)
        assert float(told) == pytest.approx(math.log(4))
