"""Is every training run counted once?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphdam.report import RunRecord, hours, read_record
from graphdam.report.hours import core_hours

EXAMPLE = read_record(Path(__file__).parent / "example.json")


def altered(**fields: Any) -> RunRecord:
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **fields})


def test_the_table_by_hand() -> None:
    long = altered(seconds=[3600.0, 1800.0, 1800.0])
    cut = altered(seconds=long.seconds, reduction={"method": "truncate", "width": 4})
    two_threads = altered(seconds=[3600.0, 0.0, 0.0], threads=2)
    table = hours({"planetoid": [long, cut], "graphs": [two_threads]})
    assert table.rows == (
        ("planetoid", "1", "1", "3", "2.0", "1.0"),
        ("graphs", "1", "0", "3", "2.0", "1.0"),
        ("all", "2", "1", "6", "4.0", "2.0"),
    )
    assert table.data[2] == ("all", 2, 1, 6, 4.0, 2.0)


@pytest.mark.parametrize("method", ["truncate", "pca", "columns", "top-variance"])
def test_a_model_that_was_only_cut_took_no_training(method: str) -> None:
    assert core_hours(EXAMPLE) == pytest.approx(12.6 / 3600)
    assert core_hours(altered(reduction={"method": method, "width": 4})) == 0
