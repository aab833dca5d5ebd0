"""Are latencies medians of calls that took turns?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from graphdam.evaluation.latency import median_latencies


class Clock:
    """Time that passes only while a call runs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def call(self, name: str, durations: Sequence[float]) -> Callable[[], None]:
        left = iter(durations)

        def run() -> None:
            self.order.append(name)
            self.now += next(left)

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    return clock


def test_calls_take_turns_and_the_median_is_theirs(clock: Clock) -> None:
    wide = clock.call("wide", [64.0, 64.0, 8.0, 2.0, 4.0])
    compact = clock.call("compact", [64.0, 64.0, 0.5, 1.0, 32.0])
    assert median_latencies(wide, compact, repeats=3, warm_up=2) == [4.0, 1.0]
    assert clock.order == ["wide", "compact"] * 5


def test_warming_up_is_not_measured(clock: Clock) -> None:
    assert median_latencies(clock.call("one", [1000.0, 1.0]), repeats=1, warm_up=1) == [1.0]


def test_one_slow_round_is_not_the_result(clock: Clock) -> None:
    durations = [2.0, 2.0, 512.0, 2.0, 2.0]
    assert median_latencies(clock.call("one", durations), repeats=5, warm_up=0) == [2.0]
