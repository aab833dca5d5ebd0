"""Which of many models are worth their cost."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Where those (cost, score) stand that no other beats in both, from the cheapest on.

    Of two that are equal in both, the first stays.

    >>> pareto_front([(4, 0.8), (1, 0.5), (2, 0.7), (3, 0.6)])
    [1, 2, 0]
    """
    front: list[int] = []
    for at in sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1], at)):
        if not front or points[at][1] > points[front[-1]][1]:
            front.append(at)
    return front
