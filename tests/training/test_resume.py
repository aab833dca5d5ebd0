"""Does an interrupted seed end where an uninterrupted one ends, bit for bit?"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from graphdam.data import Graph
from graphdam.errors import TrainingError
from graphdam.report import HistoryLine
from graphdam.training import Fit, Settings, Trainer, build_encoder, seeded
from graphdam.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

MakeSettings = Callable[..., Settings]


class InterruptionError(Exception):
    """What ends a run in these tests."""


def fit(
    settings: Settings,
    graph: Graph,
    *,
    checkpoint: Path | None = None,
    stop_at: int | None = None,
    seed: int = 0,
) -> tuple[Fit, list[HistoryLine]]:
    lines: list[HistoryLine] = []

    def on_epoch(line: HistoryLine) -> None:
        if line.epoch == stop_at:
            raise InterruptionError
        lines.append(line.model_copy(update={"seconds": 0.0}))

    with seeded(seed, torch.device("cpu")):
        encoder = build_encoder(settings, graph)
    trainer = Trainer(settings, on_epoch=on_epoch, checkpoint_seconds=0)
    return trainer.fit(encoder, graph, seed=seed, checkpoint=checkpoint), lines


def interrupt(settings: Settings, graph: Graph, checkpoint: Path, epoch: int) -> None:
    with pytest.raises(InterruptionError):
        fit(settings, graph, checkpoint=checkpoint, stop_at=epoch)


def assert_same_weights(first: nn.Module | None, second: nn.Module | None) -> None:
    assert (first is None) == (second is None)
    if first is None or second is None:
        return
    other = second.state_dict()
    for name, value in first.state_dict().items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("epoch", [1, 6, 10, 13, 19])
@pytest.mark.parametrize(
    ("recipe", "given"),
    [
        ("default", {"gated_dropout": 0.25, "decoupled": True, "gated_weight_decay": 0.5}),
        ("default", {"model": "gat", "target_width": (8,)}),
        ("paper", {"norm": "batch_norm", "gate_begin": 0.2, "gate_end": 0.6}),
        ("wide", {}),
        ("irrelevance", {"prune_begin": 0.2, "prune_step": 0.3, "bound_tolerance": 0.2}),
        ("frank-wolfe", {"lr": 0.1}),
        ("aswl", {"initial_ratio": 0.4, "ratio_end": 0.5}),
    ],
)
def test_an_interrupted_seed_ends_bit_for_bit_where_it_would_have(
    quick: MakeSettings,
    karate: Graph,
    tmp_path: Path,
    recipe: str,
    given: dict[str, Any],
    epoch: int,
) -> None:
    settings, checkpoint = quick(recipe, **given), tmp_path / "seed-0.safetensors"
    whole, whole_lines = fit(settings, karate)
    interrupt(settings, karate, checkpoint, epoch)
    assert read_checkpoint(checkpoint).values["epoch"] == epoch
    torch.manual_seed(99)  # whoever resumes has drawn other numbers
    resumed, lines = fit(settings, karate, checkpoint=checkpoint)
    assert lines == whole_lines[epoch:]
    assert_same_weights(resumed.encoder, whole.encoder)
    assert_same_weights(resumed.teacher, whole.teacher)
    assert (resumed.chosen, resumed.teacher_chosen) == (whole.chosen, whole.teacher_chosen)
    assert resumed.notes == whole.notes


def test_interrupted_again_and_again(quick: MakeSettings, karate: Graph, tmp_path: Path) -> None:
    settings, checkpoint = quick(), tmp_path / "seed-0.safetensors"
    whole, _ = fit(settings, karate)
    for epoch in (2, 3, 9, 17):
        interrupt(settings, karate, checkpoint, epoch)
    resumed, lines = fit(settings, karate, checkpoint=checkpoint)
    assert [line.epoch for line in lines] == [17, 18, 19]
    assert_same_weights(resumed.encoder, whole.encoder)


def test_a_seed_that_has_ended_is_not_trained_again(
    quick: MakeSettings, karate: Graph, tmp_path: Path
) -> None:
    settings, checkpoint = quick(), tmp_path / "seed-0.safetensors"
    whole, _ = fit(settings, karate, checkpoint=checkpoint)
    again, lines = fit(settings, karate, checkpoint=checkpoint)
    assert lines == []
    assert_same_weights(again.encoder, whole.encoder)


def test_the_time_before_the_interruption_counts(
    quick: MakeSettings, karate: Graph, tmp_path: Path
) -> None:
    settings, checkpoint = quick(), tmp_path / "seed-0.safetensors"
    interrupt(settings, karate, checkpoint, 10)
    before = read_checkpoint(checkpoint).values["seconds"]
    resumed, _ = fit(settings, karate, checkpoint=checkpoint)
    assert resumed.seconds > before > 0


def test_threads_and_the_other_seeds_may_change(
    quick: MakeSettings, karate: Graph, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "seed-0.safetensors"
    whole, _ = fit(quick(), karate)
    interrupt(quick(seeds=(0,), threads=1), karate, checkpoint, 5)
    resumed, _ = fit(quick(seeds=(0, 1), threads=None), karate, checkpoint=checkpoint)
    assert_same_weights(resumed.encoder, whole.encoder)


def test_a_setting_that_is_newer_than_the_checkpoint_is_no_other_setting(
    quick: MakeSettings, karate: Graph, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "seed-0.safetensors"
    whole, _ = fit(quick(), karate)
    interrupt(quick(), karate, checkpoint, 5)
    now = read_checkpoint(checkpoint)
    older = {k: v for k, v in now.values["settings"].items() if k != "teacher_from"}
    assert len(older) < len(now.values["settings"])
    write_checkpoint(checkpoint, Checkpoint(now.tensors, {**now.values, "settings": older}))
    resumed, _ = fit(quick(), karate, checkpoint=checkpoint)
    assert_same_weights(resumed.encoder, whole.encoder)


@pytest.mark.parametrize(("given", "seed"), [({"lr": 0.5}, 0), ({}, 1)])
def test_a_checkpoint_of_another_run_is_refused(
    quick: MakeSettings, karate: Graph, tmp_path: Path, given: dict[str, Any], seed: int
) -> None:
    checkpoint = tmp_path / "seed-0.safetensors"
    interrupt(quick(), karate, checkpoint, 5)
    with pytest.raises(TrainingError) as caught:
        fit(quick(**given), karate, checkpoint=checkpoint, seed=seed)
    assert str(caught.value) == (
        "The checkpoint is of seed 0 under other settings: resume with the settings of the run, or "
        "start again with --overwrite."
    )


def test_a_full_disk_while_saving_loses_no_more_than_one_checkpoint(
    quick: MakeSettings, karate: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, checkpoint = quick(), tmp_path / "seed-0.safetensors"
    whole, whole_lines = fit(settings, karate)
    interrupt(settings, karate, checkpoint, 8)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left on device"):
            fit(settings, karate, checkpoint=checkpoint)
    assert read_checkpoint(checkpoint).values["epoch"] == 8
    assert list(tmp_path.iterdir()) == [checkpoint]
    resumed, lines = fit(settings, karate, checkpoint=checkpoint)
    assert lines == whole_lines[8:]
    assert_same_weights(resumed.encoder, whole.encoder)
