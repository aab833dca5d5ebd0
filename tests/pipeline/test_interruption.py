"""Does an interrupted run of several seeds end with the same files as an uninterrupted one?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphdam import pipeline
from graphdam.errors import GraphDamError, RunFolderError, TrainingError
from graphdam.pipeline import run
from graphdam.report import read_history
from graphdam.training import Settings

MakeSettings = Callable[..., Settings]
Interrupt = Callable[..., None]

PASSING = ("created", "seconds", "latency", "command")
"""What may differ between two runs of the same settings."""


def result_of(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "result.json").read_text())
    return {name: value for name, value in content.items() if name not in PASSING}


def assert_same_run(first: Path, second: Path) -> None:
    assert result_of(first) == result_of(second)
    for name in ("model/model.safetensors", "model/config.json", "settings.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    one, other = (
        [line.model_copy(update={"seconds": 0.0}) for line in read_history(out)]
        for out in (first, second)
    )
    assert one == other


@pytest.fixture
def settings(quick: MakeSettings) -> Settings:
    """Those of the finished run."""
    return quick(seeds=(0, 1, 2))


@pytest.mark.usefixtures("every_epoch")
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (0, 7), (1, 0), (1, 5), (2, 11)])
def test_a_run_goes_on_where_it_was_interrupted(
    settings: Settings,
    finished: Path,
    tmp_path: Path,
    interrupted: Interrupt,
    seed: int,
    epoch: int,
) -> None:
    out = tmp_path / "run"
    interrupted(settings, out, seed=seed, epoch=epoch)
    assert not (out / "result.json").exists()
    run(settings, out, resume=True)
    assert_same_run(out, finished)
    assert not (out / "checkpoint").exists()


@pytest.mark.usefixtures("every_epoch")
def test_interrupted_twice_with_half_a_line_written(
    settings: Settings, finished: Path, tmp_path: Path, interrupted: Interrupt
) -> None:
    out = tmp_path / "run"
    interrupted(settings, out, seed=1, epoch=5)
    with (out / "history.jsonl").open("a") as file:
        file.write('{"seed": 1, "epoch": 6, "lo')

    def stop(line: Any) -> None:
        if line.epoch == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(settings, out, resume=True, observer=pipeline.Observer(epoch=stop))
    run(settings, out, resume=True)
    assert_same_run(out, finished)


def test_without_a_checkpoint_the_seed_begins_again(
    settings: Settings, finished: Path, tmp_path: Path, interrupted: Interrupt
) -> None:
    out = tmp_path / "run"
    interrupted(settings, out, seed=1, epoch=9)
    assert not (out / "checkpoint" / "seed-1.safetensors").exists()
    run(settings, out, resume=True)
    assert_same_run(out, finished)


def test_finished_seeds_are_not_trained_again(
    settings: Settings, tmp_path: Path, interrupted: Interrupt
) -> None:
    out, trained = tmp_path / "run", []
    interrupted(settings, out, seed=2, epoch=3)
    observer = pipeline.Observer(epoch=lambda line: trained.append(line.seed))
    run(settings, out, resume=True, observer=observer)
    assert set(trained) == {2}


@pytest.mark.parametrize("step", ["draw_run", "write_record", "_latency"])
def test_a_failure_after_training_is_resumed_without_training(
    settings: Settings,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    out, trained = tmp_path / "run", []

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, step, fail)
        with pytest.raises(OSError, match="no space"):
            run(settings, out)
    observer = pipeline.Observer(epoch=lambda line: trained.append(line.seed))
    run(settings, out, resume=True, observer=observer)
    assert trained == []
    assert_same_run(out, finished)


def test_resuming_what_never_began_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="run does not exist"):
        run(settings, tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("every_epoch")
def test_a_begun_run_is_not_begun_anew_without_being_asked(
    settings: Settings, tmp_path: Path, interrupted: Interrupt
) -> None:
    out = tmp_path / "run"
    interrupted(settings, out, seed=0, epoch=5)
    before = (out / "history.jsonl").read_bytes()
    with pytest.raises(RunFolderError, match="--resume continues it"):
        run(settings, out)
    assert (out / "history.jsonl").read_bytes() == before


@pytest.mark.usefixtures("every_epoch")
def test_a_corrupted_checkpoint_says_how_to_begin_again(
    settings: Settings, tmp_path: Path, interrupted: Interrupt
) -> None:
    out = tmp_path / "run"
    interrupted(settings, out, seed=0, epoch=5)
    path = out / "checkpoint" / "seed-0.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TrainingError, match=r"cannot be read \(.*\): start again with --overwrite"):
        run(settings, out, resume=True)


@pytest.mark.parametrize("content", ["", "{}", "not JSON"])
def test_a_corrupted_result_of_a_seed_is_one_of_our_errors(
    settings: Settings, tmp_path: Path, interrupted: Interrupt, content: str
) -> None:
    out = tmp_path / "run"
    interrupted(settings, out, seed=1, epoch=2)
    path = out / "checkpoint" / "seed-0" / "result.json"
    path.write_text(content)
    with pytest.raises(GraphDamError, match="--overwrite"):
        run(settings, out, resume=True)


def test_a_copied_run_goes_on_elsewhere(
    settings: Settings, finished: Path, tmp_path: Path, interrupted: Interrupt
) -> None:
    interrupted(settings, tmp_path / "here", seed=1, epoch=2)
    shutil.move(tmp_path / "here", tmp_path / "there")
    run(settings, tmp_path / "there", resume=True)
    assert_same_run(tmp_path / "there", finished)
