"""Is the best rival found, at the right width, and is it said where graphdam is not on top?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_rel

from graphdam.errors import RunFolderError
from graphdam.report import RunRecord, Scores, read_record, verdict

EXAMPLE = read_record(Path(__file__).parent / "example.json")
ALONE: dict[str, Any] = {"recipe": "wide", "gate": None, "wide": None, "latency": None}


def model(width: int | list[int], *test: float, **fields: Any) -> RunRecord:
    widths = [[each] for each in ([width] * 3 if isinstance(width, int) else width)]
    whole = {"widths": widths, "test": Scores.of("accuracy", test).model_dump()}
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **whole, **fields})


def ours(width: int, *test: float) -> RunRecord:
    return model(width, *test, changed={"target_width": [width]})


def alone(width: int, *test: float, **fields: Any) -> RunRecord:
    changed = {"hidden_channels": width}
    return model(width, *test, **{**ALONE, "start_widths": [width], "changed": changed, **fields})


def beside_teacher(width: int, *test: float) -> RunRecord:
    changed = {"start_width": width, "target_width": [width]}
    return model(width, *test, start_widths=[width], changed=changed)


def l1(widths: list[int], *test: float) -> RunRecord:
    return model(widths, *test, recipe="l1", gate="l1", wide=None, penalty_weight=2.0)


def test_the_verdict_by_hand() -> None:
    records = [
        ours(8, 0.82, 0.83, 0.84),
        alone(8, 0.80, 0.81, 0.83),
        beside_teacher(8, 0.81, 0.82, 0.83),
        ours(4, 0.80, 0.80, 0.80),
        alone(4, 0.82, 0.79, 0.82),
        EXAMPLE,  # graphdam too: neither judged at a width that was set, nor a rival
    ]
    found = verdict(records)
    four, eight = found.table.rows
    p = ttest_rel([0.82, 0.79, 0.82], [0.80] * 3).pvalue
    assert four[:2] == ("4", "80.0 ± 0.0")
    assert four[2:5] == ("trained alone", "81.0 ± 1.7", f"−1.0 (p = {p:.2f})")
    assert eight[2:5] == ("narrow + teacher", "82.0 ± 1.0", "+1.0")  # +1 on every seed: no p
    assert eight[5:7] == ("trained alone", "81.3 ± 1.5")
    assert found.sentences == (
        "graphdam is on or above every recorded rival at width 8.",
        f"At width 4 graphdam is not on top: trained alone scores 1.00 points more (p = {p:.2f}).",
    )
    width, own, name, rival = found.table.data[0][:4]
    assert (width, name) == (4.0, "trained alone")
    assert [own, rival] == pytest.approx([0.8, 0.81])


@pytest.mark.parametrize(
    ("widths", "places"),
    [
        ([4, 4, 4], [4]),
        ([5, 5, 5], [8]),
        ([2, 2, 2], [4]),  # narrower than all
        ([7, 8, 9], [8]),  # their geometric mean is 7.96
        ([8, 8, 9], []),  # wider than all
    ],
)
def test_a_rival_stands_at_the_smallest_width_at_or_above_its_own(
    widths: list[int], places: list[int]
) -> None:
    records = [ours(4, 0.8, 0.8, 0.8), ours(8, 0.8, 0.8, 0.8), l1(widths, 0.7, 0.7, 0.7)]
    rows = verdict(records).table.rows
    assert [int(row[0]) for row in rows if row[2] != "–"] == places
    # a width that is not the row's own is named
    assert all((", width " in row[2]) == (widths != [4] * 3) for row in rows if row[2] != "–")


def test_what_is_no_dam_gate_beside_a_teacher_is_a_rival() -> None:
    changed = {"target_width": [8], "gate": "l1"}
    other = model(8, 0.9, 0.9, 0.9, gate="l1", changed=changed)
    untaught = model(8, 0.7, 0.7, 0.7, wide=None, changed={"target_width": [8]})
    [row] = verdict([ours(8, 0.8, 0.8, 0.8), other, untaught]).table.rows
    assert row[2].startswith("L1 gate + teacher")
    assert row[5].startswith("DAM")


def test_a_model_without_hidden_layers_is_no_rival() -> None:
    linear = alone(8, 0.9, 0.9, 0.9, start_widths=[], widths=[[]] * 3)
    assert verdict([ours(8, 0.8, 0.8, 0.8), linear]).table.rows[0][2] == "–"


def test_a_tie_is_on_top_and_a_width_without_rivals_says_so() -> None:
    records = [ours(4, 0.8, 0.8, 0.8), ours(8, 0.8, 0.8, 0.8), alone(8, 0.8, 0.8, 0.8)]
    assert verdict(records).sentences == (
        "graphdam is on or above every recorded rival at width 8.",
        "At width 4 there is no rival yet.",
    )
    assert verdict(records[1:]).sentences == (
        "graphdam is on or above every recorded rival at width 8.",
    )


def test_rivals_of_other_seeds_are_left_out_and_named() -> None:
    other = alone(8, 0.9, 0.9, 0.9, seeds=[0, 1, 3], model_seed=0)
    found = verdict([ours(8, 0.8, 0.8, 0.8), other])
    assert found.table.rows[0][2] == "–"
    assert found.sentences[-1] == "Not compared, for want of the same seeds: trained alone."


def test_embeddings_are_judged_by_their_own_dimensions() -> None:
    about = {"objective": "dgi", "start_widths": [64, 64], "prefixes": None}
    own = ours(8, 0.8, 0.8, 0.8).model_dump() | about | {"widths": [[32, 8]] * 3}
    cut = {"objective": "dgi", "widths": [[256]] * 3, "start_widths": [256]}
    pca = alone(8, 0.7, 0.7, 0.7, **cut, reduction={"method": "pca", "width": 8})
    found = verdict([RunRecord.model_validate(own), pca])
    assert found.table.rows[0][2] == "PCA of wide (output only)"


@pytest.mark.parametrize(
    "fields", [{"split": "random"}, {"graphdam_version": "0.2.0"}, {"dataset": "pubmed"}]
)
def test_several_settings_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(RunFolderError, match=r"are not held against each other: name records of"):
        verdict([ours(8, 0.8, 0.8, 0.8), alone(8, 0.7, 0.7, 0.7, **fields)])


def test_without_a_set_width_there_is_no_verdict() -> None:
    with pytest.raises(RunFolderError, match=r"None of 1 records .* --target-width 8` makes"):
        verdict([EXAMPLE])
