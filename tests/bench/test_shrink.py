"""Are models that lost a share of themselves what losing it by hand makes of them?"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from pydantic import ValidationError
from tiny_bench import make_cell, untimed
from tiny_images import quick_images

from graphdam import pipeline
from graphdam.baselines import WeightMasks, factorised, num_nonzero
from graphdam.bench import Bench, Cell, find_bench, run_bench
from graphdam.bench.reduce import reduce_run
from graphdam.errors import SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.nn import ImageModel
from graphdam.report import BenchFolder, Reduction, group_records, read_record, write_group
from graphdam.serving import load_any_run
from graphdam.training.shrink import without_smallest_filters


def share(method: str, removed: float) -> Reduction:
    return Reduction.model_validate({"method": method, "share": removed})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run on images and one on a graph; do not change them."""
    out = tmp_path_factory.mktemp("runs")
    pipeline.run(quick_images("wide", seeds=(3,)), out / "images")
    pipeline.run(make_cell("graph", recipe="wide").resolve((3,)), out / "graph")
    return {name: out / name for name in ("images", "graph")}


@pytest.mark.parametrize("name", ["images", "graph"])
def test_filters_are_really_gone(runs: dict[str, Path], name: str) -> None:
    found, before = reduce_run(runs[name], share("filters", 0.5)), read_record(runs[name])
    small = without_smallest_filters(load_any_run(runs[name]).encoder, 0.5)
    assert found.widths == [small.widths] != before.widths
    assert found.parameters == [num_parameters(small)]
    assert found.parameters[0] < 0.6 * before.parameters[0]
    assert found.multiply_adds[0] < 0.6 * before.multiply_adds[0]
    assert found.sparsity is None
    assert found.start_widths == before.start_widths


@pytest.mark.parametrize("name", ["images", "graph"])
def test_masks_leave_the_size_as_it_was(runs: dict[str, Path], name: str) -> None:
    found, before = reduce_run(runs[name], share("magnitude", 0.9)), read_record(runs[name])
    masked = copy.deepcopy(load_any_run(runs[name]).encoder)
    WeightMasks(masked).prune(0.9)
    for same in ("widths", "parameters", "multiply_adds"):
        assert getattr(found, same) == getattr(before, same)
    assert found.sparsity is not None
    assert found.sparsity[0].nonzero == num_nonzero(masked) < 0.2 * before.parameters[0]


def test_layers_of_low_rank_are_smaller_and_images_only(runs: dict[str, Path]) -> None:
    found, before = reduce_run(runs["images"], share("svd", 0.4)), read_record(runs["images"])
    small = factorised(load_any_run(runs["images"]).encoder.net, removed=0.4)
    assert found.parameters == [num_parameters(small)]
    assert found.multiply_adds[0] < 0.7 * before.multiply_adds[0]
    assert found.widths == before.widths
    with pytest.raises(SettingsError, match=r"splits linear layers .* this is a GCN: take 'filt"):
        reduce_run(runs["graph"], share("svd", 0.4))


def test_nothing_removed_scores_what_the_run_scored(runs: dict[str, Path]) -> None:
    for name in ("images", "graph"):
        found, before = reduce_run(runs[name], share("filters", 0.0)), read_record(runs[name])
        assert (found.val, found.test) == (before.val, before.test)


def test_cut_models_are_scored_with_fresh_statistics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(model: ImageModel, *_: object, **__: object) -> ImageModel:
        cut.append(model.widths)
        return model

    cut: list[list[int]] = []
    for place in ("graphdam.bench.shrink", "graphdam.seed_run"):
        monkeypatch.setattr(f"{place}.with_fresh_statistics", counted)
    settings = {"model": "preresnet", "depth": 8, "epochs": 1}
    record = pipeline.run(quick_images("wide", removed_filters=0.5, **settings), tmp_path / "cut")
    assert cut == record.widths
    pipeline.run(quick_images("wide", **settings), tmp_path / "whole")
    assert reduce_run(tmp_path / "whole", share("filters", 0.5)).widths == cut[1:] == cut[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "filters", "width": 8},
        {"method": "pca", "share": 0.5},
        {"method": "pca"},
        {"method": "svd", "width": 8, "share": 0.5},
    ],
)
def test_a_reduction_has_a_width_or_a_share(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"takes a (width|share) and nothing else"):
        Reduction.model_validate(wrong)


def test_a_bench_of_systems_ends_in_one_table_and_one_picture(tmp_path: Path) -> None:
    wide = make_cell("wide", recipe="wide", threads=1)
    cells = (
        wide,
        Cell("wide-filters", wide.settings, share("filters", 0.5), "wide"),
        make_cell("aswl", recipe="aswl", target_sparsity=0.5, threads=1),
        make_cell("irrelevance", recipe="irrelevance", prune_begin=0.5, threads=1),
        make_cell("frank-wolfe", recipe="frank-wolfe", threads=1),
    )
    result = run_bench(Bench("tiny", "For tests.", cells), tmp_path / "bench", seeds=(0, 1))
    assert result.failures == ()
    records = [read_record(path) for path in result.records]
    masked = [record for record in records if record.is_masked]
    assert {record.recipe for record in masked} == {"aswl", "irrelevance"}
    assert all(len(record.sparsity or []) == 2 for record in masked)
    again = run_bench(Bench("tiny", "For tests.", cells), tmp_path / "bench", seeds=(0, 1))
    assert [untimed(read_record(path)) for path in again.records] == list(map(untimed, records))
    assert BenchFolder(tmp_path / "bench").record("aswl").is_file()
    (group,) = group_records(records)
    files = write_group(group, tmp_path / "report")
    assert [path.name for path in files if "systems" in path.name] == [f"{group.name}-systems.png"]
    page = files[0].read_text(encoding="utf-8")
    assert "of them not zero" in page
    assert "training time (×)" in page
    assert "masks make a model neither smaller nor faster." in page


def test_the_bench_of_systems_cuts_what_it_trains() -> None:
    names = {cell.name: cell for cell in find_bench("systems").cells}
    cut = names["mnist-lenet5-frank-wolfe-filters-0.7"]
    assert (cut.reduction, cut.source) == (share("filters", 0.7), "mnist-lenet5-frank-wolfe")
    assert names["mnist-lenet5-spectral-svd-0.5"].source == "mnist-lenet5-spectral"
    assert not [name for name in names if name.startswith("cora") and "svd" in name]
