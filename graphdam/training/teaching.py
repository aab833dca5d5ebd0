"""What a wide teacher does beside a gated model: learn, rest, and show its outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphdam.objectives import Evaluation, Prepared, PreparedImages
from graphdam.training.compute import step_precision
from graphdam.training.learner import Learner
from graphdam.training.model import AnyObjective, Model
from graphdam.training.settings import Settings


@dataclass(frozen=True)
class Lesson:
    """What a teacher gives: outputs, those under dropout and, of a look, its validation score."""

    outputs: Tensor
    noisy: Tensor
    val: float | None = None


class Teaching:
    """A teacher that learns on until it rests at its best epoch, or has rested from the start.

    Args:
        teacher: a wide model.
        settings: see `Settings`.
        objective: the student's, which the teacher shares unless it owns parameters.
        prepared: what both learn from.
        require_finite: refuses a sum of outputs that is not finite.

    Attributes:
        is_disturbed: whether dropout moves its outputs.
    """

    def __init__(
        self,
        teacher: Model,
        settings: Settings,
        objective: AnyObjective,
        prepared: Prepared,
        *,
        require_finite: Callable[[float], None],
    ) -> None:
        self.settings = settings
        self.prepared = prepared
        self.objective = objective.for_teacher(teacher)
        own = None if self.objective is objective else self.objective
        self.learner = Learner(teacher, settings, own, prepared)
        self.is_disturbed = settings.disturbs_teacher
        self.resting: Lesson | None = None
        self._require_finite = require_finite

    def step(self, epoch: int, batch: Prepared) -> Lesson:
        """The teacher's outputs after one more step, or at its best epoch once it rests.

        Where a batch is not the whole, its outputs before the step will do: they are there.
        """
        objective, learner, whole = self.objective, self.learner, self.prepared.is_whole
        if self._rests(epoch):
            resting = self._rest()
            return self._disturbed(resting if whole else self._shown(batch), batch)
        with step_precision(self.settings, learner.device):
            noisy = learner.outputs(objective, batch)
            loss = objective.loss(learner.encoder, batch, noisy)
        learner.step(loss)
        objective.after_step(learner.encoder)
        noisy = noisy.detach()
        return self.examine(epoch, noisy) if whole else Lesson(noisy, noisy)

    def on_moved(self, batch: Prepared) -> tuple[Prepared, Lesson]:
        """A step's images moved at random, and what the teacher makes of them."""
        assert isinstance(batch, PreparedImages)
        batch = batch.moved(self.settings.imitation_shift)
        return batch, self._shown(batch)

    def examine(self, epoch: int, noisy: Tensor | None = None) -> Lesson:
        """What the teacher makes of what is looked at, its best epoch kept."""
        if self._rests(epoch):
            return self._disturbed(self._rest(), self.prepared.looked_at)
        lesson, val = self.lesson_on(self.prepared.looked_at, noisy)
        self.learner.consider(epoch, val)
        return lesson

    def lesson_on(
        self, prepared: Prepared, noisy: Tensor | None = None
    ) -> tuple[Lesson, Evaluation]:
        """What the teacher makes of some data, its outputs under dropout made unless given."""
        quiet = self.learner.quiet_outputs(self.objective, prepared)
        lesson, val = self._lesson_of(quiet, prepared)
        lesson = (
            self._disturbed(lesson, prepared) if noisy is None else replace(lesson, noisy=noisy)
        )
        return lesson, val

    def _lesson_of(self, quiet: Tensor, prepared: Prepared) -> tuple[Lesson, Evaluation]:
        self._require_finite(float(quiet.sum()))
        val = self.objective.evaluate(quiet, prepared, "val")
        return Lesson(quiet, quiet, val.score), val

    def _disturbed(self, lesson: Lesson, prepared: Prepared) -> Lesson:
        """With what the teacher says under dropout, where that disturbs it."""
        if not self.is_disturbed:
            return lesson
        encoder = self.learner.encoder
        statistics = [(buffer, buffer.clone()) for buffer in encoder.buffers()]
        with torch.no_grad():
            noisy = self.objective.outputs(encoder.train(), prepared)
            for buffer, before in statistics:  # a look teaches nothing
                buffer.copy_(before)
        return replace(lesson, noisy=noisy)

    def _rests(self, epoch: int) -> bool:
        return epoch >= self.settings.teacher_rests_from

    def _rest(self) -> Lesson:
        """What the teacher's best epoch makes of the data."""
        if self.resting is None:
            learner, looked_at = self.learner, self.prepared.looked_at
            if learner.chosen is not None:
                learner.settle()
            quiet = self.objective.quiet_outputs(learner.encoder, looked_at)
            resting, val = self._lesson_of(quiet, looked_at)
            if learner.chosen is None:  # it was trained before the run
                learner.consider(0, val)
            with torch.random.fork_rng([learner.device] if learner.device.type == "cuda" else []):
                noisy = self._disturbed(resting, looked_at).noisy
            # a model that was made elsewhere brings a dropout of its own, or none
            self.is_disturbed = not torch.equal(noisy, resting.outputs)
            self.resting = resting
        return self.resting

    def _shown(self, batch: Prepared) -> Lesson:
        outputs = self.learner.quiet_outputs(self.objective, batch)
        return Lesson(outputs, outputs)
