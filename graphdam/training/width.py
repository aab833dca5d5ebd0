"""Who moves the widths, epoch by epoch: the penalty, with a brake and a budget, or a schedule."""

from __future__ import annotations

from typing import Any

from graphdam.errors import SettingsError
from graphdam.gates import DAMGate, GeometricSchedule, PenaltySchedule, WidthSchedule, gates_of
from graphdam.objectives import Prepared
from graphdam.training.brake import Brake, smoothed
from graphdam.training.budget import Budget
from graphdam.training.compact_cost import cost_of_widths
from graphdam.training.model import Model, gate_repeats
from graphdam.training.settings import Settings


class WidthControl:
    """Moves an encoder's gates through a run: soft and wide at first, hard and final at the end.

    While the width is learnt, λ presses on the offsets between `gate_begin` and `gate_end`, beside
    a teacher as hard as its `Brake` lets it. A `Budget` closes what it must on top of that. With a
    `target_width` the offsets follow a schedule instead and end at exactly that width.

    Gates of another kind than DAM's learn their values while λ presses, and keep them then.

    The steepness grows from 1 to `final_steepness` until the width is final, so that the channels
    that stay end near 1: a soft gate would leave a narrow layer attenuated.
    """

    def __init__(self, settings: Settings, encoder: Model, prepared: Prepared) -> None:
        self.settings = settings
        every = list(gates_of(encoder).values())
        self.gates = [gate for gate in every if isinstance(gate, DAMGate)]
        self.others = [gate for gate in every if not isinstance(gate, DAMGate)]
        last = settings.epochs - 1
        begin = round(settings.gate_begin * settings.epochs)
        end = round(settings.gate_end * settings.epochs)
        self.penalty = PenaltySchedule(settings.penalty_weight, begin, end)
        self.steepness = GeometricSchedule(1.0, settings.final_steepness, begin, end)
        self.targets = _targets(settings, encoder, min(begin, last), min(end, last))
        self.final_from = min(end, last) if every else 0
        self.brake = Brake(
            tolerance=settings.brake_tolerance,
            loss=settings.brake_loss,
            errors=settings.brake_errors,
            relief=settings.decay_relief,
        )
        self.budget: Budget | None = None
        if settings.limits and self.gates:
            self.budget = Budget(
                settings.limits,
                self.gates,
                cost_of_widths(encoder, prepared),
                min(begin, last),
                min(end, last),
                repeats=gate_repeats(encoder),
            )
        self.mean_offsets = [gate.initial_offset for gate in self.gates]

    def is_final(self, epoch: int) -> bool:
        """Whether the widths of this epoch are those of the run's end."""
        return epoch >= self.final_from

    def begin_epoch(self, epoch: int) -> None:
        """Say which gates learn in this epoch, and put them where they stay once it is the last."""
        is_moving = self.penalty.is_active(epoch)
        # A width that was set may be what keeps the student away, whatever its decay.
        is_learnt = not self.targets and not (self.budget and self.budget.has_closed)
        if is_moving or (self.is_final(epoch) and is_learnt):
            self.brake.relieve(again=self.is_final(epoch))
        self.begin_step(epoch)
        for gate in self.gates:
            gate.offset.requires_grad_(not self.targets and is_moving)
        for other in self.others:
            other.requires_grad_(is_moving)
        if not self.targets and epoch == self.penalty.end:
            self._settle(epoch)

    def begin_step(self, time: float) -> None:
        """Put the gates where this time has them.

        Args:
            time: in epochs, so that long ones do not close many channels at once.
        """
        for gate in self.gates:
            gate.set_steepness(self.steepness.at(time))
        for gate, schedule in zip(self.gates, self.targets, strict=False):
            schedule.apply(gate, time)

    def _settle(self, epoch: int) -> None:
        """Put the offsets where they stay."""
        for gate, offset in zip(self.gates, self.mean_offsets, strict=True):
            if self.brake.gap_of_student is not None:
                gate.set_offset(offset)  # under a brake it swings about its balance
        if self.budget is not None:
            self.budget.enforce(epoch)
        for gate in self.gates:
            # Midway between two thresholds rounding can no longer open or close a channel.
            gate.set_offset(gate.offset_of(gate.width))

    def penalty_weight(self, epoch: int) -> float:
        """λ of this epoch as the brake lets it through; below 0 it opens channels."""
        if self.targets:
            return 0.0
        return self.penalty.weight_at(epoch) * self.brake.pressure

    def end_step(self, time: float, *, is_watched: bool = True) -> None:
        """Keep the offsets where they matter and within the budget.

        Args:
            time: of the step, in epochs.
            is_watched: whether the brake is told after it, and may turn: the offsets are averaged
                from turn to turn.
        """
        for gate in self.gates:  # a gate must not wander off while nothing closes
            highest = max(gate.initial_offset, gate.offset_of(gate.num_channels))
            gate.set_offset(min(max(float(gate.offset.detach()), gate.lowest_offset), highest))
        if self.budget is not None:
            self.budget.weigh()
            self.budget.enforce(time)
        if is_watched:
            self.mean_offsets = [
                smoothed(mean, float(gate.offset.detach()))
                for mean, gate in zip(self.mean_offsets, self.gates, strict=True)
            ]

    def notes(self) -> list[str]:
        """What a reader of the result should know about the widths."""
        if self.targets:
            return []
        if self.brake.gap_of_student is not None and not self.brake.has_let_go:
            return [
                "the gated model never came as close to its teacher as the brake asks, so λ never "
                "pressed on its widths: train for more epochs, or raise brake_tolerance"
            ]
        return [
            f"hidden layer {index} was stopped at the minimum width "
            f"({gate.width} channel{'' if gate.width == 1 else 's'} a gate): λ would have closed it"
            for index, gate in enumerate([*self.gates, *self.others], start=1)
            if gate.width == getattr(gate, "min_width", 0) < gate.num_channels
        ]

    def values(self) -> dict[str, Any]:
        """What a checkpoint must hold of this control."""
        return {
            "brake": self.brake.values(),
            "budget": None if self.budget is None else self.budget.values(),
            "mean_offsets": self.mean_offsets,
        }

    def restore(self, values: dict[str, Any]) -> None:
        self.brake.restore(values["brake"])
        if self.budget is not None:
            self.budget.restore(values["budget"])
        self.mean_offsets = values["mean_offsets"]


def _targets(settings: Settings, encoder: Model, begin: int, end: int) -> list[WidthSchedule]:
    """One schedule a gate, where a target is set."""
    if settings.target_width is None:
        return []
    repeats, gates = gate_repeats(encoder), list(gates_of(encoder).values())
    wanted = settings.target_width
    if len(wanted) == 1 or len(set(wanted)) == 1:
        wanted = wanted[:1] * len(gates)
    if len(wanted) != len(gates):
        is_graph = settings.kind == "graphs"
        about = " (jk='max' and 'lstm' share one among all layers)" if is_graph else ""
        count = f"{len(gates)} gate{'s' if len(gates) > 1 else ''}"
        raise SettingsError(
            f"target_width={','.join(map(str, wanted))} names {len(wanted)} widths, but the "
            f"{'encoder' if is_graph else settings.model} has {count}{about}."
        )
    for width, gate, times in zip(wanted, gates, repeats, strict=True):
        if width % times:
            raise SettingsError(
                f"target_width={width} must be a multiple of the {times} attention heads, "
                f"which keep the same channels."
            )
        if width // times > gate.num_channels:
            widths = ", ".join(str(each.num_channels) for each in gates)
            raise SettingsError(
                f"target_width={width} is above the {gate.num_channels} channels of a layer: "
                f"channels only close; the widths to begin with are {widths}."
            )
    return [
        WidthSchedule(width // times, begin, end)
        for width, times in zip(wanted, repeats, strict=True)
    ]
