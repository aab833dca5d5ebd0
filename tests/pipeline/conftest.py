"""Quick settings, and one finished run that tests may read or copy but never change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from graphdam import pipeline, seed_run
from graphdam.report import HistoryLine
from graphdam.training import Settings, Trainer

QUICK: dict[str, Any] = {
    "dataset": "karate",
    "device": "cpu",
    "threads": 1,
    "epochs": 12,
    "hidden_channels": 32,
    "start_width": 16,
    "heads": 4,
    "lr": 0.02,
    "gated_lr": 0.02,
    "gate_lr": 0.2,
    "gate_begin": 0.0,
    "gate_end": 0.5,
    "target_width": (5,),
    "task_weight": 1.0,
}


class InterruptionError(Exception):
    """What ends a run in these tests."""


@pytest.fixture(scope="session")
def quick() -> Callable[..., Settings]:
    """Settings of a recipe for a run of 12 epochs that ends at width 5."""

    def make(recipe: str = "default", **given: Any) -> Settings:
        base = dict(QUICK)
        if recipe == "wide":
            del base["target_width"]
        return Settings.of(recipe, **{**base, **given})

    return make


@pytest.fixture(scope="session")
def finished(quick: Callable[..., Settings], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of seeds 0, 1 and 2 on karate; do not change it."""
    out = tmp_path_factory.mktemp("finished") / "run"
    pipeline.run(quick(seeds=(0, 1, 2)), out)
    return out


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be damaged."""
    return shutil.copytree(finished, tmp_path / "copied")


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a checkpoint after every epoch."""
    monkeypatch.setattr(seed_run, "Trainer", partial(Trainer, checkpoint_seconds=0))


@pytest.fixture
def interrupted() -> Callable[..., None]:
    """Begin a run and break it off at an epoch of a seed."""

    def begin(settings: Settings, out: Path, *, seed: int, epoch: int) -> None:
        def stop(line: HistoryLine) -> None:
            if (line.seed, line.epoch) == (seed, epoch):
                raise InterruptionError

        with pytest.raises(InterruptionError):
            pipeline.run(settings, out, observer=pipeline.Observer(epoch=stop))

    return begin
