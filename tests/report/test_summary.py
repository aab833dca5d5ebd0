"""Does the short table hold a row a graph, against the wide model of the same split?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphdam.errors import RunFolderError
from graphdam.report import RunRecord, read_record, summary

EXAMPLE = read_record(Path(__file__).parent / "example.json")


def altered(**fields: Any) -> RunRecord:
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **fields})


def wide(**fields: Any) -> RunRecord:
    alone = {"recipe": "wide", "gate": None, "wide": None, "latency": None}
    cost = {"widths": [[256]] * 3, "multiply_adds": [17_160_000] * 3}
    return altered(**{**alone, **cost, "test": EXAMPLE.val.model_dump(), **fields})


def test_the_table_by_hand() -> None:
    # 17.16 / 0.78 = 22, / 0.52 = 33; 83 − 80 = 3 on every seed
    set_width = altered(changed={"target_width": [8]}, widths=[[8]] * 3)
    table = summary([EXAMPLE, wide(), wide(split="random"), set_width])
    assert table.rows == (
        (
            *("Cora", "public", "256 → 8–12", "22–33× fewer", "11×", "accuracy"),
            *("80.0 ± 1.0", "83.0 ± 1.0", "+3.0"),
        ),
    )
    assert table.data == (("cora", "public", *map(pytest.approx, (0.8, 0.83, 0.03))),)


def test_splits_and_versions_are_never_held_against_each_other() -> None:
    with pytest.raises(RunFolderError, match="None of 2 records is of the default recipe with a"):
        summary([EXAMPLE, wide(split="random")])
    with pytest.raises(RunFolderError, match="are not put into one table"):
        summary([EXAMPLE, wide(graphdam_version="0.2.0")])
