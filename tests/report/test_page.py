"""Are records that do not belong together kept apart, and is what is missing said?"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from graphdam.errors import RunFolderError
from graphdam.report import (
    CellPlan,
    MissingCell,
    RunRecord,
    Scores,
    comparison,
    group_records,
    read_record,
    to_csv,
    to_markdown,
    with_missing,
    without,
    write_group,
)

EXAMPLE = read_record(Path(__file__).parent / "example.json")
WIDE = {"recipe": "wide", "gate": None, "wide": None, "latency": None, "deviation": 0.0}


def altered(**fields: Any) -> RunRecord:
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **fields})


def missing(**fields: Any) -> MissingCell:
    plan = {"dataset": "cora", "split": "public", "model": "gcn", "command": "x", "seeds": [0, 1]}
    plan |= {"objective": EXAMPLE.objective, **fields}
    return MissingCell(
        "cora-gcn-x", CellPlan.model_validate(plan), "0.1.0", "failed: a loss | nan."
    )


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"widths": [[9]] * 3}, ["cora-{0}-public"]),
        ({"model": "gat"}, ["cora-{0}-public"]),
        ({"dataset": "my graph/1"}, ["cora-{0}-public", "my-graph-1-{0}-public"]),
        ({"split": "random"}, ["cora-{0}-public", "cora-{0}-random"]),
        ({"objective": "dgi"}, ["cora-{0}-public", "cora-dgi-public"]),
        (
            {"graphdam_version": "0.2.0"},
            ["cora-{0}-public-graphdam-0.1.0", "cora-{0}-public-graphdam-0.2.0"],
        ),
        (
            {"test": Scores.of("roc_auc", [0.7, 0.8, 0.9]).model_dump()},
            ["cora-{0}-public-accuracy", "cora-{0}-public-roc_auc"],
        ),
    ],
)
def test_only_what_is_comparable_shares_a_table(fields: dict[str, Any], names: list[str]) -> None:
    groups = group_records([EXAMPLE, altered(**fields)])
    assert [group.name for group in groups] == [name.format(EXAMPLE.objective) for name in names]
    assert sum(len(group.records) for group in groups) == 2


def test_versions_in_one_table_are_refused() -> None:
    message = r"Records of graphdam 0\.1\.0 and 0\.2\.0 are not put into one table"
    with pytest.raises(RunFolderError, match=message):
        comparison([EXAMPLE, altered(graphdam_version="0.2.0")])


def test_a_missing_cell_has_a_row_with_its_reason() -> None:
    table = with_missing(comparison([EXAMPLE]), [missing()])
    assert table.columns[-1] == "missing because"
    assert table.rows[0][-1] == ""
    shown = dict(zip(table.columns, table.rows[1], strict=True))
    assert (shown["data set"], shown["model"], shown["method"]) == ("Cora", "GCN", "cora-gcn-x")
    assert (shown["test accuracy (%)"], shown["parameters"]) == ("–", "–")
    assert shown["missing because"] == "failed: a loss | nan."
    assert "failed: a loss \\| nan." in to_markdown(table)
    [record, cell] = csv.DictReader(io.StringIO(to_csv(table)))
    assert (record["failure"], cell["failure"]) == ("", "failed: a loss | nan.")
    assert (cell["method"], cell["test_mean"]) == ("cora-gcn-x", "")
    assert with_missing(comparison([EXAMPLE]), []) == comparison([EXAMPLE])


@pytest.mark.parametrize(
    ("fields", "members"),
    [
        ({}, [(1, 1)]),
        ({"split": None}, [(1, 1)]),
        ({"split": "random"}, [(1, 0), (0, 1)]),
        ({"dataset": "pubmed"}, [(1, 0), (0, 1)]),
    ],
)
def test_a_missing_cell_stands_where_its_record_would(
    fields: dict[str, Any], members: list[tuple[int, int]]
) -> None:
    groups = group_records([EXAMPLE], [missing(**fields)])
    assert [(len(group.records), len(group.missing)) for group in groups] == members


def test_a_group_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    wide = altered(**WIDE, widths=[[256]] * 3, notes=["seed 1: odd"])
    [group] = group_records([EXAMPLE, wide], [missing()])
    one, two = write_group(group, tmp_path / "one"), write_group(group, tmp_path / "two")
    assert [file.suffix for file in one] == [".md", ".csv", ".png", ".png"]
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]
    page = one[0].read_text(encoding="utf-8")
    assert page.startswith("# Cora · ")
    assert "Split: public." in page
    assert "- Cora, GCN, trained alone, width 256: seed 1: odd." in page
    for picture in one[2:]:
        assert f"]({picture.name})" in page


def test_a_groups_page_says_who_is_on_top(tmp_path: Path) -> None:
    own = altered(changed={"target_width": [8]}, widths=[[8]] * 3)
    worse = Scores.of("accuracy", [0.8, 0.8, 0.8]).model_dump()
    narrow = altered(**WIDE, start_widths=[8], widths=[[8]] * 3, test=worse)
    gat = altered(model="gat")  # no width was set: nothing to judge
    [group] = group_records([own, narrow, gat])
    page = write_group(group, tmp_path)[0].read_text(encoding="utf-8")
    assert page.count("the best rival at every width") == 1
    assert "graphdam is on or above every recorded rival at width 8." in page


def test_a_group_of_failures_alone_is_written_too(tmp_path: Path) -> None:
    [group] = group_records([], [missing()])
    files = write_group(group, tmp_path)
    assert [file.suffix for file in files] == [".md", ".csv"]
    assert "failed: a loss" in files[0].read_text(encoding="utf-8")


def test_further_scores_have_columns_of_their_own() -> None:
    scores = {"macro_f1": Scores.of("macro_f1", [0.5, 0.6, 0.7]).model_dump()}
    table = comparison([altered(further=scores), altered(**WIDE, widths=[[256]] * 3)])
    at = table.columns.index("test macro-F1 (%)")
    assert [row[at] for row in table.rows] == ["–", "60.0 ± 10.0"]
    data = table.data_columns.index("test_macro_f1_mean")
    assert [row[data] for row in table.data] == [None, pytest.approx(0.6)]


def test_clusters_and_stability_have_columns_where_they_are_told() -> None:
    scores = {"nmi": Scores.of("nmi", [0.5, 0.6, 0.7]).model_dump()}
    table = comparison([altered(further=scores, stability=0.875), altered(stability=None)])
    for name, cells in (
        ("NMI (%)", ["60.0 ± 10.0", "–"]),
        ("alike over seeds (CKA)", ["0.88", "–"]),
    ):
        at = table.columns.index(name)
        assert sorted(row[at] for row in table.rows) == sorted(cells)
    data = table.data_columns.index("stability")
    assert {row[data] for row in table.data} == {0.875, None}
    assert table.data_columns[-3:] == ("nmi_mean", "nmi_std", "stability")
    assert "alike over seeds (CKA)" not in comparison([EXAMPLE]).columns


def test_a_width_that_was_not_reached_is_said() -> None:
    asked = altered(changed={"target_width": [10]}, widths=[[10], [10], [12]])
    reached = altered(changed={"target_width": [10]}, widths=[[10]] * 3)
    column = comparison([asked]).columns.index("width per layer")
    assert comparison([asked]).rows[0][column] == "10–12 (asked for 10)"
    assert comparison([reached]).rows[0][column] == "10"


def test_columns_can_be_left_out() -> None:
    table = without(comparison([EXAMPLE]), "data set", "split", "no such")
    assert table.columns[0] == "model"
    assert table.rows[0][:2] == ("GCN", "DAM + teacher")
    assert table.labels == 2
    assert table.data == comparison([EXAMPLE]).data
