"""Do the tables say what the records say, in words and numbers that people read easily?"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from scipy.stats import ttest_rel

from graphdam.report import (
    RunRecord,
    Scores,
    before_after,
    caption,
    comparison,
    deviation_line,
    notes,
    paired_difference,
    prefix_table,
    read_record,
    run_title,
    to_csv,
    to_markdown,
    to_rich,
)
from graphdam.report.numbers import factor, human, score_text, widths_text
from graphdam.report.table import markdown

EXAMPLE = read_record(Path(__file__).parent / "example.json")
WIDE = {"recipe": "wide", "gate": None, "wide": None, "latency": None, "deviation": 0.0}


def altered(record: RunRecord = EXAMPLE, **fields: Any) -> RunRecord:
    return RunRecord.model_validate({**record.model_dump(), **fields})


def wide_run(*test: float, **fields: Any) -> RunRecord:
    scores = Scores.of("accuracy", test).model_dump()
    return altered(**{**WIDE, "widths": [[256]] * 3, "test": scores, **fields})


def one_seed() -> RunRecord:
    content = EXAMPLE.model_dump()
    lists = ("seeds", "widths", "parameters", "multiply_adds", "seconds", "selected_epochs")
    for name in (*lists, "prefixes"):
        content[name] = content[name][1:2]
    for scores in (content, content["wide"]):
        scores["val"] = Scores.of("accuracy", [0.8]).model_dump()
        scores["test"] = Scores.of("accuracy", [0.83]).model_dump()
    return RunRecord.model_validate(content)


def test_before_after_by_hand() -> None:
    # 256 / 12 = 21.3, 256 / 8 = 32; 368,903 / 17,299 = 21.3, / 11,535 = 32.0;
    # 17 M / 0.78 M = 21.8, / 0.52 M = 32.7; 3.3 / 0.3 = 11; 83 − 81 = 2; 80 − 79 = 1
    assert to_markdown(before_after(EXAMPLE)) == "\n".join(
        [
            "|                            | wide (teacher) |    compact |          change |",
            "| :------------------------- | -------------: | ---------: | --------------: |",
            "| hidden width               |            256 |       8–12 | 21–32× narrower |",
            "| parameters                 |          369 k |    12–17 k |    21–32× fewer |",
            "| multiply-adds              |           17 M |  520–780 k |    22–33× fewer |",
            "| latency (ms, 1 thread)     |            3.3 |        0.3 |      11× faster |",
            "| test accuracy (%, 3 seeds) |     81.0 ± 1.0 | 83.0 ± 1.0 |     +2.0 points |",
            "| val. accuracy (%, 3 seeds) |     79.0 ± 1.0 | 80.0 ± 1.0 |     +1.0 points |",
        ]
    )


def test_an_embeddings_further_scores_stand_beside_the_wide_ones() -> None:
    def scores(f1: float, nmi: float) -> dict[str, Any]:
        return {
            "macro_f1": Scores.of("macro_f1", [f1] * 3).model_dump(),
            "nmi": Scores.of("nmi", [nmi] * 3).model_dump(),
        }

    wide = {**EXAMPLE.model_dump()["wide"], "further": scores(0.8, 0.5)}
    record = altered(objective="dgi", wide=wide, further=scores(0.75, 0.625))
    table = before_after(record)
    assert table.rows[0][0] == "width of the embedding"
    assert table.rows[-3:-1] == (
        ("test macro-F1 (%, 3 seeds)", "80.0 ± 0.0", "75.0 ± 0.0", "−5.0 points"),
        ("NMI (%, 3 seeds)", "50.0 ± 0.0", "62.5 ± 0.0", "+12.5 points"),
    )
    assert table.data[-1] == ("nmi", 0.5, 0.625, None, 0.125)
    assert table.data[-2][0] == "test_macro_f1"
    assert run_title(record) == "cora · gcn · dgi · default · public split"
    assert run_title(EXAMPLE) == "cora · gcn · default · public split"
    alone = before_after(altered(objective="dgi", wide=None, further=scores(0.75, 0.625)))
    assert alone.rows[-2] == ("NMI (%, 3 seeds)", "62.5 ± 0.0")


def test_an_error_is_no_percentage() -> None:
    def further(*errors: float) -> dict[str, Any]:
        return {"mse": Scores.of("mse", errors).model_dump()}

    wide = {**EXAMPLE.model_dump()["wide"], "further": further(0.05, 0.05, 0.05)}
    record = altered(objective="reconstruction", wide=wide, further=further(0.07, 0.08, 0.09))
    row = before_after(record).rows[5]
    assert row == ("test MSE (3 seeds)", "0.0500 ± 0.0000", "0.0800 ± 0.0100", "+0.0300")
    table = comparison([record])
    at = table.columns.index("test MSE")
    assert table.rows[0][at] == "0.0800 ± 0.0100"


def test_before_after_data_is_unrounded() -> None:
    rows = {
        row["quantity"]: row for row in csv.DictReader(io.StringIO(to_csv(before_after(EXAMPLE))))
    }
    assert float(rows["width of layer 1"]["compact"]) == pytest.approx(28 / 3)
    assert float(rows["parameters"]["ratio"]) == pytest.approx(368903 * 3 / (11535 * 2 + 17299))
    assert float(rows["test_accuracy"]["difference"]) == pytest.approx(0.02)


def test_one_seed_shows_no_deviation() -> None:
    text = to_markdown(before_after(one_seed())) + caption([one_seed()])
    assert "±" not in text
    assert "seeds" not in text.lower().replace("--seeds", "")
    assert "| test accuracy (%) " in text
    assert "Seed 1." in text


def test_a_wide_run_has_one_column() -> None:
    table = before_after(wide_run(0.8, 0.81, 0.82))
    assert table.columns == ("", "model")
    assert table.rows[0] == ("hidden width", "256")
    assert not any("latency" in row[0] for row in table.rows)
    assert deviation_line(wide_run(0.8, 0.81, 0.82)) is None


def test_a_run_without_teacher_says_where_it_started() -> None:
    record = altered(recipe="paper", wide=None, latency=None)
    assert before_after(record).columns == ("", "compact")
    assert before_after(record).rows[0] == ("hidden width", "8–12 (from 256)")


def test_a_slower_model_is_called_slower() -> None:
    latency = {"wide_ms": 1.0, "compact_ms": 2.0, "ratio": 0.5, "threads": 2}
    row = before_after(altered(latency=latency)).rows[3]
    assert row == ("latency (ms, 2 threads)", "1.0", "2.0", "2.0× slower")
    assert factor(2, [2, 2], smaller="fewer", larger="more") == "the same"
    assert factor(10, [5, 20], smaller="fewer", larger="more") == "0.50–2.0× fewer"


def test_deviation_line() -> None:
    line = "by at most 3.1e-07 of the output's scale, the largest of 3 seeds."
    assert str(deviation_line(EXAMPLE)).endswith(line)
    assert "equal the gated model's exactly" in str(deviation_line(altered(deviation=0.0)))


def test_paired_difference_is_scipys() -> None:
    ours, theirs = [0.72, 0.80, 0.85, 0.91], [0.70, 0.79, 0.82, 0.90]
    expected = ttest_rel(ours, theirs)
    paired = paired_difference(ours, theirs)
    assert paired.mean == pytest.approx(0.0175)
    assert paired.p == expected.pvalue
    # with the seeds mixed up the same numbers say less: the order matters
    mixed = paired_difference(ours, theirs[::-1])
    assert paired.p is not None
    assert mixed.p is not None
    assert paired.p < 0.05
    assert mixed.p > 0.5


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.6, 0.7]])
def test_a_test_that_says_nothing_has_no_p(values: list[float]) -> None:
    assert paired_difference(values, [value - 0.1 for value in values]).p is None


def test_comparison_pairs_by_seed_and_not_by_position() -> None:
    wide = wide_run(0.80, 0.81, 0.85)
    turned = wide_run(0.85, 0.81, 0.80, seeds=[2, 1, 0])
    assert comparison([wide, EXAMPLE]).rows[1] == comparison([turned, EXAMPLE]).rows[1]


def test_comparison_by_hand() -> None:
    # differences 0.02, 0.02, −0.01: mean 0.01, s = 0.0173, t = 1, p(2 degrees) = 0.42
    wide = wide_run(0.80, 0.81, 0.85)
    table = comparison([EXAMPLE, wide])
    assert table.columns[6:9] == (
        "latency ratio (×)",
        "test accuracy (%)",
        "difference to wide (points)",
    )
    rows = [row[2:] for row in table.rows]
    assert rows[0][:2] == ("trained alone", "256")
    assert rows[0][4:] == ("–", "82.0 ± 2.6", "reference", "3", "public")
    assert rows[1] == (
        *("DAM + teacher", "8–12", "12–17 k", "520–780 k"),
        *("11", "83.0 ± 1.0", "+1.0 (p = 0.42)", "3", "public"),
    )
    assert table.rows[0][:2] == ("Cora", "GCN")


@pytest.mark.parametrize(
    "fields",
    [{"seeds": [0, 1, 3], "model_seed": 1}, {"split": "random"}, {"model": "gat"}],
)
def test_only_the_same_setting_and_seeds_are_compared(fields: dict[str, Any]) -> None:
    rows = comparison([wide_run(0.8, 0.81, 0.85, **fields), EXAMPLE]).rows
    assert [row[8] for row in rows] == ["reference", "–"]


def test_the_reference_is_the_widest_model_trained_alone() -> None:
    narrow = wide_run(0.7, 0.72, 0.71, start_widths=[16], widths=[[16]] * 3)
    rows = comparison([narrow, EXAMPLE, wide_run(0.8, 0.81, 0.85)]).rows
    assert [row[3] for row in rows] == ["256", "16", "8–12"]
    assert rows[0][8] == "reference"
    assert rows[1][8].startswith("−11.0 (p = ")


def test_several_metrics_are_told_apart() -> None:
    scores = Scores.of("roc_auc", [0.7, 0.71, 0.72]).model_dump()
    other = altered(dataset="tolokers", test=scores, objective="dgi")
    table = comparison([EXAMPLE, other])
    assert table.columns[2] == "objective"
    assert "test score (%)" in table.columns
    assert "71.0 ± 1.0 ROC-AUC" in table.rows[1]


def test_caption_says_how_it_was_made() -> None:
    assert caption([EXAMPLE]) == (
        "Split: public. The epoch of the highest validation accuracy. Seeds 0–2; ± is the unbiased "
        "standard deviation over them. graphdam 0.1.0, python 3.11.7, torch 2.13.0; cpu, 1 thread. "
        "Recorded 2025-01-31. Made by `graphdam train --dataset cora --seeds 3`."
    )
    both = caption([EXAMPLE, altered(split="random", threads=2, created="2025-02-01")])
    assert "Split: public / random." in both
    assert "cpu, 1 thread / cpu, 2 threads." in both
    assert "Recorded 2025-01-31 to 2025-02-01." in both
    assert "cpu, 1 thread, steps in bf16." in caption([altered(changed={"precision": "bf16"})])
    assert "paired by seed" in both
    later = altered(selection="The best from epoch 180 on.")
    sooner = altered(selection="The best from epoch 0 on.")
    assert "The best from epoch 180 / 0 on." in caption([later, sooner])
    assert "paired by seed" not in caption([later, sooner], compared=False)
    by_ogb = altered(evaluator="ogb 1.3.6, Evaluator('ogbn-arxiv')")
    assert "validation accuracy. Scored by ogb 1.3.6, Evaluator('ogbn-arxiv'). S" in caption(
        [by_ogb]
    )
    with pytest.raises(ValueError, match="at least one record, received none"):
        caption([])


def test_markdown_is_aligned_and_escaped() -> None:
    lines = markdown(["a|b", "±"], [["x\ny", "1.0"], ["256 → 8", "12345"]]).split("\n")
    assert lines[0].startswith("| a\\|b ")
    assert lines[2].startswith("| x y ")
    assert len({len(line) for line in lines}) == 1


def test_rich_shows_every_cell_and_no_markup() -> None:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(to_rich(comparison([altered(dataset="[red]mine[/red]")]), title="runs"))
    shown = console.export_text()
    assert "[red]mine[/red]" in shown
    assert "DAM + teacher" in shown


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (9949, "9.9 k"),
        (9951, "10 k"),
        (999_499, "999 k"),
        (3.2e15, "3200 T"),
    ],
)
def test_counts(count: float, text: str) -> None:
    assert human(count) == text


def test_rounding_of_scores() -> None:
    assert score_text(Scores.of("accuracy", [0.81349])) == "81.3"
    assert widths_text([[256]]) == "256"
    assert widths_text([[]]) == "–"


def test_the_curve_of_the_model_that_is_kept() -> None:
    table = prefix_table(EXAMPLE)
    assert table is not None
    assert EXAMPLE.model_seed == 1
    assert table.rows == (("2", "36.0"), ("4", "64.0"), ("8", "80.0"))
    assert table.columns == ("cut to width", "validation accuracy (%)")
    assert prefix_table(altered(prefixes=None)) is None
    assert prefix_table(altered(prefixes=[[], [], []])) is None


def test_a_note_of_many_rows_is_told_once_and_others_with_their_row() -> None:
    alone = "seed 0: its own"
    rows = [altered(notes=["the same"], widths=[[width]] * 3) for width in (8, 9)]
    told = (notes(rows) or "").splitlines()
    assert len(told) == 2 + 2
    assert all(line.startswith("- Cora, GCN, ") and "width" in line for line in told[2:])
    assert all(line.endswith(": the same.") for line in told[2:])
    rows.append(altered(notes=["the same", alone], widths=[[10]] * 3))
    *_, shared, own = (notes(rows) or "").splitlines()
    assert shared == "- Cora, GCN, 3 rows: the same."
    assert own.endswith(f": {alone}.")
    assert len((notes(rows) or "").splitlines()) == 2 + 2
    assert notes([altered(notes=[])]) is None
