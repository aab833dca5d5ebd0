"""Does a run on images leave what a run on a graph leaves?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_images import quick_images

from graphdam import load_compact
from graphdam.compaction import deviation
from graphdam.data import load_images
from graphdam.errors import SettingsError
from graphdam.nn import MLP, ImageModel
from graphdam.pipeline import Observer, run
from graphdam.report import HistoryLine, before_after, read_history, read_record
from graphdam.serving import load_any_run, load_run, score_run
from graphdam.training import Settings
from graphdam.training.run_folder import MEMBERS

SETTINGS = quick_images(seeds=(0, 1), target_width=(6, 4), fallback_margin=1.0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two seeds on digits; do not change it."""
    out = tmp_path_factory.mktemp("images") / "run"
    run(SETTINGS, out)
    return out


def test_the_record_tells_all_that_was_found(finished: Path) -> None:
    record = read_record(finished)
    assert (record.dataset, record.split, record.model) == ("digits-images", "seeded", "mlp")
    assert record.objective == "image-classification"
    assert record.start_widths == [24, 12]
    assert record.widths == [[6, 4], [6, 4]]
    compact = 64 * 6 + 6 * 4 + 4 * 10
    assert record.multiply_adds == [compact] * 2
    assert record.parameters == [compact + 6 + 4 + 10] * 2
    assert record.wide is not None
    assert record.wide.multiply_adds == 64 * 24 + 24 * 12 + 12 * 10
    assert record.deviation < 1e-5
    assert record.prefixes is None
    assert record.latency is not None
    assert record.latency.images == 64
    assert "latency (ms, 64 images, 1 thread)" in [row[0] for row in before_after(record).rows]
    assert len(read_history(finished)) == 8


def test_the_folder_holds_nothing_that_replacing_it_would_leave(finished: Path) -> None:
    files = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    assert files - {"settings.json"} <= set(MEMBERS)
    assert {"model/config.json", "model/compact.json", "model/model.safetensors"} <= files


def test_the_model_comes_back_into_its_class(finished: Path) -> None:
    images = load_images("digits-images")
    model, plain = ImageModel.from_pretrained(finished / "model"), MLP(64, [24, 12], 10)
    x = images.standardised(images.test)
    assert deviation(model, load_compact(plain, finished / "model"), x) == 0


def test_scores_are_those_of_the_record(finished: Path) -> None:
    record, found = read_record(finished), score_run(load_any_run(finished))
    at = record.seeds.index(record.model_seed)
    assert found["scores"]["val"] == record.val.values[at]
    assert found["scores"]["test"] == record.test.values[at]
    assert 0 <= found["scores"]["train"] <= 1
    assert found["widths"] == record.widths[at]
    assert found["parameters"] == record.parameters[at]
    assert found["multiply_adds"] == record.multiply_adds[at]


def test_what_is_for_graphs_is_refused(finished: Path) -> None:
    with pytest.raises(SettingsError, match="is a run on images \\(digits-images\\), and a run on"):
        load_run(finished)
    with pytest.raises(SettingsError, match="karate is meant as another graph: leave it out"):
        load_any_run(finished, graph="karate")


def test_an_interrupted_run_ends_with_the_same_record(finished: Path, tmp_path: Path) -> None:
    class InterruptionError(Exception):
        pass

    def stop(line: HistoryLine) -> None:
        if (line.seed, line.epoch) == (1, 2):
            raise InterruptionError

    with pytest.raises(InterruptionError):
        run(SETTINGS, tmp_path / "run", observer=Observer(epoch=stop))
    resumed, whole = run(SETTINGS, tmp_path / "run", resume=True), read_record(finished)
    for part in ("val", "test", "wide", "widths", "parameters", "multiply_adds", "deviation"):
        assert getattr(resumed, part) == getattr(whole, part)
    timeless = [
        [line.model_copy(update={"seconds": 0.0}) for line in read_history(folder)]
        for folder in (tmp_path / "run", finished)
    ]
    assert timeless[0] == timeless[1]


def test_images_that_a_model_cannot_read_are_refused_before_a_folder_is_made(
    tmp_path: Path,
) -> None:
    for model in ("lenet5", "vgg16"):
        with pytest.raises(SettingsError, match="16 × 16"):
            run(Settings.of(dataset="digits-images", model=model), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_replaced_whole(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "run")
    run(quick_images("wide", epochs=1), folder, overwrite=True)
    assert read_record(folder).recipe == "wide"
    assert ImageModel.from_pretrained(folder / "model").widths == [24, 12]
