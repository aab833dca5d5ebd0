"""The table of somebody else's GNNs: as by hand, and the committed one of the committed runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from benchmark_script import load_script
from tiny_graphs import tiny_graphs

from graphdam import load_graph

own_models = load_script("own_models")


def a_run(seed: int, *, widths: list[int], test: float, teacher_test: float) -> dict[str, Any]:
    return {
        "dataset": "cora",
        "net": "two GCN layers by hand",
        "seed": seed,
        "widths": widths,
        "test": test,
        "teacher_test": teacher_test,
        "parameters": [1000, 100],
        "multiply_adds": [900, 30],
        "deviation": 1e-7 * (seed + 1),
        "notes": [],
        "recorded": f"2026-01-0{seed + 1}",
    }


def test_a_row_is_made_of_the_seeds_of_a_network() -> None:
    first = a_run(0, widths=[9, 4], test=84.0, teacher_test=81.0)
    second = a_run(1, widths=[11, 4], test=82.0, teacher_test=82.0)
    table = own_models.table([first, second])
    (row,) = table["rows"]
    assert row == [
        *("Cora", "two GCN layers by hand", "64 → 9–11, 4", "10× fewer", "30× fewer"),
        *("81.5 ± 0.7", "83.0 ± 1.4", "2"),
    ]
    assert len(row) == len(table["columns"])
    assert "at most 2.0e-07 of their scale" in table["caption"]
    assert table["caption"].endswith("Recorded 2026-01-01 to 2026-01-02.")
    assert table["runs"] == [first, second]


@pytest.mark.parametrize("name", own_models.NETS)
def test_a_run_narrows_a_network_beside_a_wide_teacher(name: str) -> None:
    state = torch.get_rng_state()
    data: Any = tiny_graphs() if name in own_models.OF_GRAPHS else load_graph("karate")
    found = own_models.run(name, data, 0, epochs=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert max(found["widths"]) <= own_models.WIDE
    assert found["deviation"] < 1e-5
    wide, small = found["parameters"]
    assert small <= wide
    json.dumps(found)


def test_the_committed_table_is_that_of_its_runs() -> None:
    content = json.loads(own_models.RESULT.read_text(encoding="utf-8"))
    assert own_models.table(content["runs"])["rows"] == content["rows"]
    assert {run["net"] for run in content["runs"]} == set(own_models.NETS)
