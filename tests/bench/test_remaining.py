"""Is the time left what the finished units say?"""

from __future__ import annotations

import pytest

from graphdam.bench import Cell
from graphdam.bench.remaining import seconds_left

CORA = Cell("cora-wide", {"dataset": "cora"})
NARROW = Cell("cora-narrow", {"dataset": "cora"})
PUBMED = Cell("pubmed-wide", {"dataset": "pubmed"})


def test_nothing_is_known_before_a_unit_has_finished() -> None:
    assert seconds_left([], [CORA], jobs=2) is None
    assert seconds_left([], [], jobs=2) == 0.0


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        ([CORA, CORA], (4.0 + 4.0) / 2),  # the median of 2, 4, 9: one slow unit changes nothing
        ([NARROW], 4.0 / 2),  # none of its own, so that of its data set
        ([PUBMED], 4.0 / 2),  # none of its data set either, so that of all
    ],
)
def test_the_nearest_kind_decides(left: list[Cell], seconds: float) -> None:
    finished = [(CORA, 2.0), (CORA, 4.0), (CORA, 9.0)]
    assert seconds_left(finished, left, jobs=2) == seconds


def test_its_own_cell_counts_more_than_its_data_set() -> None:
    finished = [(CORA, 10.0), (CORA, 10.0), (NARROW, 1.0)]
    assert seconds_left(finished, [NARROW, CORA], jobs=1) == 11.0
