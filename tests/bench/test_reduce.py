"""Are cut models what cutting by hand makes of them, and scored like any other?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_bench import Log, make_cell, untimed

from graphdam import pipeline
from graphdam.baselines import pca, top_variance, truncate_columns
from graphdam.bench import Bench, Cell, run_bench
from graphdam.bench.reduce import reduce_run
from graphdam.errors import SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.probe import linear_probe
from graphdam.objectives import prepare_graph
from graphdam.report import BenchFolder, Reduction, RunRecord, read_record
from graphdam.serving import embed_run, load_run, score_run

CUTS = {"pca": pca, "top-variance": top_variance, "columns": truncate_columns}


def cut(method: str, width: int) -> Reduction:
    return Reduction.model_validate({"method": method, "width": width})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One finished run of every kind that is cut; do not change them."""
    kinds: dict[str, dict[str, Any]] = {
        "dgi": {"objective": "dgi", "recipe": "wide"},
        "gae": {"objective": "gae", "recipe": "wide", "embedding_channels": 8},
        "nested": {"objective": "grace", "recipe": "nested", "embedding_channels": 8},
        "classes": {"recipe": "nested"},
    }
    out = tmp_path_factory.mktemp("runs")
    for name, given in kinds.items():
        cell = make_cell(name, **{**given, "start_width": 16})
        pipeline.run(cell.resolve((3,)), out / name)
    return {name: out / name for name in kinds}


@pytest.mark.parametrize("method", CUTS)
def test_a_cut_embedding_is_probed_and_its_encoder_stays(
    runs: dict[str, Path], method: str
) -> None:
    found, before = reduce_run(runs["dgi"], cut(method, 4)), read_record(runs["dgi"])
    loaded = load_run(runs["dgi"])
    masks = loaded.graph.splits[loaded.graph.split_index]._asdict()
    probe = linear_probe(CUTS[method](embed_run(loaded), 4), loaded.graph.y, **masks)
    assert found.test.values == [probe.test_accuracy]
    assert found.val.values == [probe.val_accuracy]
    assert found.further["macro_f1"].values == [probe.test_macro_f1]
    for same in ("widths", "parameters", "multiply_adds", "seeds", "created", "recipe"):
        assert getattr(found, same) == getattr(before, same)
    assert found.reduction == cut(method, 4)


def test_links_are_rebuilt_from_axes_that_keep_inner_products(runs: dict[str, Path]) -> None:
    loaded = load_run(runs["gae"])
    whole = reduce_run(runs["gae"], cut("pca", 8))
    assert whole.test.mean == pytest.approx(read_record(runs["gae"]).test.mean)
    z = embed_run(loaded)
    torch.testing.assert_close(*(a @ a.t() for a in (z, pca(z, 8, center=False))))


@pytest.mark.parametrize(("name", "widths"), [("nested", [8, 4]), ("classes", [4])])
def test_a_truncated_encoder_is_smaller_and_scored_as_such(
    runs: dict[str, Path], name: str, widths: list[int]
) -> None:
    found, before = reduce_run(runs[name], cut("truncate", 4)), read_record(runs[name])
    loaded = load_run(runs[name])
    small = loaded.encoder.truncate(widths)
    assert found.widths == [widths]
    assert found.parameters == [num_parameters(small)]
    assert found.parameters[0] < before.parameters[0]
    prepared = prepare_graph(small, loaded.graph)
    assert found.multiply_adds == [small.multiply_adds(prepared.x, prepared.adjacency)]
    scores = score_run(type(loaded)(loaded.settings, small, loaded.graph, loaded.record))["scores"]
    assert found.val.values == [scores["val"]]
    assert found.test.values == [scores["test"]]


def test_what_cannot_be_cut_is_said(runs: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="'pca' cuts embeddings, and node-classification makes"):
        reduce_run(runs["classes"], cut("pca", 4))
    for name, method in (("dgi", "pca"), ("classes", "truncate")):
        with pytest.raises(SettingsError, match="width 16 cannot be cut to 17: ask for at most 16"):
            reduce_run(runs[name], cut(method, 17))


def bench_of(*, epochs: int = 6) -> Bench:
    settings = make_cell("wide", recipe="wide", objective="dgi", epochs=epochs).settings
    cells = [Cell(f"pca-{width}", settings, cut("pca", width), "wide") for width in (2, 64)]
    return Bench("tiny", "For tests.", (*cells, Cell("wide", settings)))


def test_a_bench_cuts_what_it_has_trained_and_goes_on(tmp_path: Path) -> None:
    out, log = tmp_path / "out", Log()
    result = run_bench(bench_of(), out, seeds=range(2), observer=log.observer)
    assert log.planned == [(6, 0)]
    assert log.ended[:2] == ["wide seed 0", "wide seed 1"]
    assert [path.stem for path in result.records] == ["pca-2", "wide"]
    assert {(each.cell, each.seed) for each in result.failures} == {("pca-64", 0), ("pca-64", 1)}
    assert "cannot be cut to 64" in result.failures[0].reason
    record = read_record(BenchFolder(out).record("pca-2"))
    assert record.command == "graphdam bench tiny --only pca-2 --seeds 2"
    for seed in (0, 1):
        alone = reduce_run(out / "wide" / f"seed-{seed}", cut("pca", 2))
        assert record.test.values[seed] == alone.test.values[0]
    again = Log()
    run_bench(bench_of(), out, seeds=range(2), observer=again.observer)
    assert again.planned == [(6, 4)]
    assert sorted(again.ended) == ["pca-64 seed 0", "pca-64 seed 1"]


def test_what_was_trained_anew_is_cut_anew(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_bench(bench_of().only("pca-2"), out, seeds=range(1))
    first = untimed(read_record(BenchFolder(out).record("pca-2")))
    _outdate(out / "wide" / "seed-0")
    log = Log()
    run_bench(bench_of().only("pca-2"), out, seeds=range(1), observer=log.observer)
    assert log.ended == ["wide seed 0", "pca-2 seed 0"]
    assert untimed(read_record(BenchFolder(out).record("pca-2"))) == first


def _outdate(run: Path) -> None:
    """Remove a run, and let its cut copy remember an earlier one."""
    shutil.rmtree(run)
    copy = run.parent.parent / "pca-2" / "seed-0" / "result.json"
    record = read_record(copy)
    old = RunRecord.model_validate({**dict(record), "created": "2001-01-01"})
    copy.write_text(old.model_dump_json())


def test_what_was_never_trained_fails_the_cut_and_nothing_else(tmp_path: Path) -> None:
    broken = make_cell("wide", recipe="wide", objective="dgi", lr=1e30, epochs=6).settings
    cells = (Cell("wide", broken), Cell("pca-2", broken, cut("pca", 2), "wide"))
    result = run_bench(Bench("tiny", "For tests.", cells), tmp_path / "out", seeds=range(1))
    assert [failure.cell for failure in result.failures] == ["wide", "pca-2"]
    assert "The loss of dgi became" in result.failures[0].reason
    assert "has not finished" in result.failures[1].reason
