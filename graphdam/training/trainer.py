"""The loop: a gated model beside its teacher, or any model alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from graphdam.data import TrainingData
from graphdam.gates import gates_of
from graphdam.nn import Encoder
from graphdam.report import HistoryLine
from graphdam.training.checkpoint import read_checkpoint, write_checkpoint
from graphdam.training.learner import Chosen
from graphdam.training.memory import memory_kept
from graphdam.training.model import AnyObjective, Model
from graphdam.training.resume import checkpoint_of, restore
from graphdam.training.settings import Settings
from graphdam.training.state import TrainingState
from graphdam.training.task_of import task_of
from graphdam.training.team import Team
from graphdam.training.trained_teacher import build_teacher

M = TypeVar("M", bound=Model, default=Encoder)


@dataclass(frozen=True)
class Fit(Generic[M]):
    """A finished training run.

    Attributes:
        encoder: the given model with the parameters of its chosen epoch, in evaluation mode; the
            teacher where the width was learnt and validation puts the given one clearly below it
            (`Settings.fallback_margin`).
        teacher: likewise, or None.
        chosen: the encoder's epoch; only epochs at which the width is final are eligible.
        teacher_chosen: the teacher's own.
        seconds: training time, looks at validation included, over all interruptions.
        notes: what a reader of the result should know.
        ensemble: the encoder's parameters at the last epochs, where the settings ask for several.
        num_trained: parameters that were trained: of the encoder as it began, of the teacher, and
            of what their objectives own.
    """

    encoder: M
    teacher: M | None
    chosen: Chosen
    teacher_chosen: Chosen | None
    seconds: float
    notes: list[str]
    ensemble: list[dict[str, Tensor]] = field(default_factory=list)
    num_trained: int = 0


class Trainer:
    """Trains encoders of graphs, models of images or of ratings, under one set of settings.

    Args:
        settings: see `Settings`.
        on_epoch: called with every epoch's line of history.
        checkpoint_seconds: least time between two checkpoints.

    >>> from graphdam.data import load_graph
    >>> from graphdam.training import Settings, build_gated
    >>> settings, graph = Settings.of(epochs=3), load_graph("karate")
    >>> fit = Trainer(settings).fit(build_gated(settings, graph), graph)
    >>> fit.encoder.compact().widths == fit.encoder.widths
    True
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_epoch: Callable[[HistoryLine], None] | None = None,
        checkpoint_seconds: float = 10.0,
    ) -> None:
        self.settings = settings
        self.on_epoch = on_epoch
        self.checkpoint_seconds = checkpoint_seconds

    def fit(
        self,
        encoder: M,
        data: TrainingData,
        objective: AnyObjective | None = None,
        *,
        teacher: M | None = None,
        seed: int = 0,
        checkpoint: Path | None = None,
    ) -> Fit[M]:
        """Train in place and return the encoder at its best validation epoch.

        Everything random is drawn from `seed`; the caller's generator is left as it was. With a
        `checkpoint` that exists, training goes on from there to the result that it would have
        had without the interruption, bit for bit on CPU.

        Args:
            encoder: gated or not; a model of `attach_gates` that classifies a graph's nodes too.
            data: the graph, the images, the points or the ratings, on the encoder's device.
            objective: that of the settings if None.
            teacher: a wide model; if None, the settings decide whether one is made or read
                (`teacher_from`). With `teacher_end` = 0 it was trained before and takes no step.
            seed: of dropout, and of the teacher's weights where it is made here.
            checkpoint: file to keep the state in.

        Raises:
            TrainingError: a loss that is not finite, or a checkpoint of another run.
        """
        settings, task = self.settings, task_of(self.settings, data, encoder)
        device = next(encoder.parameters()).device
        with seeded(seed, device), memory_kept():
            if objective is None:
                objective = task.build_objective(encoder, seed=seed)
            if teacher is None and settings.teacher and gates_of(encoder):
                teacher = build_teacher(task, seed=seed).to(device)  # type: ignore[assignment]
            if teacher is not None and settings.teacher_was_trained:
                task.adopt(teacher)
            both = [encoder] if teacher is None else [encoder, teacher]
            for each in both:
                task.take_up(each)
            prepared = task.prepare_training(encoder, objective)
            state = TrainingState(settings, encoder, teacher, objective, prepared, seed)
            num_trained = _num_trained(state)
            with _stored(checkpoint, state.team) as stored:
                if stored is not None:
                    restore(state, read_checkpoint(stored))
            self._loop(state, checkpoint if state.team.leads else None)
        chosen = state.student.settle()
        teacher_chosen = None if state.teacher is None else state.teacher.settle()
        falls_short = state.falls_short()
        for each in both:
            task.hand_back(each)
        notes = state.control.notes() + state.student.system.notes()
        fit = Fit(
            encoder,
            teacher,
            chosen,
            teacher_chosen,
            state.seconds,
            notes,
            num_trained=num_trained,
        )
        fit = self._fall_back(fit) if falls_short else fit
        if settings.ensemble > 1:
            is_student = fit.encoder is encoder or state.teacher is None
            learner = state.student if is_student else state.teacher
            assert learner is not None
            fit = replace(fit, ensemble=list(learner.last))
        return fit

    def _fall_back(self, fit: Fit[M]) -> Fit[M]:
        """The teacher in place of a student that lies clearly below it, where that is allowed."""
        short = "validation puts the gated model clearly below the wide one"
        if not self.settings.learns_width:
            return replace(fit, notes=[*fit.notes, f"{short}: allow it a larger width"])
        assert fit.teacher is not None
        assert fit.teacher_chosen is not None
        note = f"{short}, which is therefore what you have (fallback_margin decides)"
        return replace(fit, encoder=fit.teacher, chosen=fit.teacher_chosen, notes=[note])

    def _loop(self, state: TrainingState, checkpoint: Path | None) -> None:
        earlier, begin = state.seconds, time.perf_counter()
        saved = begin
        while state.epoch < self.settings.epochs:
            line = state.run_epoch()
            now = time.perf_counter()
            state.seconds = earlier + now - begin
            if self.on_epoch is not None:
                self.on_epoch(line.model_copy(update={"seconds": state.seconds}))
            if checkpoint is not None and now - saved >= self.checkpoint_seconds:
                write_checkpoint(checkpoint, checkpoint_of(state))
                saved = time.perf_counter()


def _num_trained(state: TrainingState) -> int:
    """Numbers that optimisers move; followers of a model (BGRL's) are none."""
    modules: list[nn.Module] = [state.student.encoder, state.objective]
    if state.teaching is not None and state.settings.teacher_rests_from > 0:
        modules += [state.teaching.learner.encoder, state.teaching.objective]
    every = {id(each): each for module in modules for each in module.parameters()}
    return sum(each.numel() for each in every.values() if each.requires_grad)


@contextmanager
def _stored(checkpoint: Path | None, team: Team) -> Iterator[Path | None]:
    """The leader's checkpoint, if there is one: the others may not see its disk."""
    if team.size == 1:
        yield checkpoint if checkpoint is not None and checkpoint.exists() else None
        return
    is_there = team.leads and checkpoint is not None and checkpoint.exists()
    content = team.shared(checkpoint.read_bytes() if checkpoint is not None and is_there else b"")
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "checkpoint.safetensors"
        copy.write_bytes(content)
        yield copy if content else None


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from `seed` inside, and leave the caller's generators as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
