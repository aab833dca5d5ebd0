"""Of an error less is better: is it ranked, written and drawn so everywhere?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from pydantic import ValidationError

from graphdam.report import (
    HistoryLine,
    RunRecord,
    Scores,
    before_after,
    comparison,
    draw_curves,
    draw_frontier,
    merge_records,
    read_record,
    summary,
    sweep,
    verdict,
    wide_alone,
)
from graphdam.report.figures import canvas, frontier

EXAMPLE = read_record(Path(__file__).parent / "example.json")
ALONE: dict[str, Any] = {"recipe": "wide", "gate": None, "wide": None, "latency": None}


def rmse(*values: float) -> dict[str, Any]:
    return Scores.of("rmse", values).model_dump()


def model(width: int, *test: float, **fields: Any) -> RunRecord:
    """A record of ratings over three seeds."""
    assert EXAMPLE.wide is not None
    wide = {**EXAMPLE.wide.model_dump(), "val": rmse(1.0, 1.0, 1.0), "test": rmse(1.0, 1.0, 1.0)}
    wide["further"] = {}
    about = {"model": "igmc", "objective": "rating-prediction", "dataset": "flixster"}
    scores = {"val": rmse(*test), "test": rmse(*test), "wide": wide, "further": {}}
    whole = {**about, **scores, "widths": [[width]] * 3, "prefixes": None}
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **whole, **fields})


def alone(width: int, *test: float, **fields: Any) -> RunRecord:
    changed = {"hidden_channels": width}
    return model(width, *test, **{**ALONE, "start_widths": [width], "changed": changed, **fields})


def ours(width: int, *test: float) -> RunRecord:
    return model(width, *test, changed={"target_width": [width]})


def test_an_error_may_be_above_one_and_a_share_may_not() -> None:
    assert Scores.of("rmse", [1.25, 1.75]).mean == 1.5
    assert Scores.of("rmse", [1.25]).goodness == -1.25
    assert Scores.of("auc", [0.25]).goodness == 0.25
    with pytest.raises(ValidationError, match="less than or equal to 1: 'auc' is a share"):
        Scores.of("auc", [1.25])
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Scores.of("rmse", [-0.5])


def test_the_merged_model_is_of_the_seed_with_the_least_error() -> None:
    whole = model(8, 0.9, 0.7, 0.8)
    parts = []
    for at, seed in enumerate(whole.seeds):
        own: dict[str, Any] = {
            "val": rmse(whole.val.values[at]),
            "test": rmse(whole.test.values[at]),
        }
        a_seed = {name: [getattr(whole, name)[at]] for name in ("widths", "parameters")}
        a_seed |= {name: [getattr(whole, name)[at]] for name in ("multiply_adds", "seconds")}
        own |= {"selected_epochs": [3], "model_seed": seed, "seeds": [seed], "wide": None, **a_seed}
        parts.append(RunRecord.model_validate({**whole.model_dump(), **own}))
    assert merge_records(parts, command="x").model_seed == whole.seeds[1]


def test_the_wide_reference_is_the_one_that_errs_least() -> None:
    good, bad = alone(256, 0.7, 0.7, 0.7), alone(256, 0.9, 0.9, 0.9, changed={"act": "relu"})
    assert wide_alone(good, [bad, good]) is good
    assert wide_alone(good, [good, bad]) is good


def test_a_verdict_takes_the_rival_with_the_least_error() -> None:
    records = [
        ours(8, 0.80, 0.81, 0.82),
        alone(8, 0.83, 0.84, 0.86),
        alone(8, 0.90, 0.91, 0.92, changed={"hidden_channels": 8, "act": "relu"}),
        ours(4, 0.90, 0.90, 0.90),
        alone(4, 0.88, 0.89, 0.90),
    ]
    found = verdict(records)
    four, eight = found.table.rows
    assert eight[:4] == ("8", "0.810 ± 0.010", "trained alone", "0.843 ± 0.015")
    assert eight[4].startswith("−0.0333")
    assert four[4].startswith("+0.0100")
    assert found.sentences[0] == "graphdam is on or above every recorded rival at width 8."
    assert found.sentences[1].startswith(
        "At width 4 graphdam is not on top: trained alone has 0.0100 less RMSE (p = "
    )
    assert found.table.columns[1] == "graphdam"
    assert found.table.columns[4] == "graphdam − rival"


def test_tables_tell_errors_in_their_own_unit() -> None:
    records = [alone(256, 0.7, 0.7, 0.7), model(8, 0.71, 0.72, 0.70)]
    table = comparison(records)
    row = dict(zip(table.columns, table.rows[1], strict=True))
    assert row["test RMSE"] == "0.710 ± 0.010"
    assert row["difference to wide"].startswith("+0.0100 (p = ")
    (short,) = summary(records).rows
    told = dict(zip(summary(records).columns, short, strict=True))
    assert (told["wide"], told["learnt"]) == ("0.700 ± 0.000", "0.710 ± 0.010")
    assert told["difference"].startswith("+0.0100")
    assert "test RMSE" in sweep(records).columns
    rows = {row[0]: row[1:] for row in before_after(records[1]).rows}
    assert rows["test RMSE (3 seeds)"] == ("1.000 ± 0.000", "0.710 ± 0.010", "−0.2900")
    shares = comparison([EXAMPLE]).columns
    assert "difference to wide (points)" in shares


def drawn(monkeypatch: pytest.MonkeyPatch, module: Any) -> list[Figure]:
    """The figures that a module saves."""
    figures: list[Figure] = []
    save = canvas.save_figure

    def keep(draw: Any, path: Any, **size: Any) -> Path:
        def noted(figure: Figure) -> None:
            draw(figure)
            figures.append(figure)

        return save(noted, path, **size)

    monkeypatch.setattr(module, "save_figure", keep)
    return figures


def test_a_frontier_of_errors_ends_above_and_its_front_is_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = drawn(monkeypatch, frontier)
    costs = {"multiply_adds": [1000] * 3}, {"multiply_adds": [100] * 3}, {"multiply_adds": [10] * 3}
    records = [
        alone(256, 0.70, 0.71, 0.72, **costs[0]),
        model(16, 0.71, 0.72, 0.73, **costs[1]),
        alone(4, 1.20, 1.21, 1.22, **costs[2]),
    ]
    draw_frontier(records, tmp_path / "one.png", against="multiply-adds")
    axes = figures[0].axes[0]
    low, high = axes.get_ylim()
    assert low < 0.71 < high < 1.0
    assert "↑ 1.21" in [text.get_text() for text in axes.texts]
    assert axes.get_ylabel() == "test RMSE"
    front = next(line for line in axes.lines if line.get_label() == "Pareto front")
    assert np.asarray(front.get_ydata()).tolist() == pytest.approx([1.21, 0.72, 0.71, 0.71])


def test_curves_of_errors_are_not_percent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphdam.report.figures import curves

    figures = drawn(monkeypatch, curves)
    lines = [
        HistoryLine(
            seed=0,
            epoch=epoch,
            loss=1.0 + epoch,
            train=1.0,
            val=5.0 if epoch == 0 else 0.9 - 0.01 * epoch,
            teacher_val=None,
            penalty=0.0,
            widths=[8],
            offsets=[0.0],
            steepness=1.0,
            seconds=0.0,
        )
        for epoch in range(9)
    ]
    draw_curves(lines, tmp_path / "curves.png", seed=0, metric="rmse")
    axes = figures[0].axes[1]
    assert axes.get_title() == "validation RMSE"
    assert axes.get_ylim()[1] < 1.5, "the first epoch is no reason to flatten the others"
    assert axes.get_ylim()[0] > 0.7
