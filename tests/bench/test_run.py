"""Does a bench train every unit once, go on after anything, and show what failed?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_bench import TINY, Log, make_bench, make_cell, records_of, untimed
from tiny_images import quick_settings

from graphdam import pipeline
from graphdam.bench import Bench, BenchResult, Cell, Failure, run_bench
from graphdam.errors import DataError, GraphDamError, RunFolderError, SettingsError, TrainingError
from graphdam.report import BenchFolder, read_record

Whole = tuple[Path, BenchResult]


def forbidden(*_: object, **__: object) -> None:
    raise AssertionError("nothing should be trained")


def test_a_cells_record_is_that_of_one_run_over_its_seeds(whole: Whole, tmp_path: Path) -> None:
    out, result = whole
    assert result.failures == ()
    assert [path.stem for path in result.records] == ["gated", "plain"]
    for cell in TINY.cells:
        seeds = (0, 1)
        command = cell.command(seeds)
        expected = pipeline.run(cell.resolve(seeds), tmp_path / cell.name, command=command)
        assert records_of(out)[cell.name] == untimed(expected)


def test_images_are_trained_beside_graphs(tmp_path: Path) -> None:
    cells = [Cell(recipe, quick_settings(recipe)) for recipe in ("default", "l1")]
    result = run_bench(make_bench(*cells, TINY.cells[1]), tmp_path / "out", seeds=range(2))
    assert result.failures == ()
    for cell in cells:
        expected = pipeline.run(
            cell.resolve((0, 1)), tmp_path / cell.name, command=cell.command((0, 1))
        )
        assert records_of(tmp_path / "out")[cell.name] == untimed(expected)
    plan = BenchFolder(tmp_path / "out").plan()
    assert plan is not None
    assert (plan.cells["l1"].dataset, plan.cells["l1"].split) == ("digits-images", "seeded")


def test_points_are_those_of_every_seed(tmp_path: Path) -> None:
    settings = {"dataset": "affine-points", "recipe": "paper", "epochs": 2, "device": "cpu"}
    cell = Cell("points", settings)
    result = run_bench(make_bench(cell), tmp_path / "out", seeds=range(2))
    assert result.failures == ()
    expected = pipeline.run(cell.resolve((0, 1)), tmp_path / "run", command=cell.command((0, 1)))
    assert expected.test.values[0] != expected.test.values[1]
    assert records_of(tmp_path / "out")["points"] == untimed(expected)
    plan = BenchFolder(tmp_path / "out").plan()
    assert plan is not None
    assert (plan.cells["points"].dataset, plan.cells["points"].split) == ("affine-points", "drawn")


@pytest.mark.parametrize("objective", ["dgi", "vgae"])
def test_embeddings_keep_their_further_scores(objective: str, tmp_path: Path) -> None:
    cell = make_cell("embedding", objective=objective, target_width=4, embedding_channels=16)
    result = run_bench(make_bench(cell), tmp_path / "out", seeds=range(2))
    assert result.failures == ()
    expected = pipeline.run(cell.resolve((0, 1)), tmp_path / "run", command=cell.command((0, 1)))
    assert "nmi" in expected.further
    assert expected.stability is not None
    assert records_of(tmp_path / "out")["embedding"] == untimed(expected)


def test_embeddings_are_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make_bench(make_cell("embedding", objective="dgi", target_width=4))
    run_bench(bench, tmp_path, seeds=range(2))
    before = records_of(tmp_path)
    monkeypatch.setattr("graphdam.bench.run.embeddings_alike", forbidden)
    run_bench(bench, tmp_path, seeds=range(2))
    assert records_of(tmp_path) == before


def test_progress_is_told(tmp_path: Path) -> None:
    log = Log()
    run_bench(make_bench(TINY.cells[1]), tmp_path / "out", seeds=range(2), observer=log.observer)
    assert log.planned == [(2, 0)]
    assert log.begun == log.ended == ["plain seed 0", "plain seed 1"]
    assert log.left[0] is not None
    assert log.left[0] > 0
    assert log.left[1] == 0.0


@pytest.mark.parametrize(("unit", "epoch"), [(1, 3), (2, 0), (4, 5)])
def test_resumed_equals_uninterrupted(
    whole: Whole, tmp_path: Path, break_off: Callable[..., None], unit: int, epoch: int
) -> None:
    out, log = tmp_path / "out", Log()
    break_off(TINY, out, unit=unit, epoch=epoch)
    run_bench(TINY, out, seeds=range(2), observer=log.observer)
    assert log.planned == [(4, unit - 1)]
    assert len(log.ended) == 4 - (unit - 1)
    assert records_of(out) == records_of(whole[0])


def test_two_processes_find_what_one_finds(whole: Whole, tmp_path: Path) -> None:
    log = Log()
    result = run_bench(TINY, tmp_path / "out", jobs=2, seeds=range(2), observer=log.observer)
    assert result.failures == ()
    assert sorted(log.begun) == sorted(log.ended)
    assert records_of(tmp_path / "out") == records_of(whole[0])


def test_what_is_finished_never_counts_twice(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, log = shutil.copytree(whole[0], tmp_path / "out"), Log()
    before = {path: path.read_bytes() for path in sorted(out.rglob("*.json"))}
    monkeypatch.setattr(pipeline, "run", forbidden)
    result = run_bench(TINY, out, seeds=range(2), observer=log.observer)
    assert (log.planned, log.begun) == ([(4, 4)], [])
    assert len(result.records) == 2
    assert {path: path.read_bytes() for path in sorted(out.rglob("*.json"))} == before


def test_more_seeds_join_the_record_and_fewer_do_not_shrink_it(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, log = shutil.copytree(whole[0], tmp_path / "out"), Log()
    run_bench(make_bench(TINY.cells[1]), out, seeds=[4], observer=log.observer)
    assert log.begun == ["plain seed 4"]
    record = read_record(BenchFolder(out).record("plain"))
    assert record.seeds == [0, 1, 4]
    assert record.command.endswith("--set 'seeds=[0, 1, 4]'")
    assert records_of(out)["gated"] == records_of(whole[0])["gated"]
    monkeypatch.setattr(pipeline, "run", forbidden)
    run_bench(TINY, out, seeds=[0])
    assert read_record(BenchFolder(out).record("plain")) == record


def test_a_seed_whose_folder_is_removed_is_trained_anew(whole: Whole, tmp_path: Path) -> None:
    out, log = shutil.copytree(whole[0], tmp_path / "out"), Log()
    shutil.rmtree(BenchFolder(out).run("plain", 1))
    run_bench(TINY, out, seeds=range(2), observer=log.observer)
    assert log.begun == ["plain seed 1"]
    assert records_of(out) == records_of(whole[0])


def test_a_loss_that_is_no_number_fails_its_cell_and_leaves_the_others(tmp_path: Path) -> None:
    bench = make_bench(make_cell("bad", recipe="wide", lr=1e30), TINY.cells[1])
    out, log = tmp_path / "out", Log()
    result = run_bench(bench, out, seeds=range(2), observer=log.observer)
    assert [path.stem for path in result.records] == ["plain"]
    assert [(failure.cell, failure.seed) for failure in result.failures] == [("bad", 0), ("bad", 1)]
    reason = result.failures[1].reason
    assert reason.startswith("The loss of node-classification became ")
    assert "of seed 1" in reason
    assert BenchFolder(out).error("bad", 1).read_text() == f"{reason}\n"
    [missing] = BenchFolder(out).missing()
    assert missing.reason.startswith(
        "2 of 2 seeds failed; seed 0: The loss of node-classification became "
    )
    # the next call tries it again, and nothing else
    again = Log()
    assert (
        run_bench(bench, out, seeds=range(2), observer=again.observer).failures == result.failures
    )
    assert again.begun == ["bad seed 0", "bad seed 1"]


def failing_once(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    original, calls = pipeline.run, []

    def run(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise error
        return original(*arguments, **named)

    monkeypatch.setattr(pipeline, "run", run)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TrainingError("out of luck."), "out of luck."),
        (RuntimeError("oops"), "Unexpected RuntimeError: oops. This is a bug of graphdam."),
    ],
)
def test_what_failed_is_tried_again_and_then_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    bench, out = make_bench(TINY.cells[1]), tmp_path / "out"
    failing_once(monkeypatch, error)
    result = run_bench(bench, out, seeds=range(2))
    assert (result.records, result.failures) == ((), (Failure("plain", 0, reason),))
    result = run_bench(bench, out, seeds=range(2))
    assert (len(result.records), result.failures) == (1, ())
    assert not list(out.rglob("error.txt"))


def test_a_full_disk_stops_the_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_once(monkeypatch, OSError("no space"))
    with pytest.raises(OSError, match="no space"):
        run_bench(TINY, tmp_path / "out", seeds=range(2))


def test_a_graph_that_cannot_be_had_fails_its_cells_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAPHDAM_DATA", raising=False)
    monkeypatch.setenv("GRAPHDAM_CACHE", str(tmp_path / "cache"))
    bench = make_bench(make_cell("absent", dataset="cora", recipe="wide"), TINY.cells[1])
    result = run_bench(bench, tmp_path / "out", seeds=[0])
    assert [path.stem for path in result.records] == ["plain"]
    assert [failure.cell for failure in result.failures] == ["absent"]
    assert "cora" in result.failures[0].reason.lower()


@pytest.mark.parametrize(
    ("bench", "kind", "sentence"),
    [
        (
            make_bench(TINY.cells[1], make_cell("wrong", widht=8)),
            SettingsError,
            "Cell wrong: Unknown setting 'widht'",
        ),
        (
            make_bench(TINY.cells[1], make_cell("wrong", recipe="wide", target_width=8)),
            SettingsError,
            "Cell wrong: These settings contradict each other: target_width needs gates",
        ),
        (make_bench(make_cell("wrong", dataset="karat")), DataError, "did you mean 'karate'"),
        (make_bench(make_cell("wrong", split="pubic")), DataError, "Unknown split for karate"),
        (make_bench(make_cell("wrong", objective="dig")), SettingsError, "did you mean 'dgi'"),
    ],
)
def test_errors_of_settings_are_met_before_anything_runs(
    tmp_path: Path, bench: Bench, kind: type[GraphDamError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        run_bench(bench, tmp_path / "out", seeds=[0])
    assert not (tmp_path / "out").exists()


def test_runs_of_other_settings_are_not_taken_for_this_benchs(whole: Whole, tmp_path: Path) -> None:
    out = shutil.copytree(whole[0], tmp_path / "out")
    other = make_bench(make_cell("plain", recipe="wide", epochs=7))
    before = sorted(out.rglob("*"))
    with pytest.raises(
        RunFolderError, match=r"seed-0 was begun with epochs=6, not 7: --overwrite replaces the"
    ):
        run_bench(other, out, seeds=range(2))
    assert sorted(out.rglob("*")) == before


def test_overwriting_replaces_what_was_begun_with_other_settings(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, log = shutil.copytree(whole[0], tmp_path / "out"), Log()
    other = make_bench(TINY.cells[0], make_cell("plain", recipe="wide", epochs=7))
    settings = BenchFolder(out).run("plain", 1) / "settings.json"
    settings.write_text('{"graphdam_run": true, "format": 1, "settings": {"no_such": 1}}')
    result = run_bench(other, out, seeds=range(2), overwrite=True, observer=log.observer)
    assert (log.planned, log.begun) == ([(4, 2)], ["plain seed 0", "plain seed 1"])
    assert result.failures == ()
    fresh = tmp_path / "fresh"
    run_bench(other, fresh, seeds=range(2))
    assert records_of(out) == records_of(fresh)
    monkeypatch.setattr(pipeline, "run", forbidden)
    run_bench(other, out, seeds=range(2), overwrite=True)  # what is the same stays


@pytest.mark.parametrize("unreadable", ["{}", "no JSON"])
def test_overwriting_removes_nothing_but_runs(
    whole: Whole, tmp_path: Path, unreadable: str
) -> None:
    out = shutil.copytree(whole[0], tmp_path / "out")
    (BenchFolder(out).run("plain", 1) / "settings.json").write_text(unreadable)
    before = sorted(out.rglob("*"))
    with pytest.raises(RunFolderError, match=r"seed-1 exists and is not a run of graphdam"):
        run_bench(TINY, out, seeds=range(2), overwrite=True)
    assert sorted(out.rglob("*")) == before


def test_another_version_is_refused(whole: Whole, tmp_path: Path) -> None:
    out = shutil.copytree(whole[0], tmp_path / "out")
    plan = json.loads((out / "bench.json").read_text())
    (out / "bench.json").write_text(json.dumps({**plan, "graphdam_version": "0.0.9"}))
    with pytest.raises(RunFolderError, match=r"holds runs of graphdam 0\.0\.9, this is .* another"):
        run_bench(TINY, out, seeds=range(2))


def test_seeds_that_do_not_belong_together_are_not_merged(whole: Whole, tmp_path: Path) -> None:
    out = shutil.copytree(whole[0], tmp_path / "out")
    file = BenchFolder(out).run("plain", 1) / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "graphdam_version": "0.0.9"}))
    BenchFolder(out).record("plain").unlink()
    result = run_bench(TINY, out, seeds=range(2))
    assert [(failure.cell, failure.seed) for failure in result.failures] == [("plain", None)]
    assert "differ in graphdam_version" in result.failures[0].reason
    [missing] = BenchFolder(out).missing()
    assert missing.reason == f"failed: {result.failures[0].reason}"
