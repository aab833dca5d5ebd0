"""Are records found wherever they lie, each once, and is it said what is missing?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from graphdam.errors import RunFolderError
from graphdam.report import BenchFolder, BenchPlan, CellPlan, collect, read_record
from graphdam.report.bench_folder import PLAN_FILE

EXAMPLE = Path(__file__).parent / "example.json"


def write(path: Path, **fields: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**json.loads(EXAMPLE.read_text(encoding="utf-8")), **fields}))
    return path


def bench(path: Path, *cells: str) -> BenchFolder:
    plan = {"dataset": "cora", "split": "public", "model": "gcn", "objective": "dgi"}
    cell = CellPlan.model_validate({**plan, "command": "x", "seeds": [0, 1, 2]})
    folder = BenchFolder(path)
    folder.write_plan(BenchPlan(graphdam_version="0.1.0", cells=dict.fromkeys(cells, cell)))
    return folder


def test_files_runs_and_folders(tmp_path: Path) -> None:
    single = write(tmp_path / "a.json")
    run = write(tmp_path / "run" / "result.json", dataset="citeseer").parent
    write(tmp_path / "many" / "b.json", dataset="pubmed")
    write(tmp_path / "many" / "c" / "result.json", dataset="digits")
    (tmp_path / "many" / "speed.json").write_text('{"title": "Speed"}')
    found = collect([single, run, tmp_path / "many"])
    assert [record.dataset for record in found.records] == ["cora", "citeseer", "pubmed", "digits"]
    assert [path.name for path in found.left_out] == ["speed.json"]
    assert found.missing == []


def test_a_record_counts_once(tmp_path: Path) -> None:
    single = write(tmp_path / "a.json")
    shutil.copy(single, tmp_path / "copy.json")
    assert len(collect([single, tmp_path, single]).records) == 1


def test_a_bench_says_what_is_missing(tmp_path: Path) -> None:
    folder = bench(tmp_path / "bench", "done", "failed", "begun", "unmerged")
    write(folder.record("done"))
    for seed in (1, 2):
        folder.run("failed", seed).mkdir(parents=True)
        folder.error("failed", seed).write_text("The loss became nan\nat epoch 3.\n")
    write(folder.run("begun", 0) / "result.json")
    folder.run("unmerged", 0).mkdir(parents=True)
    folder.error("unmerged").write_text("Records differ.\n")
    for path in (folder.path, folder.records):
        found = collect([path])
        assert found.records == [read_record(folder.record("done"))]
        assert {cell.name: cell.reason for cell in found.missing} == {
            "failed": "2 of 3 seeds failed; seed 1: The loss became nan at epoch 3.",
            "begun": "not finished: 1 of 3 seeds are there",
            "unmerged": "failed: Records differ.",
        }
    assert len(collect([folder.path, folder.records]).missing) == 3


def test_a_record_that_nobody_planned_is_none_of_the_benchs(tmp_path: Path) -> None:
    folder = bench(tmp_path / "bench", "done")
    write(folder.record("done"))
    write(folder.record("other"), dataset="digits")
    assert [record.dataset for record in collect([folder.path]).records] == ["cora"]


def test_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="absent does not exist: name a record, a run folder"):
        collect([tmp_path / "absent"])
    with pytest.raises(RunFolderError, match="holds no record: a finished run leaves"):
        collect([tmp_path])


@pytest.mark.parametrize("content", ["", "{", '{"format": 1}', '{"format": 7}'])
def test_half_a_record_is_not_left_out_silently(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"a\.json"):
        collect([tmp_path])


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2, "graphdam_version": "1"}'])
def test_a_damaged_plan_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / PLAN_FILE).write_text(content)
    with pytest.raises(RunFolderError, match=r"bench\.json is not the plan of a bench \(.*\): rem"):
        collect([tmp_path])
