"""Does keeping the records of a bench train what is missing, and nothing else?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from benchmark_script import load_script
from tiny_bench import TINY, make_bench, make_cell

from graphdam.bench import BENCHES, find_bench
from graphdam.report import read_record, write_record_file

records = load_script("records")
RECORD = read_record(Path(__file__).parents[1] / "report" / "example.json")


def test_cells_without_a_record_bring_those_whose_models_they_cut(tmp_path: Path) -> None:
    bench = find_bench("links").only("cora-gcn-gae-*")
    for cell in bench.cells:
        if "pca-16" not in cell.name:
            write_record_file(RECORD, tmp_path / f"{cell.name}.json")
    left = records.without_record(bench, tmp_path, RECORD.seeds)
    assert [cell.name for cell in left.cells] == ["cora-gcn-gae-wide", "cora-gcn-gae-pca-16"]
    left = records.without_record(bench, tmp_path, [*RECORD.seeds, 99])
    assert left.cells == bench.cells, "no record is of all these seeds"


def test_records_are_kept_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path / "results")
    monkeypatch.setitem(BENCHES, "tiny", lambda *, quick: TINY)
    arguments = [
        "records.py",
        "tiny",
        "--seeds",
        "1",
        "--runs",
        str(tmp_path / "runs"),
        "--jobs",
        "1",
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    assert records.main() == 0
    kept = sorted((tmp_path / "results" / "tiny").iterdir())
    assert [file.name for file in kept] == ["gated.json", "plain.json"]
    capsys.readouterr()
    assert records.main() == 0
    assert "0 runs" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*arguments, "--only", "nothing"])
    assert records.main() == 2
    assert "Unknown cell 'nothing'" in capsys.readouterr().err


def test_failures_are_written_down_until_they_are_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, runs = tmp_path / "results", tmp_path / "runs"
    monkeypatch.setattr(records, "RESULTS", results)
    broken = make_bench(make_cell("wrong", dataset=str(tmp_path / "none.npz")), *TINY.cells[:1])
    monkeypatch.setitem(BENCHES, "tiny", lambda *, quick: broken)
    arguments = ["records.py", "tiny", "--seeds", "1", "--runs", str(runs), "--jobs", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert records.main() == 1
    [(name, cell)] = records.read_failures(results).items()
    assert name == "tiny/wrong"
    assert cell.reason.startswith("1 of 1 seeds failed; seed 0: ")
    records.keep_failures(broken, [], results)
    assert not (results / "failures.json").exists()
