"""Is the front made of exactly those that nothing beats?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graphdam.report import pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    def beaten(cost: int, score: int) -> bool:
        return any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)

    front = pareto_front(points)
    assert {points[at] for at in front} == {point for point in points if not beaten(*point)}
    assert [points[at] for at in front] == sorted({points[at] for at in front})


def test_of_equals_the_first_stays() -> None:
    assert pareto_front([(2, 0.5), (2, 0.5), (1, 0.5)]) == [2]
    assert pareto_front([(1, 0.5), (1, 0.5)]) == [0]
    assert pareto_front([]) == []
