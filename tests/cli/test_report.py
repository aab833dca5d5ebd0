"""Does `graphdam report` make its tables and figures, and say what is missing?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_bench import TINY, make_bench, make_cell

from graphdam.bench import run_bench

Graphdam = Callable[..., Any]

EXAMPLE = Path(__file__).parent.parent / "report" / "example.json"


def record(path: Path, **fields: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **fields}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench with a cell that failed; do not change it."""
    out = tmp_path_factory.mktemp("report") / "bench"
    bad = make_cell("bad", recipe="wide", lr=1e30)
    run_bench(make_bench(*TINY.cells, bad), out, seeds=range(2))
    return out


def test_a_bench_becomes_tables_and_figures(
    graphdam: Graphdam, bench: Path, tmp_path: Path
) -> None:
    result = graphdam("report", bench, "--out", "report")
    assert (result.code, result.err) == (0, "")
    assert "karate · node-classification · seeded split" in result.out
    assert "1 table, with its figures, in report\n" in result.out
    name = "karate-node-classification-seeded"
    files = {path.name: path for path in (tmp_path / "report").iterdir()}
    assert sorted(files) == [
        f"{name}-multiply-adds.png",
        f"{name}-width.png",
        f"{name}.csv",
        f"{name}.md",
    ]
    page = files[f"{name}.md"].read_text(encoding="utf-8")
    assert "| DAM + teacher, width set, " in page
    assert "| bad " in page
    assert "2 of 2 seeds failed; seed 0: The loss of node-classification became " in page
    before = {path: path.read_bytes() for path in files.values()}
    assert graphdam("report", bench / "records", "--out", "report", "--quiet").code == 0
    assert {path: path.read_bytes() for path in files.values()} == before


def test_json_names_files_and_what_is_missing(graphdam: Graphdam, bench: Path) -> None:
    result = graphdam("report", bench, "--out", "report", "--json")
    [table] = json.loads(result.out)
    assert result.err == ""
    assert (table["records"], list(table["missing"])) == (2, ["bad"])
    assert len(table["files"]) == 4


def test_versions_are_kept_apart_and_that_is_said(graphdam: Graphdam, tmp_path: Path) -> None:
    record(tmp_path / "in" / "a.json")
    record(tmp_path / "in" / "b.json", graphdam_version="0.0.9")
    (tmp_path / "in" / "other.json").write_text("{}")
    result = graphdam("report", "in", "--out", "out")
    assert result.code == 0
    assert "Left out, no records of runs: other.json" in result.err
    assert "Records of graphdam 0.0.9 and 0.1.0 are kept apart" in result.err
    assert len(list((tmp_path / "out").glob("*.md"))) == 2


def test_a_leaderboard_is_printed_and_nothing_written(graphdam: Graphdam, tmp_path: Path) -> None:
    scored = {"evaluator": "ogb 1.3.6, Evaluator('ogbn-arxiv')", "trained_parameters": [9, 7, 876]}
    own = record(tmp_path / "in" / "a.json", dataset="ogbn-arxiv", split="time", **scored)
    other = record(tmp_path / "in" / "b.json")
    result = graphdam("report", "in", "--leaderboard")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "## ogbn-arxiv · node-classification · time split"
    assert lines[2].startswith("| method ")
    assert " 876 " in lines[4]
    assert lines[-1].endswith("1 row has fewer: train with `--seeds 10`.")
    assert "Cora" not in result.out
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    [page] = json.loads(graphdam("report", own, "--leaderboard", "--json").out)
    assert page["markdown"] in result.out
    refused = graphdam("report", other, "--leaderboard")
    assert refused.code == 1
    assert refused.sentence.startswith("None of these records was scored by OGB's evaluator, so")


def test_wrong_input_is_one_sentence(graphdam: Graphdam, tmp_path: Path) -> None:
    result = graphdam("report", "absent", "--out", "out")
    assert (result.code, result.sentence) == (
        1,
        "absent does not exist: name a record, a run folder, or a folder of such.",
    )
    (tmp_path / "half.json").write_text("{")
    assert graphdam("report", "half.json", "--out", "out").sentence.startswith(
        "The record half.json is not JSON ("
    )
    assert not (tmp_path / "out").exists()
    for options in ([], ["--out", "out", "--leaderboard"]):
        wrong = graphdam("report", "half.json", *options)
        assert wrong.code == 2
        assert "Give either --out, the folder for tables" in wrong.err
    assert graphdam("report", "--out", "out").code == 2
