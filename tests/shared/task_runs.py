"""Short runs on data of any kind, which a test can break off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_runs import assert_same_weights

from graphdam.data import AnyData
from graphdam.report import HistoryLine
from graphdam.training import Fit, Settings, Trainer, seeded, task_of
from graphdam.training.checkpoint import read_checkpoint

CPU = torch.device("cpu")


class InterruptionError(Exception):
    """What ends a run in these tests."""


def fit_task(
    settings: Settings,
    data: AnyData,
    *,
    seed: int = 0,
    checkpoint: Path | None = None,
    stop_at: int | None = None,
) -> tuple[Fit[Any], list[HistoryLine]]:
    """Train a fresh model; a checkpoint after every epoch, and no end of the epoch `stop_at`."""
    lines: list[HistoryLine] = []

    def on_epoch(line: HistoryLine) -> None:
        if line.epoch == stop_at:
            raise InterruptionError
        lines.append(line.model_copy(update={"seconds": 0.0}))

    task = task_of(settings, data)
    with seeded(seed, CPU):
        model = task.build()
    trainer = Trainer(settings, on_epoch=on_epoch, checkpoint_seconds=0)
    return trainer.fit(model, data, seed=seed, checkpoint=checkpoint), lines


def assert_resumes(settings: Settings, data: AnyData, *, epoch: int, folder: Path) -> None:
    """A run that is broken off at the end of an epoch goes on to the bits of one that is not."""
    whole, whole_lines = fit_task(settings, data)
    checkpoint = folder / "seed-0.safetensors"
    with pytest.raises(InterruptionError):
        fit_task(settings, data, checkpoint=checkpoint, stop_at=epoch)
    assert read_checkpoint(checkpoint).values["epoch"] == epoch
    torch.manual_seed(99)  # whoever resumes has drawn other numbers
    resumed, lines = fit_task(settings, data, checkpoint=checkpoint)
    assert lines == whole_lines[epoch:]
    assert_same_weights(resumed.encoder, whole.encoder)
    assert (resumed.chosen, resumed.teacher_chosen) == (whole.chosen, whole.teacher_chosen)


def assert_seeds_repeat_and_differ(settings: Settings, data: AnyData) -> None:
    first, again, other = (fit_task(settings, data, seed=seed)[0].encoder for seed in (0, 0, 1))
    assert_same_weights(first, again)
    with pytest.raises(AssertionError):
        assert_same_weights(first, other)
