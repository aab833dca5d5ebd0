"""How long two ways of computing take, compared fairly on a noisy machine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import torch

BLOCK_SECONDS = 1e-2
"""A turn of a fast call lasts at least this long, so that it is timed as warm as a slow one."""


def median_latencies(
    *calls: Callable[[], object], repeats: int = 15, warm_up: int = 3
) -> list[float]:
    """The median time of each call in seconds, the calls taken in turn.

    Taking turns makes all of them meet the same disturbances. In its turn a call is repeated for a
    few milliseconds: one fast call right after a slow one would be timed with the caches that the
    slow one left. A GPU is waited for before and after.

    Args:
        calls: what to time.
        repeats: measured turns of each.
        warm_up: turns before that are not measured.
    """
    blocks = [1] * len(calls)
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(warm_up + repeats):
        for index, call in enumerate(calls):
            seconds = _seconds(call, blocks[index])
            if turn >= warm_up:
                times[index].append(seconds)
            else:
                blocks[index] = max(1, math.ceil(BLOCK_SECONDS / max(seconds, 1e-9)))
    return [statistics.median(measured) for measured in times]


def _seconds(call: Callable[[], object], count: int) -> float:
    """The mean time of `count` calls in a row."""
    _synchronise()
    begin = time.perf_counter()
    for _ in range(count):
        call()
    _synchronise()
    return (time.perf_counter() - begin) / count


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
