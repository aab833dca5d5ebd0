"""What everything that an encoder can be trained to do must keep."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphdam.data import Graph, load_graph
from graphdam.nn import Encoder
from graphdam.objectives import Objective, PreparedGraph, prepare_graph
from graphdam.training import Settings, build_gated, build_objective, build_wide
from graphdam.training.recipes import OBJECTIVES

OF_ONE_GRAPH = sorted(set(OBJECTIVES) - {"graph-classification", "graph-regression"})

every_objective = pytest.mark.parametrize("name", OF_ONE_GRAPH)

NEARLY_NOTHING = 1e-3
"""What the ridge of an embedding's decoder leaves of a teacher that imitates itself."""


class Case:
    """An objective with a gated student and its wide teacher on the block model."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        self.graph: Graph = load_graph("sbm")
        given: dict[str, Any] = {"hidden_channels": 24, "start_width": 12}
        if name in ("gae", "vgae"):
            given["embedding_channels"] = 16
        self.settings = Settings.of(objective=name, dataset="sbm", epochs=10, **given)
        self.student: Encoder = build_gated(self.settings, self.graph)
        self.teacher: Encoder = build_wide(self.settings, self.graph)
        self.objective = build_objective(self.settings, self.graph, self.student, seed=0)
        self.of_teacher: Objective = self.objective.for_teacher(self.teacher)
        self.prepared: PreparedGraph = prepare_graph(
            self.student, self.objective.training_graph(self.graph)
        )
        self.objective.begin_epoch()

    def taught(self) -> Tensor:
        with torch.no_grad():
            return self.of_teacher.outputs(self.teacher.eval(), self.prepared)

    def told(self) -> Tensor:
        return self.objective.outputs(self.student, self.prepared)


@every_objective
def test_the_loss_is_a_finite_scalar_that_reaches_every_weight(name: str) -> None:
    for of_teacher in (False, True):
        case = Case(name)
        objective = case.of_teacher if of_teacher else case.objective
        encoder = case.teacher if of_teacher else case.student
        outputs = objective.outputs(encoder, case.prepared)
        assert outputs.size(0) == case.graph.num_nodes
        loss = objective.loss(encoder, case.prepared, outputs)
        assert loss.shape == ()
        assert bool(loss.isfinite())
        loss.backward()  # type: ignore[no-untyped-call]
        learnt = [p for p in (*encoder.parameters(), *objective.parameters()) if p.requires_grad]
        for parameter in learnt:
            assert parameter.grad is not None
            assert bool(parameter.grad.isfinite().all())
        assert all(bool(p.grad.any()) for p in encoder.convs.parameters() if p.grad is not None)


@every_objective
def test_descent_lowers_the_loss(name: str) -> None:
    case = Case(name)
    objective, encoder = case.of_teacher, case.teacher
    learnt = [p for p in (*encoder.parameters(), *objective.parameters()) if p.requires_grad]
    optimiser, losses = torch.optim.Adam(learnt, lr=0.03), []
    for _ in range(30):
        objective.begin_epoch()
        loss = objective.loss(encoder, case.prepared, objective.outputs(encoder, case.prepared))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        objective.after_step(encoder)
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.99 * sum(losses[:5])


@every_objective
def test_a_teacher_that_imitates_itself_misses_nothing(name: str) -> None:
    case = Case(name)
    taught = case.taught()
    assert float(case.objective.imitation(taught.clone(), taught)) == pytest.approx(
        0, abs=NEARLY_NOTHING
    )
    assert float(case.objective.disagreement(taught.clone(), taught)) == pytest.approx(
        0, abs=NEARLY_NOTHING
    )


@every_objective
def test_imitation_is_positive_and_teaches_the_student_alone(name: str) -> None:
    case = Case(name)
    taught = case.taught()
    loss = case.objective.imitation(case.told(), taught)
    assert loss.shape == ()
    assert float(loss.detach()) > 0
    loss.backward()  # type: ignore[no-untyped-call]
    assert not taught.requires_grad
    assert all(p.grad is None for p in case.teacher.parameters())
    assert all(p.grad is not None and bool(p.grad.any()) for p in case.student.convs.parameters())
    # offsets too: that is how a width is learnt under a teacher
    assert all(p.grad is not None for p in case.student.gates.parameters())


@every_objective
def test_imitation_can_be_descended(name: str) -> None:
    case = Case(name)
    taught = case.taught()
    optimiser, losses = torch.optim.Adam(case.student.parameters(), lr=0.02), []
    for _ in range(40):
        loss = case.objective.imitation(case.told(), taught)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


@every_objective
def test_the_uninformed_answer_is_the_same_everywhere_and_says_less_than_the_teacher(
    name: str,
) -> None:
    case = Case(name)
    taught = case.taught()
    constant = case.objective.uninformed(taught)
    assert len(constant) == len(taught)
    torch.testing.assert_close(constant, constant[:1].expand_as(constant))
    information = float(case.objective.disagreement(constant, taught))
    assert math.isfinite(information)
    assert information > 0
    assert information > float(case.objective.disagreement(taught, taught))


@every_objective
@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_evaluations_are_shares(name: str, part: Any) -> None:
    case = Case(name)
    with torch.no_grad():
        outputs = case.objective.outputs(case.student.eval(), case.prepared)
    found = case.objective.evaluate(outputs, case.prepared, part)
    assert 0 <= found.score <= 1
    assert math.isfinite(found.loss)
    assert case.objective.num_scored(case.prepared, part) > 0
    assert case.objective.evaluate(outputs, case.prepared, part) == found


@every_objective
@pytest.mark.parametrize("training", [True, False])
def test_scores_are_shares_led_by_the_metric_and_leave_the_mode_alone(
    name: str, training: bool
) -> None:
    case = Case(name)
    case.student.train(training)
    scores = case.objective.score(case.student, case.prepared, "test")
    assert case.objective.metric in scores
    assert all(0 <= score <= 1 for score in scores.values())
    assert all(module.training == training for module in case.student.modules())
    assert case.objective.score(case.student, case.prepared, "test") == scores


@every_objective
def test_a_compact_encoder_scores_as_the_gated_one(name: str) -> None:
    case = Case(name)
    for gate in case.student.gates:
        gate.set_offset(gate.offset_of(5))  # type: ignore[operator]
    small = case.student.compact()
    assert small.widths == [5] * len(case.student.widths)
    gated = case.objective.score(case.student, case.prepared, "val")
    assert case.objective.score(small, case.prepared, "val") == pytest.approx(gated, abs=0.02)


@every_objective
def test_a_teacher_shares_what_is_owned_by_nobody_and_nothing_else(name: str) -> None:
    case = Case(name)
    owns = list(case.objective.parameters())
    if not owns:
        assert case.of_teacher is case.objective
        return
    assert case.of_teacher is not case.objective
    assert type(case.of_teacher) is type(case.objective)
    assert case.of_teacher.metric == case.objective.metric
    shared = {id(value) for value in owns} & {id(v) for v in case.of_teacher.parameters()}
    assert not shared
    case.objective.begin_epoch()  # both are asked the same
    told, taught = torch.randn(2, case.graph.num_nodes, 4)
    assert torch.equal(
        case.objective.imitation(told, taught), case.of_teacher.imitation(told, taught)
    )


@every_objective
def test_a_state_restores_it(name: str) -> None:
    case, other = Case(name), Case(name)
    with torch.no_grad():
        for value in case.objective.parameters():
            value.add_(torch.randn_like(value))
    other.objective.load_state_dict(case.objective.state_dict())
    for one, two in zip(case.objective.parameters(), other.objective.parameters(), strict=True):
        assert torch.equal(one, two)
    assert isinstance(case.objective, nn.Module)


@every_objective
def test_the_same_seed_draws_the_same(name: str) -> None:
    losses = []
    for _ in range(2):
        case = Case(name)
        torch.manual_seed(5)
        case.objective.begin_epoch()
        outputs = case.objective.outputs(case.student, case.prepared)
        losses.append(float(case.objective.loss(case.student, case.prepared, outputs).detach()))
    assert losses[0] == losses[1]


@every_objective
def test_labels_that_are_hidden_change_no_imitation(name: str) -> None:
    """A student may be taught where nobody knows the labels."""
    case = Case(name)
    blind = replace(case.graph, y=torch.full_like(case.graph.y, -1))
    objective = build_objective(case.settings, blind, case.student, seed=0)
    taught = case.taught()
    told = case.told().detach()
    assert torch.equal(objective.imitation(told, taught), case.objective.imitation(told, taught))
