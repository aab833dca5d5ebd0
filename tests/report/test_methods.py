"""Is every method called what it is, and told from its rivals?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphdam.errors import RunFolderError
from graphdam.report import RunRecord, comparison, merge_records, method_name, read_record
from graphdam.report.methods import line_name, wide_alone
from graphdam.report.width import narrower_part, shown_width

EXAMPLE = read_record(Path(__file__).parent / "example.json")
WIDE: dict[str, Any] = {"recipe": "wide", "gate": None, "wide": None, "latency": None}


def altered(**fields: Any) -> RunRecord:
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **fields})


def wide(**fields: Any) -> RunRecord:
    whole = {"changed": {}, "widths": [[256]] * 3, "start_widths": [256]}
    return altered(**{**WIDE, **whole, **fields})


def cut(method: str, width: int) -> dict[str, Any]:
    return {"reduction": {"method": method, "width": width}}


ALONE: dict[str, Any] = {"wide": None, "changed": {}, "penalty_weight": 0.0}


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (wide(), "trained alone"),
        (wide(changed={"act": "relu"}), "trained alone, ReLU"),
        (wide(changed={"act": "gelu"}), "trained alone, act=gelu"),
        (wide(changed={"gate_end": 0.5, "task_weight": 2.0}), "trained alone"),
        (wide(recipe="minge", widths=[[97]] * 3), "trained alone, MinGE's width"),
        (wide(recipe="random"), "random weights"),
        (wide(**cut("pca", 16)), "PCA of wide (output only)"),
        (wide(**cut("columns", 16)), "columns of wide (output only)"),
        (wide(**cut("truncate", 16)), "wide, truncated"),
        (altered(**ALONE, recipe="nested"), "nested losses"),
        (altered(**ALONE, recipe="nested", **cut("truncate", 8)), "nested losses"),
        (altered(**ALONE, recipe="l1", gate="l1"), "L1 gate"),
        (altered(changed={}), "DAM + teacher"),
        (altered(changed={"target_width": [8]}, widths=[[8]] * 3), "DAM + teacher, width set"),
        (
            altered(
                changed={"target_width": [8], "start_width": 8},
                start_widths=[8],
                widths=[[8]] * 3,
            ),
            "narrow + teacher",
        ),
    ],
)
def test_every_method_has_a_name(record: RunRecord, name: str) -> None:
    assert method_name(record) == line_name(record) == name


@pytest.mark.parametrize(
    ("record", "name", "line"),
    [
        (wide(recipe="irrelevance"), "irrelevance (masks)", "irrelevance (masks)"),
        (
            wide(recipe="aswl", changed={"target_sparsity": 0.9}),
            "ASWL (masks), target = 0.9",
            "ASWL (masks)",
        ),
        (
            wide(recipe="frank-wolfe", changed={"ball": "l2", "ball_radius": 3.0}),
            "Frank-Wolfe, l2, radius = 3",
            "Frank-Wolfe, l2",
        ),
        (
            wide(recipe="frank-wolfe", reduction={"method": "filters", "share": 0.7}),
            "Frank-Wolfe, filters removed, 70 %",
            "Frank-Wolfe, filters removed",
        ),
        (
            wide(reduction={"method": "magnitude", "share": 0.95}),
            "trained alone, smallest masked, 95 %",
            "trained alone, smallest masked",
        ),
        (
            wide(reduction={"method": "svd", "share": 0.5}),
            "trained alone, split by SVD, 50 %",
            "trained alone, split by SVD",
        ),
    ],
)
def test_a_system_is_one_line_at_every_size(record: RunRecord, name: str, line: str) -> None:
    assert (method_name(record), line_name(record)) == (name, line)


def test_limits_and_what_is_left_untuned_are_said_in_words() -> None:
    bounded = altered(changed={"max_parameters": 39_991, "epochs": 60}, penalty_weight=None)
    assert method_name(bounded) == "DAM + teacher, ≤ 40 k parameters, epochs=60"
    untuned = altered(**{**ALONE, "changed": {"gate_end": 1.0}}, recipe="l1", gate="l1")
    assert line_name(untuned) == "L1 gate, untuned"


def test_one_line_joins_every_penalty_weight() -> None:
    swept = altered(**{**ALONE, "penalty_weight": 2.0}, recipe="l0", gate="l0")
    assert method_name(swept) == "L0 gate, λ = 2"
    assert line_name(swept) == "L0 gate"
    taught = altered(changed={}, penalty_weight=1.0)
    assert method_name(taught) == "DAM + teacher"


def test_a_cut_embedding_stands_at_its_own_width_and_its_encoders_cost() -> None:
    reduced, whole = wide(objective="dgi", **cut("pca", 16)), wide(objective="dgi")
    assert shown_width(reduced) == 16
    assert shown_width(wide(objective="dgi", **cut("truncate", 16), widths=[[16]] * 3)) == 16
    table = comparison([reduced, whole])
    widths = [dict(zip(table.columns, row, strict=True))["width per layer"] for row in table.rows]
    assert widths == ["256", "256, output cut to 16"]


def test_every_method_says_whether_its_encoder_is_narrower_or_only_its_output() -> None:
    about = {"objective": "dgi"}
    rows = [wide(**about), wide(**about, **cut("pca", 16)), altered(**about)]
    assert [narrower_part(record, rows) for record in rows] == [None, "output only", "encoder"]
    truncated = wide(**about, **cut("truncate", 16), widths=[[16]] * 3)
    assert narrower_part(truncated, rows) == "encoder"
    # a wider model of another graph says nothing about this one
    other = wide(dataset="pubmed", start_widths=[512], widths=[[512]] * 3)
    assert narrower_part(wide(), [wide(), other]) is None
    table = comparison(rows)
    at = table.columns.index("narrower part")
    assert [row[at] for row in table.rows] == ["–", "output only", "encoder"]
    assert "narrower part" not in comparison([wide(), altered()]).columns


def test_a_cut_model_is_nobodys_reference() -> None:
    assert wide_alone(EXAMPLE, [EXAMPLE, wide(**cut("columns", 64))]) is None
    reference = wide()
    assert wide_alone(EXAMPLE, [EXAMPLE, wide(**cut("columns", 64)), reference]) is reference


def test_unequal_cuts_are_not_merged() -> None:
    with pytest.raises(RunFolderError, match="reduction"):
        merge_records([wide(**cut("pca", 8)), wide(**cut("pca", 16))], command="graphdam bench")
