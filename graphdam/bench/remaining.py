"""How long a bench still takes, judged by what it has finished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from graphdam.bench.grid import Cell


def seconds_left(
    finished: Iterable[tuple[Cell, float]], left: Sequence[Cell], *, jobs: int
) -> float | None:
    """The time that units of these cells take on `jobs` cores; `None` before one has finished.

    A unit takes the median of the finished ones of its cell, else of those on the same data set
    with the same model and objective, else of all. To cut a model takes next to no time.

    >>> cora, pubmed = Cell("a", {"dataset": "cora"}), Cell("b", {"dataset": "pubmed"})
    >>> seconds_left([(cora, 2.0), (cora, 4.0), (pubmed, 30.0)], [cora, cora, pubmed], jobs=2)
    18.0
    """
    seconds: dict[object, list[float]] = {}
    left = [cell for cell in left if cell.reduction is None]
    for cell, taken in finished:
        if cell.reduction is not None:
            continue
        for kind in _kinds(cell):
            seconds.setdefault(kind, []).append(taken)
    if not seconds:
        return None if left else 0.0
    medians = {kind: median(values) for kind, values in seconds.items()}
    total = sum(next(medians[kind] for kind in _kinds(cell) if kind in medians) for cell in left)
    return total / jobs


def _kinds(cell: Cell) -> tuple[object, ...]:
    """What a cell may be judged by, the nearest first."""
    about = tuple(cell.settings.get(name) for name in ("dataset", "model", "objective"))
    return cell.name, about, None
