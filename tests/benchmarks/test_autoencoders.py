"""Do the tables of autoencoders say what their records and the published plots say?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmark_script import ROOT, load_script

from graphdam.bench import find_bench
from graphdam.errors import DataError
from graphdam.report import RunRecord, Scores, read_record

autoencoders = load_script("autoencoders")

EXAMPLE = read_record(ROOT / "tests" / "report" / "example.json")
PLOTS = ROOT / "benchmarks" / "plots.json"


def record(dataset: str, weight: float, widths: list[int], **fields: Any) -> RunRecord:
    explained = Scores.of("explained_variance", [0.98, 0.99, 1.0]).model_dump()
    further = {
        "mse": Scores.of("mse", [0.06, 0.07, 0.08]).model_dump(),
        "macro_f1": Scores.of("macro_f1", [0.95] * 3).model_dump(),
    }
    changes = {
        "dataset": dataset,
        "model": "autoencoder",
        "objective": "reconstruction",
        "recipe": "paper",
        "penalty_weight": weight,
        "start_widths": [50],
        "widths": [[width] for width in widths],
        "val": explained,
        "test": explained,
        "further": further,
        "prefixes": None,
        "wide": None,
    }
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **changes, **fields})


def test_widths_stand_beside_the_dimension_of_their_data() -> None:
    records = [
        record("mlp-points", 0.03, [20, 21, 18]),
        record("affine-points", 0.01, [11, 11, 12]),
        record("affine-points", 0.003, [10, 11, 11]),
    ]
    assert autoencoders.dimensions(records).rows == (
        ("affine", "0.003", "11", "10, 11, 11", "2 of 3", "3 of 3", "99.0 ± 1.0"),
        ("affine", "0.01", "11", "11, 11, 12", "2 of 3", "3 of 3", "99.0 ± 1.0"),
        ("random MLP", "0.03", "20", "20, 21, 18", "1 of 3", "2 of 3", "99.0 ± 1.0"),
    )


def test_ours_stand_beside_what_was_plotted() -> None:
    records = [
        record("mnist", 1.0, [10, 10, 11]),
        record("mnist", 0.1, [14, 14, 14]),
        record("mnist", 11.0, [9, 9, 9], recipe="l1", gate="l1"),
        record("mnist", 1.0, [9, 9, 9], wide=EXAMPLE.wide.model_dump()),  # type: ignore[union-attr]
    ]
    ours = ("0.0700 ± 0.0100", "0.950", "3")
    table = autoencoders.beside_plots(records, autoencoders.read_plots(PLOTS))
    assert table.rows == (
        ("DAM", "0.1", "–", "14.0", "–", ours[0], "–", *ours[1:]),
        ("DAM", "1", "9.7", "10.3", "0.072", ours[0], "0.944", *ours[1:]),
        ("L1 gate", "11", "9.2", "9.0", "0.084", ours[0], "–", *ours[1:]),
    )


def test_no_figure_of_a_plot_stands_twice() -> None:
    plots = autoencoders.read_plots(PLOTS)
    keys = [(plot.gate, plot.penalty_weight) for plot in plots]
    assert len(set(keys)) == len(keys) == 9


def test_the_committed_records_are_of_a_bench() -> None:
    found = sorted((ROOT / "benchmarks" / "results" / "dimensionality-reduction").glob("*.json"))
    bench = find_bench("dimensionality-reduction")
    assert [file.stem for file in found] == sorted(cell.name for cell in bench.cells)
    for file in found:
        assert read_record(file).seeds == list(range(10))


def test_a_figure_that_cannot_be_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plots.json"
    entry = {"gate": "dam", "penalty_weight": 1, "width": 9.7, "macro_f1": 94.4}
    file.write_text(json.dumps([entry]), encoding="utf-8")
    with pytest.raises(DataError, match=r"are not valid: .*less than or equal to 1.* Mend that"):
        autoencoders.read_plots(file)
