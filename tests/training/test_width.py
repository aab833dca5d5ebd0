"""Do gates stand where each epoch wants them, and does the brake hold and release?"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.gates import DAMGate, open_channels
from graphdam.objectives import prepare_graph
from graphdam.training import Settings, build_gated
from graphdam.training.width import WidthControl

MakeSettings = Callable[..., Settings]
MakeControl = Callable[..., WidthControl]

SCHEDULE = {"epochs": 100, "gate_begin": 0.2, "gate_end": 0.6, "final_steepness": 16.0}


@pytest.fixture
def control(quick: MakeSettings, karate: Graph) -> MakeControl:
    def make(recipe: str = "default", **given: object) -> WidthControl:
        settings = quick(recipe, **{**SCHEDULE, **given})
        encoder = build_gated(settings, karate)
        return WidthControl(settings, encoder, prepare_graph(encoder, karate))

    return make


def offset(gate: DAMGate) -> float:
    return float(gate.offset.detach())


def test_the_steepness_grows_by_equal_factors_until_the_width_is_final(
    control: MakeControl,
) -> None:
    control_, found = control(), {}
    for epoch in range(100):
        control_.begin_epoch(epoch)
        found[epoch] = float(control_.gates[0].steepness)
    assert found[0] == found[20] == 1.0
    assert found[30] == pytest.approx(2.0)
    assert found[40] == pytest.approx(4.0)
    assert found[60] == found[99] == 16.0
    assert sorted(found.values()) == list(found.values())


def test_offsets_learn_between_begin_and_end_only(control: MakeControl) -> None:
    control_ = control(penalty_weight=0.25)
    for epoch in range(100):
        control_.begin_epoch(epoch)
        moves = 20 <= epoch < 60
        assert control_.gates[0].offset.requires_grad == moves
        assert control_.penalty_weight(epoch) == (0.25 if moves else 0.0)
        assert control_.is_final(epoch) == (epoch >= 60)


@pytest.mark.parametrize("start", [-0.001, -1.234, -2.5, -4.9])
def test_the_final_width_is_frozen_midway_between_two_thresholds(
    control: MakeControl, start: float
) -> None:
    control_ = control()
    gate = control_.gates[0]
    gate.set_offset(start)
    width = gate.width
    for _ in range(300):
        control_.end_step(0)  # the moving average forgets where the gate began
    control_.begin_epoch(60)
    assert gate.width == width
    step = gate.span / gate.num_channels
    gate.set_offset(offset(gate) + 0.49 * step)
    assert gate.width == width
    gate.set_offset(offset(gate) - 0.98 * step)
    assert gate.width == width


def test_an_offset_that_swings_ends_at_its_average(control: MakeControl) -> None:
    control_ = control()
    gate = control_.gates[0]
    average = gate.initial_offset
    for epoch in range(60):
        control_.begin_epoch(epoch)
        gate.set_offset(gate.offset_of(7 if epoch % 2 else 3))
        control_.brake.observe(gap_of_student=1.0, gap_of_teacher=1.0, information=100.0)
        average = 0.9 * average + 0.1 * offset(gate)
        control_.end_step(epoch)
    assert gate.width == 7
    control_.begin_epoch(60)
    assert gate.width == open_channels(average, 16, gate.span) == 5


@pytest.mark.parametrize("target", range(1, 17))
def test_a_target_is_met_exactly_by_the_end_of_the_schedule(
    control: MakeControl, target: int
) -> None:
    control_ = control(target_width=(target,))
    gate, widths = control_.gates[0], []
    for epoch in range(100):
        control_.begin_epoch(epoch)
        control_.end_step(epoch)
        widths.append(gate.width)
        assert not gate.offset.requires_grad
        assert control_.penalty_weight(epoch) == 0.0
    assert widths[:21] == [16] * 21
    assert widths[60:] == [target] * 40
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_a_target_is_met_where_the_schedule_ends_with_the_run(
    control: MakeControl, recipe: str
) -> None:
    control_ = control(recipe, epochs=20, gate_begin=0.0, gate_end=1.0, target_width=(3,))
    for epoch in range(20):
        control_.begin_epoch(epoch)
    assert control_.is_final(19)
    assert control_.gates[0].width == 3


def test_every_layer_has_its_own_target(control: MakeControl) -> None:
    control_ = control(num_layers=4, target_width=(8, 3, 1))
    control_.begin_epoch(60)
    assert [gate.width for gate in control_.gates] == [8, 3, 1]
    control_ = control(num_layers=4, target_width=(5,))
    control_.begin_epoch(60)
    assert [gate.width for gate in control_.gates] == [5, 5, 5]


def test_heads_share_the_targets_channels(control: MakeControl) -> None:
    control_ = control(model="gat", heads=4, target_width=(8,))
    control_.begin_epoch(60)
    assert [gate.width for gate in control_.gates] == [2]
    with pytest.raises(SettingsError) as caught:
        control(model="gat", heads=4, target_width=(6,))
    assert str(caught.value) == (
        "target_width=6 must be a multiple of the 4 attention heads, which keep the same channels."
    )


def test_tied_layers_share_one_target(control: MakeControl) -> None:
    control_ = control(jk="max", target_width=(6, 6))
    control_.begin_epoch(60)
    assert [gate.width for gate in control_.gates] == [6]
    with pytest.raises(SettingsError) as caught:
        control(jk="max", target_width=(6, 5))
    assert str(caught.value) == (
        "target_width=6,5 names 2 widths, but the encoder has 1 gate (jk='max' and 'lstm' share "
        "one among all layers)."
    )


def test_the_brake_turns_the_penalty(control: MakeControl) -> None:
    control_ = control(penalty_weight=0.5, brake_tolerance=1.0)
    assert control_.penalty_weight(30) == 0.5  # nothing has been observed
    control_.brake.observe(gap_of_student=1.25, gap_of_teacher=1.0, information=100.0)
    assert control_.penalty_weight(30) == pytest.approx(-0.25)
    assert control_.penalty_weight(60) == 0.0
    target = control(target_width=(4,), brake_tolerance=1.0)
    target.brake.observe(gap_of_student=9.0, gap_of_teacher=1.0, information=100.0)
    assert target.penalty_weight(30) == 0.0


def test_weight_decay_is_relieved_only_once_the_width_may_move(control: MakeControl) -> None:
    control_ = control(brake_tolerance=1.0)
    control_.brake.observe(gap_of_student=2.0, gap_of_teacher=1.0, information=100.0)
    for epoch in range(20):
        control_.begin_epoch(epoch)
    assert control_.brake.decay == 1.0
    control_.begin_epoch(20)
    control_.begin_epoch(21)
    assert control_.brake.decay == pytest.approx(0.81)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, 0.9), ({"target_width": (4,)}, 1.0), ({"max_parameters": 300}, 1.0)],
)
def test_a_final_width_relieves_decay_only_if_it_was_learnt(
    control: MakeControl, given: dict[str, object], expected: float
) -> None:
    control_ = control(brake_tolerance=1.0, **given)
    for epoch in range(60):
        control_.begin_epoch(epoch)
        control_.end_step(epoch)
        control_.brake.observe(gap_of_student=0.1, gap_of_teacher=1.0, information=100.0)
    for _ in range(50):
        control_.brake.observe(gap_of_student=9.0, gap_of_teacher=1.0, information=100.0)
    control_.begin_epoch(60)
    assert control_.brake.decay == pytest.approx(expected)


def test_a_control_survives_a_checkpoint(control: MakeControl) -> None:
    first, second = control(max_parameters=300), control(max_parameters=300)
    first.brake.observe(gap_of_student=0.3, gap_of_teacher=0.1, information=100.0)
    first.begin_epoch(20)
    first.gates[0](torch.ones(16)).sum().backward()
    first.end_step(20)
    second.restore(first.values())
    assert second.brake.decay < 1
    assert second.budget is not None
    assert second.budget.worths[0].any()
    assert first.values() == second.values()


@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_offsets_do_not_wander_off(control: MakeControl, recipe: str) -> None:
    control_ = control(recipe)
    gate = control_.gates[0]
    gate.set_offset(math.inf)
    control_.end_step(0)
    assert offset(gate) == pytest.approx(gate.initial_offset)
    assert gate.width == 16
    gate.set_offset(-math.inf)
    control_.end_step(0)
    assert offset(gate) == pytest.approx(gate.lowest_offset)
    assert gate.width == gate.min_width == 2


def test_a_layer_that_was_stopped_at_its_minimum_is_named(control: MakeControl) -> None:
    control_ = control(num_layers=3)
    assert control_.notes() == []
    control_.gates[1].set_offset(-100.0)
    assert control_.notes() == [
        "hidden layer 2 was stopped at the minimum width (2 channels a gate): λ would have closed "
        "it"
    ]


def test_a_student_that_never_came_close_is_noted(control: MakeControl) -> None:
    control_ = control(brake_tolerance=1.0)
    for epoch in range(60):
        control_.brake.observe(gap_of_student=9.0, gap_of_teacher=1.0, information=100.0)
        control_.begin_epoch(epoch)
    assert control_.notes() == [
        "the gated model never came as close to its teacher as the brake asks, so λ never pressed "
        "on its widths: train for more epochs, or raise brake_tolerance"
    ]


def test_a_target_at_the_minimum_needs_no_note(control: MakeControl) -> None:
    control_ = control(target_width=(1,))
    control_.begin_epoch(60)
    assert control_.gates[0].width == 1
    assert control_.notes() == []


def test_without_gates_every_epoch_is_final(quick: MakeSettings, karate: Graph) -> None:
    from graphdam.training import build_wide

    settings = quick("wide")
    encoder = build_wide(settings, karate)
    control = WidthControl(settings, encoder, prepare_graph(encoder, karate))
    assert control.is_final(0)
    assert control.penalty_weight(0) >= 0
    assert control.notes() == []
