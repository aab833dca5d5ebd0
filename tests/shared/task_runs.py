"""Short runs on images, points or ratings, which a test can break off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from graphdam.data import AnyData
from graphdam.report import HistoryLine
from graphdam.training import Fit, Settings, Trainer, seeded, task_of

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
