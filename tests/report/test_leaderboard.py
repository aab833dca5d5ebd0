"""Does a leaderboard's row say what OGB asks for?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphdam.report import RunRecord, group_records, read_record, write_group
from graphdam.report.leaderboard import leaderboard, leaderboard_note, on_leaderboard

EXAMPLE = read_record(Path(__file__).parent / "example.json")


def altered(**fields: Any) -> RunRecord:
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **fields})


BY_OGB = altered(evaluator="ogb 1.3.6, Evaluator('ogbn-arxiv')", trained_parameters=[9, 7, 12_345])


def test_the_row_by_hand() -> None:
    table = leaderboard([BY_OGB])
    row = dict(zip(table.columns, table.rows[0], strict=True))
    test, val = BY_OGB.test, BY_OGB.val
    assert row == {
        "method": "GCN, DAM + teacher",
        "test accuracy": f"{test.mean:.4f} ± {test.std:.4f}",
        "validation accuracy": f"{val.mean:.4f} ± {val.std:.4f}",
        "seeds": "3",
        "parameters of all stages": "12,345",
        "of the model left": f"{max(BY_OGB.parameters):,}",
        "hardware": "cpu, 1 thread",
        "scored by": "ogb 1.3.6, Evaluator('ogbn-arxiv')",
        "versions": "graphdam 0.1.0, python 3.11.7, torch 2.13.0",
        "command": f"`{BY_OGB.command}`",
    }


def test_an_embedding_is_named_by_its_objective() -> None:
    table = leaderboard([altered(objective="gae", model="graphsage")])
    assert table.rows[0][0] == "GraphSAGE, GAE, DAM + teacher"


def test_a_record_from_before_says_that_it_does_not_know() -> None:
    table = leaderboard([altered(evaluator="ogb 1.3.6, Evaluator('ogbn-arxiv')")])
    assert table.rows[0][table.columns.index("parameters of all stages")] == "–"


def test_too_few_seeds_are_said() -> None:
    assert leaderboard_note([BY_OGB]).endswith("1 row has fewer: train with `--seeds 10`.")
    assert leaderboard_note([BY_OGB, BY_OGB]).endswith(
        "2 rows have fewer: train with `--seeds 10`."
    )
    ten = BY_OGB.model_copy(update={"seeds": list(range(10))})
    assert leaderboard_note([ten]).endswith("of which OGB asks for 10.")


def test_only_what_ogb_scored_has_a_row(tmp_path: Path) -> None:
    assert on_leaderboard([EXAMPLE, BY_OGB]) == [BY_OGB]
    texts = []
    for records in ([EXAMPLE], [BY_OGB]):
        (group,) = group_records(records)
        page, *_ = write_group(group, tmp_path)
        texts.append(page.read_text(encoding="utf-8"))
    assert "leaderboard" not in texts[0]
    assert "## For OGB's leaderboard" in texts[1]
    assert "12,345" in texts[1]
