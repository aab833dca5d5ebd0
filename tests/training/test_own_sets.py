"""Somebody's own model on whole graphs and on images: narrower, theirs, and as scored."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.metrics import roc_auc_score
from tiny_graphs import LooksUp, OfData, Pooled, WithAttributes, tiny_graphs
from tiny_images import quick_images, tiny_images
from torch import Tensor, nn
from torch_geometric.data import Batch, HeteroData
from training_runs import assert_same_weights

import graphdam
from graphdam.data import GraphSet
from graphdam.errors import SettingsError
from graphdam.evaluation.module_cost import matrix_multiply_adds
from graphdam.nn.image_cost import PlannedCost
from graphdam.training import Settings, Trainer, narrow
from graphdam.training.own_set_task import OwnGraphSetTask

GRAPHS = GraphSet.of(tiny_graphs(150))

QUICK: dict[str, Any] = {
    "objective": "graph-classification",
    "epochs": 30,
    "batch_size": 16,
    "lr": 0.01,
    "gated_lr": 0.01,
    "gate_begin": 0.0,
    "gate_end": 0.5,
    "brake_tolerance": 1e9,
    "brake_loss": 10.0,
    "brake_errors": 1e9,
    "fallback_margin": 1.0,
}


def quick(**given: Any) -> Settings:
    return Settings.of(**{**QUICK, **given})


def made(kind: Any, **arguments: Any) -> Any:
    torch.manual_seed(0)
    return kind(**arguments)


def outputs(model: nn.Module, part: str) -> tuple[Tensor, Tensor]:
    """What a model says of one part of the graphs, PyG's own batch of them, and their classes."""
    graphs, index = tiny_graphs(150), GRAPHS.indices(part).tolist()  # type: ignore[arg-type]
    batch: Any = Batch.from_data_list([graphs[i] for i in index])
    with torch.no_grad():
        found = (
            model(batch)
            if isinstance(model, OfData)
            else model(batch.x, batch.edge_index, batch.batch)
        )
    return found, batch.y


@pytest.mark.parametrize("kind", [Pooled, OfData])
def test_graphs_are_told_by_a_narrower_net_that_scores_what_is_said(
    kind: Any, tmp_path: Path
) -> None:
    net = made(kind)
    before = copy.deepcopy(net)
    found = narrow(net, GRAPHS, settings=quick())
    assert type(found.model) is kind
    assert found.start_widths == {"first": 16, "second": 16}
    assert sum(found.widths.values()) < 24
    assert found.model.get_submodule("second").out_channels == found.widths["second"]
    for part, score in (("val", found.val), ("test", found.test)):
        rows, y = outputs(found.model, part)
        assert score == pytest.approx(float((rows.argmax(-1) == y).double().mean()))
    assert found.test >= 0.9
    assert found.deviation < 1e-5
    assert_same_weights(net, before)
    graphdam.save_compact(found.model, tmp_path / "small")
    assert_same_weights(graphdam.load_compact(kind, tmp_path / "small"), found.model)


def test_a_list_of_data_will_do() -> None:
    found = narrow(made(Pooled), tiny_graphs(150), settings=quick(epochs=4))
    assert found.test == narrow(made(Pooled), GRAPHS, settings=quick(epochs=4)).test


def test_a_seed_gives_the_same_bits_and_goes_on_after_an_interruption(tmp_path: Path) -> None:
    def interrupted(line: Any) -> None:
        if line.epoch == 9:
            raise KeyboardInterrupt

    settings, file = quick(epochs=15), tmp_path / "checkpoint"
    whole = narrow(made(Pooled), GRAPHS, settings=settings, seed=3)
    torch.rand(5)  # the caller's generator has no say
    stored: dict[str, Any] = {"seed": 3, "checkpoint": file, "checkpoint_seconds": 0}
    with pytest.raises(KeyboardInterrupt):
        narrow(made(Pooled), GRAPHS, settings=settings, on_epoch=interrupted, **stored)
    resumed = narrow(made(Pooled), GRAPHS, settings=settings, **stored)
    assert_same_weights(resumed.model, whole.model)


def test_what_is_said_of_edges_reaches_a_net_that_takes_it() -> None:
    graphs = GraphSet.of(tiny_graphs(attributes=True))
    found = narrow(made(WithAttributes), graphs, settings=quick(epochs=3))
    task = OwnGraphSetTask(quick(), graphs, found.model)
    assert task.prepare(found.model, None).named == ("edge_attr",)
    assert found.notes[-1] == "edge_weight is not used: the model takes none"
    taken = graphs.take(graphs.test)
    with torch.no_grad():
        rows = found.model(taken.x, taken.edge_index, taken.batch, taken.further["edge_attr"])
    hits = (rows.argmax(-1) == graphs.y[graphs.test]).double().mean()
    assert found.test == pytest.approx(float(hits))
    assert "edge_weight" not in " ".join(
        narrow(made(OfData), GRAPHS, settings=quick(epochs=1)).notes
    )


def test_widths_and_budgets_are_kept() -> None:
    found = narrow(made(Pooled), GRAPHS, settings=quick(epochs=8), target_widths={"first": 3})
    assert found.widths == {"first": 3, "second": 16}
    taken = GRAPHS.take(GRAPHS.test)
    inputs = (taken.x, taken.edge_index, taken.batch)
    limit = matrix_multiply_adds(made(Pooled), *inputs) // 2
    settings = quick(epochs=8, max_multiply_adds=limit // GRAPHS.test.numel())
    found = narrow(made(Pooled), GRAPHS, settings=settings)
    assert matrix_multiply_adds(found.model, *inputs) <= limit


def test_a_gated_model_can_be_trained_directly() -> None:
    taken = GRAPHS.take(GRAPHS.train)
    inputs = (taken.x, taken.edge_index, taken.batch)
    gated = graphdam.attach_gates(made(Pooled), inputs)
    Trainer(quick()).fit(gated, GRAPHS)
    assert sum(gated.widths) < 24
    assert graphdam.deviation(gated, gated.compact(), *inputs, relative=True) < 1e-5


class Small(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 12, 3, padding=1),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.MaxPool2d(4),
            nn.Flatten(),
            nn.Linear(12 * 16, 20),
            nn.ReLU(),
            nn.Linear(20, 3),
        )


def test_images_are_told_by_a_narrower_net_that_scores_what_is_said() -> None:
    images, net = tiny_images(), made(Small)
    settings = quick_images(epochs=12, fallback_margin=1.0)
    found = narrow(net, images, settings=settings)
    assert type(found.model) is Small
    assert found.start_widths == {"0": 12, "5": 20}
    assert sum(found.widths.values()) < 32
    with torch.no_grad():
        rows = found.model(images.standardised(images.test))
    hits = (rows.argmax(-1) == images.y[images.test]).double().mean()
    assert found.test == pytest.approx(float(hits))
    assert found.deviation < 1e-5
    whole = matrix_multiply_adds(net, images.standardised(images.test[:1]))
    less = quick_images(max_multiply_adds=whole // 3)
    small = narrow(net, images, settings=less).model
    assert matrix_multiply_adds(small, images.standardised(images.test[:1])) <= whole // 3


def test_a_budget_of_images_is_told_from_the_plan_where_that_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, settings = tiny_images(), quick_images(max_multiply_adds=12_000)
    planned = narrow(made(Small), images, settings=settings)
    monkeypatch.setattr(PlannedCost, "knows", lambda _: False)
    assert narrow(made(Small), images, settings=settings).widths == planned.widths


def _told(task: Any, tell: Any) -> GraphSet:
    graphs = tiny_graphs(150)
    for graph in graphs:
        graph.y = tell(graph)
    return GraphSet.of(graphs, task=task)


def test_questions_of_yes_or_no_are_answered_by_a_narrower_net() -> None:
    def tell(graph: Any) -> list[float]:
        is_dense = float(graph.num_edges > 3 * graph.num_nodes)
        return [float(graph.y == 2), torch.nan if graph.num_nodes % 2 else is_dense]

    graphs = _told("multilabel", tell)
    found = narrow(made(Pooled, classes=2), graphs, settings=quick())
    assert sum(found.widths.values()) < 32
    assert found.metric == "roc_auc"
    assert found.test > 0.9
    taken, y = graphs.take(graphs.test), graphs.y[graphs.test]
    with torch.no_grad():
        rows = found.model(taken.x, taken.edge_index, taken.batch)
    areas = [
        roc_auc_score(y[known, question], rows[known, question])
        for question, known in enumerate((~y.isnan()).t())
    ]
    assert found.test == pytest.approx(sum(areas) / 2)
    assert found.deviation < 1e-5


def test_kinds_of_atoms_and_bonds_are_looked_up_in_narrower_tables() -> None:
    graphs = tiny_graphs(150)
    for graph in graphs:
        place = torch.arange(graph.num_nodes)
        graph.x = torch.stack([place, place % 4], dim=1)
        graph.edge_attr = (graph.edge_index.sum(0) % 3)[:, None]
        graph.y = [float(graph.y == 2)]
    kept = GraphSet.of(graphs, task="multilabel", categorical=True)
    found = narrow(made(LooksUp), kept, settings=quick())
    assert found.start_widths == {"atom.0": 16, "convolve.nn.0": 32, "convolve.nn.2": 16}
    table, bond = found.model.get_submodule("atom.1"), found.model.get_submodule("bond")
    assert table.embedding_dim == bond.embedding_dim == found.widths["atom.0"]
    assert sum(found.widths.values()) < 64
    assert found.test > 0.9
    assert found.deviation < 1e-5
    with pytest.raises(SettingsError, match=r"GraphSet\.of\(…, categorical=True\) keeps them"):
        narrow(made(LooksUp), GraphSet.of(graphs, task="multilabel"), settings=quick())


@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_numbers_are_told_by_a_narrower_net_in_their_own_unit(unit: float) -> None:
    def tell(graph: Any) -> float:  # so many neighbours has a node on average
        return unit * float(graph.num_edges) / float(graph.num_nodes)

    graphs = _told("regression", tell)
    net = made(Pooled, classes=1)
    with torch.no_grad():  # so that learning begins alike in any unit
        net.classify.weight.mul_(unit)
        net.classify.bias.mul_(unit)
    settings = quick(objective="graph-regression", epochs=60, lr=0.01)
    found = narrow(net, graphs, settings=settings)
    assert sum(found.widths.values()) < 32
    assert found.metric == "mae"
    taken, y = graphs.take(graphs.test), graphs.y[graphs.test]
    with torch.no_grad():
        rows = found.model(taken.x, taken.edge_index, taken.batch)
    assert found.test == pytest.approx(float((rows - y).abs().mean()), rel=1e-4)
    assert found.test < 0.5 * float((y - y.median()).abs().mean())
    assert found.teacher_test is not None
    assert found.teacher_test > 0
    assert found.deviation < 1e-5


def test_settings_that_say_nothing_of_such_data_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"graph-classification here; received objective='node"):
        narrow(made(Pooled), GRAPHS, settings=Settings.of())
    with pytest.raises(SettingsError, match=r"graph-regression here; received .*classification'"):
        narrow(made(Pooled, classes=1), _told("regression", lambda _: 0.5), settings=quick())
    with pytest.raises(SettingsError, match=r"image-classification here; received .*'mnist'"):
        narrow(made(Small), tiny_images(), settings=Settings.of("l1", objective="dgi"))
    with pytest.raises(SettingsError, match=r"'tiny' is no set of images with settings of its own"):
        narrow(made(Small), tiny_images())
    gcn, graph = graphdam.GCN(34, 4, 2, 4, gate="dam"), graphdam.load_graph("karate")
    with pytest.raises(SettingsError, match=r"graph-classification.* is for sets of graphs"):
        Trainer(quick()).fit(gcn, graph)


def test_data_that_is_nothing_of_the_kind_is_refused() -> None:
    wrongs: list[Any] = [HeteroData(), [1, 2], 3, []]
    for wrong in wrongs:
        with pytest.raises(SettingsError, match=r"a PyG data set, or a list of Data\) or on Ima"):
            narrow(made(Pooled), wrong)


def test_a_net_that_does_not_fit_is_refused() -> None:
    class OfNodes(Pooled):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:  # type: ignore[override]
            return self.classify(self.first(x, edge_index))  # type: ignore[no-any-return]

    with pytest.raises(SettingsError, match=r"OfNodes .* called as net\(x, edge_index, batch\)"):
        narrow(made(OfNodes), GRAPHS, settings=quick())
    with pytest.raises(SettingsError, match=r"writes \[4, 2\] numbers for 4 graphs, and \[4, 3\]"):
        narrow(made(Pooled, classes=2), GRAPHS, settings=quick())
