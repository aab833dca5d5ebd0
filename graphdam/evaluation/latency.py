"""How long two ways of computing take, compared fairly on a noisy machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def median_latencies(
    *calls: Callable[[], object], repeats: int = 15, warm_up: int = 3
) -> list[float]:
    """The median time of each call in seconds, the calls taken in turn.

    Taking turns makes all of them meet the same disturbances; a GPU is waited for before and
    after every call.

    Args:
        calls: what to time.
        repeats: measured rounds.
        warm_up: rounds before that are not measured.
    """
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(warm_up + repeats):
        for call, measured in zip(calls, times, strict=True):
            _synchronise()
            begin = time.perf_counter()
            call()
            _synchronise()
            if turn >= warm_up:
                measured.append(time.perf_counter() - begin)
    return [statistics.median(measured) for measured in times]


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
