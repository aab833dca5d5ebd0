"""Are GRACE's and BGRL's losses the formulas written out, and is the target the moving average?"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from embeddings import embedder, small_graph, watch
from torch import Tensor

from graphdam.objectives import Bootstrap, Grace, prepare_graph


def contrast(one: Tensor, other: Tensor, temperature: float) -> float:
    """The formula with its sums as loops."""

    def theta(a: Tensor, b: Tensor) -> float:
        return float(a @ b / (a.norm() * b.norm())) / temperature

    total = 0.0
    for i in range(len(one)):
        between = sum(math.exp(theta(one[i], other[j])) for j in range(len(other)))
        within = sum(math.exp(theta(one[i], one[j])) for j in range(len(one)) if j != i)
        total -= math.log(math.exp(theta(one[i], other[i])) / (between + within))
    return total / len(one)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("temperature", [0.4, 1.5])
def test_graces_loss_is_the_formula_written_out(sparse: bool, temperature: float) -> None:
    graph = small_graph(sparse=sparse)
    encoder = embedder(graph)
    objective = Grace(graph, encoder, temperature=temperature, projection_channels=5).double()
    prepared = prepare_graph(encoder, graph)
    outputs, projected = objective.outputs(encoder, prepared), watch(objective.projection)
    loss = objective.loss(encoder, prepared, outputs)
    first, second = (each.detach() for each in projected)
    assert not torch.allclose(first, second)
    expected = contrast(first, second, temperature) + contrast(second, first, temperature)
    assert float(loss.detach()) == pytest.approx(expected / 2, rel=1e-12)
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter in (*encoder.parameters(), *objective.parameters()):
        assert parameter.grad is not None
        assert bool(parameter.grad.isfinite().all())


def test_grace_contrasts_at_most_so_many_nodes_and_the_same_in_both_views() -> None:
    graph = small_graph()
    encoder = embedder(graph)
    nothing_lost = (0.0, 0.0)
    objective = Grace(
        graph,
        encoder,
        edge_dropout=nothing_lost,
        feature_masking=nothing_lost,
        num_contrasted=10,
    ).double()
    prepared = prepare_graph(encoder, graph)
    outputs, projected = objective.outputs(encoder, prepared), watch(objective.projection)
    chosen = set()
    for _ in range(20):
        objective.loss(encoder, prepared, outputs)
        first, second = projected[-2:]
        assert first.shape == (10, 128)
        torch.testing.assert_close(first, second)
        whole = objective.projection(outputs)
        projected.pop()
        distance = torch.cdist(first, whole)
        chosen |= set(distance.argmin(1).tolist())
    assert len(chosen) > 30


def test_a_node_that_counted_itself_among_the_others_would_be_noticed() -> None:
    graph = small_graph()
    encoder = embedder(graph)
    objective = Grace(graph, encoder, projection_channels=5).double()
    z = F.normalize(torch.randn(8, 5, dtype=torch.float64))
    other = F.normalize(torch.randn(8, 5, dtype=torch.float64))
    right = objective._contrast(z, other)
    assert float(right) == pytest.approx(contrast(z, other, 0.4))
    both = torch.cat([z @ other.t(), z @ z.t()], 1) / 0.4
    wrong = (both.logsumexp(1) - both.diagonal()).mean()
    assert abs(float(right - wrong)) > 1e-2


@pytest.mark.parametrize("sparse", [False, True])
def test_bgrls_loss_is_the_formula_written_out(sparse: bool) -> None:
    graph = small_graph(sparse=sparse)
    encoder = embedder(graph)
    objective = Bootstrap(graph, encoder, predictor_channels=7).double()
    with torch.no_grad():  # apart from the online encoder
        for value in objective.target.parameters():
            value.add_(0.3)
    prepared = prepare_graph(encoder, graph)
    outputs = objective.outputs(encoder, prepared)
    online, target = watch(encoder), watch(objective.target)
    loss = objective.loss(encoder, prepared, outputs)
    assert len(online) == len(target) == 2
    total = 0.0
    for view, other in ((0, 1), (1, 0)):
        predicted, followed = objective.predictor(online[view]).detach(), target[other]
        for p, h in zip(predicted, followed, strict=True):
            total += float(p @ h / (p.norm() * h.norm()))
    assert float(loss.detach()) == pytest.approx(2 - total / graph.num_nodes, rel=1e-12)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(value.grad is None for value in objective.target.parameters())
    assert all(value.grad is not None for value in encoder.parameters())
    assert all(value.grad is not None for value in objective.predictor.parameters())


def test_both_encoders_see_the_same_two_views() -> None:
    graph = small_graph()
    encoder = embedder(graph)
    objective = Bootstrap(graph, encoder).double()
    prepared = prepare_graph(encoder, graph)
    online, target = watch(encoder), watch(objective.target)
    objective.loss(encoder, prepared, torch.empty(0))
    for one, other in zip(online, target, strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.allclose(online[0], online[1])


def test_the_target_is_the_moving_average_written_out() -> None:
    graph = small_graph()
    encoder = embedder(graph, norm="batch_norm")
    objective = Bootstrap(graph, encoder, momentum=0.9).double()
    average = {name: value.clone() for name, value in encoder.state_dict().items()}
    for name, value in objective.target.state_dict().items():
        assert torch.equal(value, average[name])
    for _ in range(5):
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(torch.randn_like(parameter))
        encoder(graph.x, graph.edge_index)  # moves the running statistics
        objective.after_step(encoder)
        for name, value in encoder.state_dict().items():
            if value.is_floating_point():
                average[name] = 0.9 * average[name] + 0.1 * value
            else:
                average[name] = value.clone()
    for name, value in objective.target.state_dict().items():
        torch.testing.assert_close(value, average[name], rtol=1e-12, atol=1e-12)


def test_the_target_shares_nothing_with_the_online_encoder() -> None:
    graph = small_graph()
    encoder = embedder(graph)
    objective = Bootstrap(graph, encoder)
    before = {name: value.clone() for name, value in objective.target.state_dict().items()}
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(1)
    for name, value in objective.target.state_dict().items():
        assert torch.equal(value, before[name])
    assert not any(parameter.requires_grad for parameter in objective.target.parameters())


@pytest.mark.parametrize("kind", [Grace, Bootstrap])
def test_a_teacher_is_trained_with_the_same_options(kind: type[Grace] | type[Bootstrap]) -> None:
    graph = small_graph()
    objective = kind(graph, embedder(graph), edge_dropout=(0.1, 0.5), feature_masking=(0.2, 0.6))
    teacher = embedder(graph, 10)
    of_teacher = objective.for_teacher(teacher)
    assert of_teacher.options == objective.options
    assert of_teacher.drops == objective.drops == ((0.1, 0.2), (0.5, 0.6))
    shared = {id(value) for value in objective.parameters()}
    assert not shared & {id(value) for value in of_teacher.parameters()}
    loss = of_teacher.double().loss(teacher, prepare_graph(teacher, graph), torch.empty(34, 10))
    assert bool(loss.isfinite())
