"""All that changes while a run trains: one epoch's work, and how to save and restore it."""

from __future__ import annotations

import math
from statistics import fmean

import torch
from torch import Tensor

from graphdam.errors import TrainingError
from graphdam.gates import DAMGate, gates_of
from graphdam.nn import Encoder
from graphdam.objectives import Evaluation, Prepared
from graphdam.report import HistoryLine
from graphdam.training.channels import open_widths, pictured_values
from graphdam.training.compute import step_precision
from graphdam.training.learner import Learner
from graphdam.training.model import AnyObjective, Model
from graphdam.training.nested import NestedPrefixes
from graphdam.training.settings import Settings
from graphdam.training.teaching import Lesson, Teaching
from graphdam.training.team import current_team
from graphdam.training.width import WidthControl

LEAST_ERROR = 0.002
"""Below this, differences of validation scores are no reason to keep channels."""

WATCH_EVERY = 40
"""After so many steps of a long epoch the brake is told how far the student lies away."""


class TrainingState:
    """One seed's run between two epochs."""

    def __init__(
        self,
        settings: Settings,
        encoder: Model,
        teacher: Model | None,
        objective: AnyObjective,
        prepared: Prepared,
        seed: int,
    ) -> None:
        self.settings = settings
        self.objective = objective
        self.prepared = prepared
        self.seed = seed
        self.num_val = objective.num_scored(prepared.looked_at, "val")
        self.team = current_team()
        self.epoch = 0
        self.seconds = 0.0
        self.control = WidthControl(settings, encoder, prepared)
        self.student = Learner(encoder, settings, objective, prepared)
        self.teaching: Teaching | None = None
        if teacher is not None:
            self.teaching = Teaching(
                teacher, settings, objective, prepared, require_finite=self._require_finite
            )
        self.gates = list(gates_of(encoder).values())
        self.dam_gates = [gate for gate in self.gates if isinstance(gate, DAMGate)]
        self.task_weight = 1.0
        if teacher is not None:
            self.task_weight = settings.task_weight * objective.task_share(prepared)
        self.prefixes = None
        if settings.nested:
            assert isinstance(encoder, Encoder)
            self.prefixes = NestedPrefixes(encoder)

    def run_epoch(self) -> HistoryLine:
        """A step of teacher and student for every batch, and a look at validation."""
        epoch, whole, reported = self.epoch, self.prepared.is_whole, self.objective.reported
        self.control.begin_epoch(epoch)
        for learner in self.learners().values():
            learner.begin_epoch(epoch)
        self.objective.begin_epoch()
        losses, trained = [], []
        lesson, penalty_weight = None, 0.0
        for step, batch in enumerate(self.prepared.batches(), start=1):
            is_last = step == self.prepared.num_batches
            is_watched = is_last or step % WATCH_EVERY == 0
            time = epoch + (step - 1) / self.prepared.num_batches
            self.control.begin_step(time)
            lesson = None if self.teaching is None else self.teaching.step(epoch, batch)
            penalty_weight = self.control.penalty_weight(epoch)
            if self.teaching is not None and self.settings.imitation_shift > 0:
                batch, lesson = self.teaching.on_moved(batch)
            loss, outputs = self._descended(lesson, batch)
            losses.append(float(loss.detach()))
            self._step(loss, penalty_weight, time=time, is_watched=is_watched)
            if not is_last and self.student.system.wants_look:
                self._look_for_system()
            if not whole:
                if batch.num_items("train") > 0:
                    evaluation = self.objective.evaluate(outputs.detach(), batch, "train")
                    trained.append(evaluation.score)
                if is_watched and not is_last:
                    self._watch()
        for learner in self.learners().values():
            self.team.share_buffers(learner.encoder)
        if self.teaching is not None and not whole:
            lesson = self.teaching.examine(epoch)
        train, val = self._look(lesson, scores_train=not trained)
        self.epoch += 1
        return HistoryLine(
            seed=self.seed,
            epoch=epoch,
            loss=fmean(losses),
            train=reported(fmean(trained) if trained else train),
            val=reported(val),
            teacher_val=None if lesson is None or lesson.val is None else reported(lesson.val),
            penalty=penalty_weight,
            widths=open_widths(self.student.encoder),
            offsets=[float(gate.offset.detach()) for gate in self.dam_gates],
            steepness=float(self.dam_gates[0].steepness) if self.dam_gates else 1.0,
            sparsity=self.student.system.sparsity if self.settings.system else None,
            gate_values=pictured_values(self.gates, epoch, of=self.settings.epochs),
            seconds=0.0,
        )

    def _step(self, loss: Tensor, penalty_weight: float, *, time: float, is_watched: bool) -> None:
        """One step of the student down its loss and the penalty on its widths."""
        control, student = self.control, self.student.encoder
        self._require_finite(float(loss.detach()))
        if penalty_weight != 0:
            loss = loss + penalty_weight * student.penalty()
        self.student.step(loss, decay=control.brake.decay)
        self.objective.after_step(student)
        control.end_step(time, is_watched=is_watched)

    def _descended(self, lesson: Lesson | None, batch: Prepared) -> tuple[Tensor, Tensor]:
        """The loss of a step and the outputs that it starts from."""
        with step_precision(self.settings, self.student.device):
            return self._loss(lesson, batch) if self.prefixes is None else self._nested()

    def _loss(self, lesson: Lesson | None, batch: Prepared) -> tuple[Tensor, Tensor]:
        """The task's loss and, beside a teacher, how far its outputs lie away; and the outputs."""
        objective, student = self.objective, self.student.encoder
        outputs = self.student.outputs(objective, batch)
        loss = outputs.new_zeros(())
        if self.task_weight > 0:
            loss = self.task_weight * objective.loss(student, batch, outputs)
        if lesson is not None:
            taught = lesson.outputs if self.control.brake.is_teacher_drowned else lesson.noisy
            loss = loss + objective.imitation_in(batch, outputs, taught)
        return loss, outputs

    def _nested(self) -> tuple[Tensor, Tensor]:
        """The mean of the task's losses of the whole model and of its prefixes."""
        assert self.prefixes is not None
        each = [self._loss(None, self.prepared) for _ in self.prefixes]
        return torch.stack([loss for loss, _ in each]).mean(), each[0][1]

    def _nested_score(self) -> Evaluation:
        """The mean validation score of the whole model and its prefixes, likewise the loss."""
        assert self.prefixes is not None
        objective, student, prepared = self.objective, self.student.encoder, self.prepared
        each = [
            objective.evaluate(objective.outputs(student, prepared), prepared, "val")
            for _ in self.prefixes
        ]
        return Evaluation(fmean(val.score for val in each), fmean(val.loss for val in each))

    def _require_finite(self, value: float) -> None:
        if math.isfinite(value):
            return
        rates = f"lr ({self.settings.lr})"
        if self.gates:
            rates = f"gated_lr ({self.settings.gated_lr}) and {rates}"
        raise TrainingError(
            f"The loss of {self.settings.objective} became {value} at epoch {self.epoch} of seed "
            f"{self.seed}: lower {rates}, or "
            f"check the features for extreme values."
        )

    @torch.no_grad()
    def _watch(self) -> None:
        """Tell the brake how things stand within an epoch."""
        if self.teaching is None:
            return
        objective, watched = self.objective, self.prepared.watched
        lesson, _ = self.teaching.lesson_on(watched)
        outputs = self.student.quiet_outputs(objective, watched)
        val = objective.evaluate(outputs, watched, "val")
        gap = float(objective.disagreement(outputs, lesson.outputs))
        self._tell_brake(lesson, gap, val.score)

    @torch.no_grad()
    def _look(self, lesson: Lesson | None, *, scores_train: bool) -> tuple[float, float]:
        """Scores without dropout; the brake is told how far student and teacher lie apart."""
        objective, looked_at = self.objective, self.prepared.looked_at
        outputs = self.student.quiet_outputs(objective, looked_at)
        self._require_finite(float(outputs.sum()))
        val = objective.evaluate(outputs, looked_at, "val")
        train = val
        if scores_train:
            train = objective.evaluate(outputs, looked_at, "train")
        gap = None if lesson is None else float(objective.disagreement(outputs, lesson.outputs))
        if self._is_eligible() and self.student.system.is_eligible(val):
            score = val if self.prefixes is None else self._nested_score()
            distance = gap if self.settings.keeps_nearest else None
            self.student.consider(self.epoch, score, distance=distance)
        self.student.system.look(val)
        if lesson is not None:
            assert gap is not None
            self._tell_brake(lesson, gap, val.score)
        return train.score, val.score

    @torch.no_grad()
    def _look_for_system(self) -> None:
        """A look within an epoch, where the student's system cannot wait for its end."""
        objective, looked_at = self.objective, self.prepared.looked_at
        outputs = self.student.quiet_outputs(objective, looked_at)
        val = objective.evaluate(outputs, looked_at, "val")
        if self.student.system.is_eligible(val):
            self.student.consider(self.epoch, val)
        self.student.system.look(val)

    def _tell_brake(self, lesson: Lesson, gap: float, val: float) -> None:
        """How far the student lies from its teacher, its score too, on what both have seen."""
        objective, taught = self.objective, lesson.outputs
        constant = objective.uninformed(taught)
        spread = None
        assert self.teaching is not None
        if self.teaching.is_disturbed:
            spread = float(objective.disagreement(lesson.noisy, taught))
        shortfall = 0.0
        if objective.evaluates_as_scored:
            assert lesson.val is not None
            shortfall = (lesson.val - val) / self._error_of(lesson.val)
        information = float(objective.disagreement(constant, taught))
        given = (gap, information, shortfall, *(() if spread is None else (spread,)))
        gap, information, shortfall, *of_teacher = self.team.agreed(*given)
        self.control.brake.observe(
            gap_of_student=gap,
            gap_of_teacher=of_teacher[0] if of_teacher else None,
            information=information,
            shortfall=shortfall,
        )

    def _is_eligible(self) -> bool:
        """Whether this epoch may be the one that is kept."""
        settings = self.settings
        will_rest = settings.keeps_nearest and settings.teacher_rests_from < settings.epochs
        if self.teaching is not None and will_rest and self.teaching.resting is None:
            return False  # the distances of two epochs are from two teachers
        return self.control.is_final(self.epoch)

    @property
    def teacher(self) -> Learner | None:
        """The teacher, if there is one."""
        return None if self.teaching is None else self.teaching.learner

    def falls_short(self) -> bool:
        """Whether validation puts the settled student clearly below its settled teacher.

        It does not within `fallback_margin`, nor within the standard error.
        """
        if self.teacher is None:
            return False
        student, teacher = self._settled_score(self.student), self._settled_score(self.teacher)
        return teacher - student > max(self.settings.fallback_margin, self._error_of(teacher))

    def _settled_score(self, learner: Learner) -> float:
        """What a learner's best epoch scores on validation."""
        if self.objective.evaluates_as_scored:
            assert learner.chosen is not None
            return learner.chosen.score
        scores = self.objective.score(learner.encoder, self.prepared.looked_at, "val")
        return scores[self.objective.metric]

    def _error_of(self, score: float) -> float:
        """How far chance moves a score of as many items as a look at validation has."""
        return max(LEAST_ERROR, self.objective.standard_error(score, self.num_val))

    def learners(self) -> dict[str, Learner]:
        """The student, and the teacher if there is one."""
        learners = {"student": self.student}
        if self.teacher is not None:
            learners["teacher"] = self.teacher
        return learners

    def objectives(self) -> dict[str, AnyObjective]:
        """One where teacher and student share it: a file holds every tensor once."""
        objectives = {"objective": self.objective}
        if self.teaching is not None and self.teaching.objective is not self.objective:
            objectives["teacher_objective"] = self.teaching.objective
        return objectives
