"""Yes or no, and numbers, of whole graphs: by hand, by torch, and whatever the unit."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import mean_absolute_error, roc_auc_score
from tiny_graphs import tiny_graphs
from torch import Tensor, nn

from graphdam.data import GraphSet
from graphdam.objectives import Objective, Outcomes, PreparedGraphs, Regression

NOBODY = nn.Identity()


def graphs_of(task: Any, y: Tensor) -> PreparedGraphs:
    """Graphs with these targets; the first half to learn from."""
    graphs, count = tiny_graphs(len(y)), len(y)
    for graph, target in zip(graphs, y, strict=True):
        graph.y = target
    half, most = count // 2, 3 * count // 4
    split = (range(half), range(half, most), range(most, count))
    return PreparedGraphs.of(GraphSet.of(graphs, task=task, split=split))


def drawn(task: Any, *, unknown: float = 0.3, unit: float = 1.0) -> tuple[Tensor, Tensor]:
    """Targets [40, 2], some not known, and what a model says of them."""
    draw = torch.Generator().manual_seed(0)
    outputs, y = torch.randn(40, 2, generator=draw), torch.randn(40, 2, generator=draw)
    if task == "multilabel":
        y = (y > 0).float()
    y[torch.rand(40, 2, generator=draw) < unknown] = torch.nan
    return y * unit, outputs * unit


def train(prepared: PreparedGraphs, values: Tensor) -> Tensor:
    return prepared.rows(values, "train")


def test_the_loss_of_yes_and_no_is_torchs_over_what_is_known() -> None:
    y, outputs = drawn("multilabel")
    prepared = graphs_of("multilabel", y)
    known = ~train(prepared, y).isnan()
    expected = F.binary_cross_entropy_with_logits(
        train(prepared, outputs)[known], train(prepared, y)[known]
    )
    torch.testing.assert_close(Outcomes().loss(NOBODY, prepared, outputs), expected)


def test_the_area_is_scikit_learns_over_what_is_known() -> None:
    y, outputs = drawn("multilabel")
    rows, truth = outputs[30:], y[30:]
    areas = []
    for question in range(2):
        known = ~truth[:, question].isnan()
        areas.append(roc_auc_score(truth[known, question], rows[known, question]))
    found = Outcomes().evaluate(outputs, graphs_of("multilabel", y), "test")
    assert found.score == pytest.approx(sum(areas) / 2)


def test_the_error_of_numbers_is_scikit_learns_in_their_own_unit() -> None:
    y, outputs = drawn("regression", unknown=0.0, unit=50.0)
    prepared = graphs_of("regression", y)
    objective = Regression.of(y[:20])
    val, test = objective.results(outputs, prepared)
    assert val["mae"] == pytest.approx(mean_absolute_error(y[20:30], outputs[20:30]))
    assert test["mae"] == pytest.approx(mean_absolute_error(y[30:], outputs[30:]))
    found = objective.evaluate(outputs, prepared, "test")
    assert found.score < 0
    assert objective.reported(found.score) == pytest.approx(test["mae"])
    by_hand = ((outputs - y)[:20].abs() / y[:20].std(0, correction=0)).mean()
    torch.testing.assert_close(objective.loss(NOBODY, prepared, outputs), by_hand)


def test_of_targets_that_are_not_known_nothing_is_asked() -> None:
    y = torch.tensor([[1.0, torch.nan], [3.0, 5.0], [torch.nan, 9.0], [1.0, 5.0]])
    objective = Regression.of(y)
    assert objective.deviation.tolist() == pytest.approx([math.sqrt(8) / 3, math.sqrt(32) / 3])
    outputs = torch.zeros(40, 2, requires_grad=True)
    prepared = graphs_of("regression", y.repeat(10, 1))
    (gradient,) = torch.autograd.grad(objective.loss(NOBODY, prepared, outputs), outputs)
    assert torch.equal(gradient[:20] == 0, y.repeat(5, 1).isnan())
    assert objective.reported(objective.evaluate(outputs, prepared, "val").score) == pytest.approx(
        (5 / 3 + 19 / 3) / 2, rel=0.3
    )


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_no_unit_changes_what_is_descended_or_compared(unit: float) -> None:
    y, outputs = drawn("regression", unit=unit)
    _, taught = drawn("regression", unknown=0.6, unit=2 * unit)
    prepared, objective = graphs_of("regression", y), Regression.of(y[:20])
    base_y, base_outputs = drawn("regression")
    _, base_taught = drawn("regression", unknown=0.6, unit=2.0)
    base, told = graphs_of("regression", base_y), Regression.of(base_y[:20])
    pairs = [
        (objective.loss(NOBODY, prepared, outputs), told.loss(NOBODY, base, base_outputs)),
        (objective.imitation(outputs, taught), told.imitation(base_outputs, base_taught)),
    ]
    for found, expected in pairs:
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    score, same = (
        each.evaluate(said, of, "test").score
        for each, said, of in ((objective, outputs, prepared), (told, base_outputs, base))
    )
    assert score == pytest.approx(same, rel=1e-4)
    assert objective.standard_error(score, 10) == pytest.approx(told.standard_error(same, 10), 1e-4)


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_the_same_for_all_is_the_nearest_and_a_teacher_is_no_way_from_itself(task: Any) -> None:
    y, taught = drawn(task)
    objective: Objective[Any, Any] = Outcomes() if task == "multilabel" else Regression.of(y)
    same = objective.uninformed(taught)
    assert torch.equal(same, same[:1].expand_as(same))
    nearest = float(objective.imitation(same, taught))
    assert nearest > 0
    for moved in (same + 0.05, same - 0.05, same * 1.1):
        assert float(objective.imitation(moved, taught)) > nearest
    assert float(objective.imitation(taught, taught)) == pytest.approx(0.0, abs=1e-7)


def test_the_standard_error_is_that_of_many_draws() -> None:
    draw = torch.Generator().manual_seed(0)
    errors = torch.randn(4_000, 50, generator=draw).abs().mean(1)
    objective = Regression(torch.ones(1))
    assert objective.standard_error(-float(errors.mean()), 50) == pytest.approx(
        float(errors.std()), rel=0.05
    )


def test_a_constant_target_has_a_unit_too() -> None:
    assert Regression.of(torch.full((5, 1), 3.0)).deviation.tolist() == [1.0]
