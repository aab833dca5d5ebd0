"""Who moves the widths, epoch by epoch: the penalty, with a brake, or a schedule to a target."""

from __future__ import annotations

from typing import Any

from graphdam.errors import SettingsError
from graphdam.gates import DAMGate, GeometricSchedule, PenaltySchedule, WidthSchedule, gates_of
from graphdam.nn import Encoder
from graphdam.training.settings import Settings

SMOOTHING = 0.9
"""How much of the past the moving averages of gaps and offsets keep in an epoch."""


class WidthControl:
    r"""Moves an encoder's gates through a run: soft and wide at first, hard and final at the end.

    While the width is learnt, λ presses on the offsets between `gate_begin` and `gate_end`. Beside
    a teacher the pressure has a brake: it acts only while the student's distance from the teacher,
    :math:`d_s = \mathrm{KL}(t \,\Vert\, s)` without dropout on all nodes, is small in one of two
    units,

    .. math::
        d_s \le \mathrm{tolerance} \cdot \max(d_t, d_s^*),

    where :math:`d_t` is how far dropout moves the teacher from itself, and :math:`d_s^*` the
    least distance that the student has had since the width began to move. The first unit says how
    much difference the graph does not care about; the second lets a student narrow that its own
    regularisation, not its width, keeps from its teacher. All are moving averages. None needs a
    label or a constant of the graph. While the brake holds, only the task moves the offsets, and
    may reopen channels. With a `target_width` the offsets follow a schedule instead and end at
    exactly that width.

    The steepness grows from 1 to `final_steepness` until the width is final, so that the channels
    that stay end near 1: a soft gate would leave a narrow layer attenuated.
    """

    def __init__(self, settings: Settings, encoder: Encoder) -> None:
        self.settings = settings
        self.gates = [gate for gate in gates_of(encoder).values() if isinstance(gate, DAMGate)]
        last = settings.epochs - 1
        begin = round(settings.gate_begin * settings.epochs)
        end = round(settings.gate_end * settings.epochs)
        self.penalty = PenaltySchedule(settings.penalty_weight, begin, end)
        self.steepness = GeometricSchedule(1.0, settings.final_steepness, begin, end)
        self.targets = _targets(settings, encoder, min(begin, last), min(end, last))
        self.final_from = min(end, last) if self.gates else 0
        self.gap_of_student: float | None = None
        self.gap_of_teacher: float | None = None
        self.closest_gap: float | None = None
        self.is_moving = False
        self.mean_offsets = [gate.initial_offset for gate in self.gates]

    def is_final(self, epoch: int) -> bool:
        """Whether the widths of this epoch are those of the run's end."""
        return epoch >= self.final_from

    def begin_epoch(self, epoch: int) -> None:
        """Put the gates where this epoch has them."""
        self.is_moving = self.penalty.is_active(epoch)
        for gate in self.gates:
            gate.set_steepness(self.steepness.at(epoch))
            gate.offset.requires_grad_(not self.targets and self.is_moving)
        for gate, schedule in zip(self.gates, self.targets, strict=False):
            schedule.apply(gate, epoch)
        if not self.targets and epoch == self.penalty.end:
            for gate, offset in zip(self.gates, self.mean_offsets, strict=True):
                if self.gap_of_student is not None:
                    gate.set_offset(offset)  # under a brake it swings about its balance
                # Midway between two thresholds rounding can no longer open or close a channel.
                gate.set_offset(gate.offset_of(gate.width))

    def penalty_weight(self, epoch: int) -> float:
        """λ of this epoch, 0 while the brake holds."""
        if self.targets or self.is_braked:
            return 0.0
        return self.penalty.weight_at(epoch)

    @property
    def is_braked(self) -> bool:
        if self.gap_of_student is None or self.gap_of_teacher is None:
            return False
        if self.is_moving and self.closest_gap is None:
            return False  # in its first epoch of movement the student has no unit of its own yet
        yardstick = max(self.gap_of_teacher, self.closest_gap or 0.0)
        return self.gap_of_student > self.settings.brake_tolerance * yardstick

    def observe(self, *, gap_of_student: float, gap_of_teacher: float) -> None:
        """Tell the brake how far student and noisy teacher lie from the teacher this epoch."""
        self.gap_of_student = _smoothed(self.gap_of_student, gap_of_student)
        self.gap_of_teacher = _smoothed(self.gap_of_teacher, gap_of_teacher)
        if self.is_moving:
            closest = self.closest_gap
            now = self.gap_of_student
            self.closest_gap = now if closest is None else min(closest, now)

    def end_step(self) -> None:
        """Keep the offsets where they matter: a gate must not wander off while nothing closes."""
        for index, gate in enumerate(self.gates):
            highest = max(gate.initial_offset, gate.offset_of(gate.num_channels))
            offset = min(max(float(gate.offset.detach()), gate.lowest_offset), highest)
            gate.set_offset(offset)
            self.mean_offsets[index] = _smoothed(self.mean_offsets[index], offset)

    def notes(self) -> list[str]:
        """What a reader of the result should know about the widths."""
        if self.targets or not self.gates:
            return []
        return [
            f"hidden layer {index} was stopped at the minimum width "
            f"({gate.min_width} channels a gate): λ would have closed it"
            for index, gate in enumerate(self.gates, start=1)
            if gate.width == gate.min_width < gate.num_channels
        ]

    def values(self) -> dict[str, Any]:
        """What a checkpoint must hold of this control."""
        return {
            "gap_of_student": self.gap_of_student,
            "gap_of_teacher": self.gap_of_teacher,
            "closest_gap": self.closest_gap,
            "mean_offsets": self.mean_offsets,
        }

    def restore(self, values: dict[str, Any]) -> None:
        self.gap_of_student = values["gap_of_student"]
        self.gap_of_teacher = values["gap_of_teacher"]
        self.closest_gap = values["closest_gap"]
        self.mean_offsets = values["mean_offsets"]


def _smoothed(past: float | None, now: float) -> float:
    return now if past is None else SMOOTHING * past + (1 - SMOOTHING) * now


def _targets(settings: Settings, encoder: Encoder, begin: int, end: int) -> list[WidthSchedule]:
    """One schedule a gate, where a target is set."""
    if settings.target_width is None:
        return []
    groups = [group for group in encoder.channel_groups() if group.gate is not None]
    wanted = settings.target_width
    if len(wanted) == 1 or len(set(wanted)) == 1:
        wanted = wanted[:1] * len(groups)
    if len(wanted) != len(groups):
        raise SettingsError(
            f"target_width={','.join(map(str, wanted))} names {len(wanted)} widths, but the "
            f"encoder has {len(groups)} gates (jk='max' and 'lstm' share one among all layers)."
        )
    for width, group in zip(wanted, groups, strict=True):
        if width % group.repeats:
            raise SettingsError(
                f"target_width={width} must be a multiple of the {group.repeats} attention heads, "
                f"which keep the same channels."
            )
    return [
        WidthSchedule(width // group.repeats, begin, end)
        for width, group in zip(wanted, groups, strict=True)
    ]
