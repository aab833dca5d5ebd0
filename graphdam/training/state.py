"""All that changes while a run trains: one epoch's work, and how to save and restore it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from graphdam.errors import TrainingError
from graphdam.gates import DAMGate, gates_of, parameter_groups
from graphdam.nn import Encoder
from graphdam.objectives import Evaluation, Objective, PreparedGraph
from graphdam.report import HistoryLine
from graphdam.training.checkpoint import (
    Checkpoint,
    module_tensors,
    optimiser_tensors,
    restore_optimiser,
)
from graphdam.training.nested import NestedPrefixes
from graphdam.training.settings import Settings
from graphdam.training.width import WidthControl

PICTURES = 80
"""About how many epochs of a run keep every gate's values in the history."""


LEAST_ERROR = 0.002
"""Below this, differences of validation scores are no reason to keep channels."""


@dataclass(frozen=True)
class Chosen:
    """The epoch that is kept, what validation scored there and, if that decided, how far the
    teacher was."""

    epoch: int
    score: float
    loss: float
    distance: float | None = None

    @property
    def rank(self) -> tuple[float, float]:
        """The higher, the better."""
        if self.distance is not None:
            return -self.distance, 0.0
        return self.score, -self.loss


@dataclass(frozen=True)
class Lesson:
    """What a teacher gives in an epoch: outputs, those under dropout, its validation score."""

    outputs: Tensor
    noisy: Tensor
    val: float


class Learner:
    """An encoder with its optimiser and the parameters of its best epoch.

    Where nothing tells training from evaluation (`is_steady`), a look at the outputs after one step
    is the forward pass of the next.
    """

    def __init__(self, encoder: Encoder, settings: Settings, objective: Objective | None) -> None:
        self.encoder = encoder
        gated = bool(gates_of(encoder))
        self.is_steady = not (gated or settings.disturbs_teacher or settings.norm)
        self.ahead: Tensor | None = None
        self.weight_decay = settings.gated_weight_decay if gated else settings.weight_decay
        groups = parameter_groups(
            encoder,
            lr=settings.gated_lr if gated else settings.lr,
            gate_lr=settings.offset_lr,
            weight_decay=self.weight_decay,
        )
        if objective is not None:
            groups[0]["params"] = [*groups[0]["params"], *objective.parameters()]
        kind = torch.optim.AdamW if gated and settings.decoupled else torch.optim.Adam
        self.optimiser = kind(groups, fused=True)
        self.chosen: Chosen | None = None
        self.best: dict[str, Tensor] = {}

    def outputs(self, objective: Objective, prepared: PreparedGraph) -> Tensor:
        """In training mode, with gradient: what a step starts from."""
        encoder, ahead, self.ahead = self.encoder.train(), self.ahead, None
        return objective.outputs(encoder, prepared) if ahead is None else ahead

    def quiet_outputs(self, objective: Objective, prepared: PreparedGraph) -> Tensor:
        """In evaluation mode, without gradient."""
        with torch.set_grad_enabled(self.is_steady):
            outputs = objective.outputs(self.encoder.eval(), prepared)
        self.ahead = outputs if self.is_steady else None
        return outputs.detach()

    def step(self, loss: Tensor, *, decay: float = 1.0) -> None:
        """One step down the loss, with this share of the weight decay."""
        self.optimiser.param_groups[0]["weight_decay"] = decay * self.weight_decay
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def consider(self, epoch: int, val: Evaluation, *, distance: float | None = None) -> None:
        """Keep this epoch's parameters if it is better than those before.

        It is if it scores higher, or as high at a lower loss; where a distance from the teacher is
        given, if that is smaller.
        """
        now = Chosen(epoch, val.score, val.loss, distance)
        if self.chosen is None or now.rank > self.chosen.rank:
            self.chosen = now
            self.best = {
                name: value.detach().clone() for name, value in self.encoder.state_dict().items()
            }

    def settle(self) -> Chosen:
        """Put the best epoch's parameters in place."""
        assert self.chosen is not None, "the last epoch is always eligible"
        self.ahead = None
        self.encoder.load_state_dict(self.best)
        self.encoder.eval()
        return self.chosen

    def tensors(self, name: str) -> dict[str, Tensor]:
        best = {f"{name}/best/{key}": value for key, value in self.best.items()}
        return {
            **module_tensors(f"{name}/now", self.encoder),
            **optimiser_tensors(f"{name}/adam", self.optimiser),
            **best,
        }

    def restore(self, name: str, checkpoint: Checkpoint) -> None:
        self.ahead = None
        self.encoder.load_state_dict(checkpoint.part(f"{name}/now"))
        restore_optimiser(self.optimiser, checkpoint.part(f"{name}/adam"))
        self.best = checkpoint.part(f"{name}/best")
        chosen = checkpoint.values["chosen"][name]
        self.chosen = None if chosen is None else Chosen(**chosen)


class TrainingState:
    """One seed's run between two epochs."""

    def __init__(
        self,
        settings: Settings,
        encoder: Encoder,
        teacher: Encoder | None,
        objective: Objective,
        prepared: PreparedGraph,
        seed: int,
    ) -> None:
        self.settings = settings
        self.objective = objective
        self.prepared = prepared
        self.seed = seed
        self.num_val = objective.num_scored(prepared, "val")
        self.epoch = 0
        self.seconds = 0.0
        self.control = WidthControl(settings, encoder, prepared)
        self.student = Learner(encoder, settings, objective)
        self.teacher: Learner | None = None
        self.teacher_objective = objective
        if teacher is not None:
            self.teacher_objective = objective.for_teacher(teacher)
            own = None if self.teacher_objective is objective else self.teacher_objective
            self.teacher = Learner(teacher, settings, own)
        self.resting: Lesson | None = None
        self.gates = list(gates_of(encoder).values())
        self.dam_gates = [gate for gate in self.gates if isinstance(gate, DAMGate)]
        self.task_weight = 1.0
        if teacher is not None:
            self.task_weight = settings.task_weight * objective.task_share(prepared)
        self.prefixes = NestedPrefixes(encoder) if settings.nested else None
        self.repeats = [group.repeats for group in encoder.channel_groups() if group.gate]

    def run_epoch(self) -> HistoryLine:
        """One step of teacher and student, and a look at validation."""
        epoch, control, objective = self.epoch, self.control, self.objective
        student = self.student.encoder.train()
        control.begin_epoch(epoch)
        objective.begin_epoch()
        lesson = None if self.teacher is None else self._lesson_of(self.teacher)

        loss = self._nested_loss() if self.prefixes is not None else self._loss(lesson)
        value = float(loss.detach())
        penalty_weight = control.penalty_weight(epoch)
        if penalty_weight != 0:
            loss = loss + penalty_weight * student.penalty()
        self._require_finite(value)
        self.student.step(loss, decay=control.brake.decay)
        objective.after_step(student)
        control.end_step(epoch, penalty_weight=penalty_weight)
        train, val = self._look(lesson)
        self.epoch += 1
        return HistoryLine(
            seed=self.seed,
            epoch=epoch,
            loss=value,
            train=train.score,
            val=val.score,
            teacher_val=None if lesson is None else lesson.val,
            penalty=penalty_weight,
            widths=self._widths(),
            offsets=[float(gate.offset.detach()) for gate in self.dam_gates],
            steepness=float(self.dam_gates[0].steepness) if self.dam_gates else 1.0,
            gate_values=self._gate_values(epoch),
            seconds=0.0,
        )

    def _loss(self, lesson: Lesson | None) -> Tensor:
        """The task's loss and, beside a teacher, how far its outputs lie away."""
        objective, student, prepared = self.objective, self.student.encoder, self.prepared
        outputs = self.student.outputs(objective, prepared)
        loss = outputs.new_zeros(())
        if self.task_weight > 0:
            loss = self.task_weight * objective.loss(student, prepared, outputs)
        if lesson is not None:
            taught = lesson.outputs if self.control.brake.is_teacher_drowned else lesson.noisy
            loss = loss + objective.imitation(outputs, taught)
        return loss

    def _nested_loss(self) -> Tensor:
        """The mean of the task's losses of the whole model and of its prefixes."""
        assert self.prefixes is not None
        return torch.stack([self._loss(None) for _ in self.prefixes]).mean()

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

    def _lesson_of(self, teacher: Learner) -> Lesson:
        """The teacher's outputs after one more step, or at its best epoch once it rests."""
        if self.epoch < self.settings.teacher_rests_from:
            return self._step_teacher(teacher)
        if self.resting is None:
            teacher.settle()
            outputs = self.teacher_objective.quiet_outputs(teacher.encoder, self.prepared)
            val = self.teacher_objective.evaluate(outputs, self.prepared, "val")
            self.resting = Lesson(outputs, outputs, val.score)
        return self.resting

    def _step_teacher(self, teacher: Learner) -> Lesson:
        objective, prepared = self.teacher_objective, self.prepared
        noisy = teacher.outputs(objective, prepared)
        teacher.step(objective.loss(teacher.encoder, prepared, noisy))
        objective.after_step(teacher.encoder)
        quiet = teacher.quiet_outputs(objective, prepared)
        self._require_finite(float(quiet.sum()))
        val = objective.evaluate(quiet, prepared, "val")
        teacher.consider(self.epoch, val)
        return Lesson(quiet, noisy.detach(), val.score)

    @torch.no_grad()
    def _look(self, lesson: Lesson | None) -> tuple[Evaluation, Evaluation]:
        """Scores without dropout; the brake is told how far student and teacher lie apart."""
        objective, prepared = self.objective, self.prepared
        outputs = self.student.quiet_outputs(objective, prepared)
        self._require_finite(float(outputs.sum()))
        val = objective.evaluate(outputs, prepared, "val")
        train = objective.evaluate(outputs, prepared, "train")
        gap = None if lesson is None else float(objective.disagreement(outputs, lesson.outputs))
        if self._is_eligible():
            score = val if self.prefixes is None else self._nested_score()
            distance = gap if self.settings.keeps_nearest else None
            self.student.consider(self.epoch, score, distance=distance)
        if lesson is not None:
            assert gap is not None
            taught = lesson.outputs
            constant = objective.uninformed(taught)
            spread = None
            if self.settings.disturbs_teacher:
                spread = float(objective.disagreement(lesson.noisy, taught))
            shortfall = 0.0
            if objective.evaluates_as_scored:
                shortfall = (lesson.val - val.score) / self._error_of(lesson.val)
            self.control.brake.observe(
                gap_of_student=gap,
                gap_of_teacher=spread,
                information=float(objective.disagreement(constant, taught)),
                shortfall=shortfall,
            )
        return train, val

    def _is_eligible(self) -> bool:
        """Whether this epoch may be the one that is kept."""
        settings = self.settings
        will_rest = settings.keeps_nearest and settings.teacher_rests_from < settings.epochs
        if self.teacher is not None and will_rest and self.resting is None:
            return False  # the distances of two epochs are from two teachers
        return self.control.is_final(self.epoch)

    def _widths(self) -> list[int]:
        """Open channels by gate, those of all heads together; without gates, by layer."""
        if not self.gates:
            return self.student.encoder.widths
        return [
            gate.width * repeats for gate, repeats in zip(self.gates, self.repeats, strict=True)
        ]

    def _gate_values(self, epoch: int) -> list[list[float]] | None:
        every = max(1, self.settings.epochs // PICTURES)
        if not self.gates or (epoch % every and epoch != self.settings.epochs - 1):
            return None
        with torch.no_grad():
            return [[round(v, 4) for v in gate.final_values().tolist()] for gate in self.gates]

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
        scores = self.objective.score(learner.encoder, self.prepared, "val")
        return scores[self.objective.metric]

    def _error_of(self, score: float) -> float:
        """The standard error of a share of as many items as validation has."""
        return max(LEAST_ERROR, math.sqrt(score * (1 - score) / self.num_val))

    def checkpoint(self) -> Checkpoint:
        """Everything that the rest of the run depends on."""
        learners = self._learners()
        tensors = {"random": torch.get_rng_state()}
        for name, objective in self._objectives().items():
            tensors.update(module_tensors(name, objective))
        device = next(self.student.encoder.parameters()).device
        if device.type == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state(device)
        for name, learner in learners.items():
            tensors.update(learner.tensors(name))
        chosen = {
            name: None if learner.chosen is None else asdict(learner.chosen)
            for name, learner in learners.items()
        }
        values = {
            "seed": self.seed,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "chosen": chosen,
            "control": self.control.values(),
            "settings": _identity(self.settings),
        }
        return Checkpoint(tensors, values)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint was written.

        Raises:
            TrainingError: it belongs to another run.
        """
        values = checkpoint.values
        if values["settings"] != _identity(self.settings) or values["seed"] != self.seed:
            raise TrainingError(
                f"The checkpoint is of seed {values['seed']} under other settings: resume with the "
                f"settings of the run, or start again with --overwrite."
            )
        for name, learner in self._learners().items():
            learner.restore(name, checkpoint)
        for name, objective in self._objectives().items():
            objective.load_state_dict(checkpoint.part(name))
        self.control.restore(values["control"])
        self.epoch, self.seconds = values["epoch"], values["seconds"]
        torch.set_rng_state(checkpoint.tensors["random"])
        device = next(self.student.encoder.parameters()).device
        if "random_cuda" in checkpoint.tensors and device.type == "cuda":
            torch.cuda.set_rng_state(checkpoint.tensors["random_cuda"], device)

    def _learners(self) -> dict[str, Learner]:
        learners = {"student": self.student}
        if self.teacher is not None:
            learners["teacher"] = self.teacher
        return learners

    def _objectives(self) -> dict[str, Objective]:
        """One where teacher and student share it: a file holds every tensor once."""
        objectives = {"objective": self.objective}
        if self.teacher_objective is not self.objective:
            objectives["teacher_objective"] = self.teacher_objective
        return objectives


def _identity(settings: Settings) -> dict[str, Any]:
    """The settings that a seed's result depends on."""
    return settings.model_dump(mode="json", exclude={"seeds", "device", "threads"})
