"""Schedules: exact at their ends, exact in their target, whatever lies between."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdam.gates import DAMGate, LinearSchedule, PenaltySchedule, WidthSchedule

quick = settings(deadline=None, max_examples=200)


def test_the_penalty_acts_inside_its_span_only() -> None:
    schedule = PenaltySchedule(0.3, begin=5, end=8)
    assert [schedule.weight_at(epoch) for epoch in range(4, 10)] == [0, 0.3, 0.3, 0.3, 0, 0]
    assert [schedule.is_active(epoch) for epoch in (4, 5, 7, 8)] == [False, True, True, False]


def test_a_penalty_without_an_end_never_ends() -> None:
    schedule = PenaltySchedule(0.3)
    assert schedule.weight_at(0) == schedule.weight_at(10**9) == 0.3


def test_an_empty_span_is_never_active() -> None:
    schedule = PenaltySchedule(0.3, begin=5, end=5)
    assert not any(schedule.is_active(epoch) for epoch in range(10))


@quick
@given(
    start=st.floats(-1e6, 1e6),
    stop=st.floats(-1e6, 1e6),
    begin=st.integers(0, 50),
    length=st.integers(0, 50),
)
def test_a_linear_schedule_is_exact_at_its_ends_and_monotone_between(
    start: float, stop: float, begin: int, length: int
) -> None:
    end = begin + length
    schedule = LinearSchedule(start, stop, begin, end)
    values = [schedule.at(epoch) for epoch in range(end + 3)]
    if length:
        assert values[: begin + 1] == [start] * (begin + 1)
    assert values[end:] == [stop] * 3
    slack = 1e-9 * max(abs(start), abs(stop), 1)
    steps = [later - earlier for earlier, later in itertools.pairwise(values)]
    assert all(step * (stop - start) >= -slack * abs(stop - start) for step in steps)


def test_the_middle_of_a_linear_schedule() -> None:
    assert LinearSchedule(2.0, -6.0, begin=4, end=8).at(6) == -2.0


@pytest.mark.parametrize("num_channels", [1, 2, 7, 16, 64, 100])
def test_every_target_width_is_reached_exactly_and_held(num_channels: int) -> None:
    for target in range(1, num_channels + 1):
        gate = DAMGate(num_channels)
        schedule = WidthSchedule(target, begin=2, end=6)
        widths = []
        for epoch in range(9):
            schedule.apply(gate, epoch)
            widths.append(gate.width)
            assert gate.offset.item() == pytest.approx(schedule.offset_at(epoch, gate), abs=1e-6)
        assert widths[:3] == [num_channels] * 3
        assert widths[6:] == [target] * 3
        assert widths == sorted(widths, reverse=True)


def test_a_width_schedule_does_not_depend_on_what_happened_before() -> None:
    schedule, one, other = WidthSchedule(3, begin=0, end=10), DAMGate(8), DAMGate(8)
    for epoch in range(7):
        schedule.apply(one, epoch)
    other.set_offset(-4.0)
    schedule.apply(other, 6)
    assert one.offset.item() == other.offset.item()


@pytest.mark.parametrize("target", [1, 9])
def test_a_target_that_the_gate_cannot_reach_is_refused(target: int) -> None:
    with pytest.raises(
        ValueError,
        match=f"The target width {target} must lie between the minimum width 2 and the number of "
        "channels 8.",
    ):
        WidthSchedule(target, 0, 10).offset_at(0, DAMGate(8, min_width=2))


@pytest.mark.parametrize(("begin", "end"), [(-1, 3), (5, 4)])
def test_spans_that_run_backwards_are_refused(begin: int, end: int) -> None:
    message = f"ends no earlier than it begins, received begin={begin} and end={end}."
    with pytest.raises(ValueError, match=message):
        PenaltySchedule(0.1, begin=begin, end=end)
    with pytest.raises(ValueError, match=message):
        LinearSchedule(0.0, 1.0, begin=begin, end=end)
    with pytest.raises(ValueError, match=message):
        WidthSchedule(3, begin=begin, end=end).offset_at(0, DAMGate(8))
