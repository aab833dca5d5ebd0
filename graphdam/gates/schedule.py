"""When channels close: penalty, width and steepness as functions of the epoch."""

from __future__ import annotations

from dataclasses import dataclass

from graphdam.gates.dam import DAMGate


@dataclass(frozen=True)
class PenaltySchedule:
    """The penalty's weight λ over the epochs; outside its span offsets do not move.

    Args:
        penalty_weight: λ inside the span.
        begin: first epoch with a penalty. The paper's "cold start" is a `begin` above 0: until
            then the offsets are frozen and the weights learn alone.
        end: first epoch without a penalty, or None for the whole run. From there on the width
            is final.

    >>> schedule = PenaltySchedule(0.1, begin=20, end=100)
    >>> [schedule.weight_at(epoch) for epoch in (0, 20, 99, 100)]
    [0.0, 0.1, 0.1, 0.0]
    """

    penalty_weight: float
    begin: int = 0
    end: int | None = None

    def __post_init__(self) -> None:
        if self.begin < 0 or (self.end is not None and self.end < self.begin):
            raise ValueError(
                f"A schedule begins at epoch 0 or later and ends no earlier than it begins, "
                f"received begin={self.begin} and end={self.end}."
            )

    def is_active(self, epoch: int) -> bool:
        """Whether offsets move in this epoch."""
        return self.begin <= epoch and (self.end is None or epoch < self.end)

    def weight_at(self, epoch: int) -> float:
        return self.penalty_weight if self.is_active(epoch) else 0.0


@dataclass(frozen=True)
class LinearSchedule:
    """A number that moves from `start` to `stop` over the epochs `begin` … `end`.

    It is exactly `start` up to `begin` and exactly `stop` from `end` on: nothing is left to
    rounding, which is what makes a target width exact.

    >>> schedule = LinearSchedule(1.0, 31.0, begin=10, end=20)
    >>> [schedule.at(epoch) for epoch in (0, 10, 15, 20, 99)]
    [1.0, 1.0, 16.0, 31.0, 31.0]
    """

    start: float
    stop: float
    begin: int
    end: int

    def __post_init__(self) -> None:
        if self.begin < 0 or self.end < self.begin:
            raise ValueError(
                f"A schedule begins at epoch 0 or later and ends no earlier than it begins, "
                f"received begin={self.begin} and end={self.end}."
            )

    def at(self, epoch: float) -> float:
        """The number at a time in epochs, which may lie within one."""
        if epoch >= self.end:
            return self.stop
        if epoch <= self.begin:
            return self.start
        share = (epoch - self.begin) / (self.end - self.begin)
        return self.start + share * (self.stop - self.start)


@dataclass(frozen=True)
class GeometricSchedule(LinearSchedule):
    """Like `LinearSchedule`, by equal factors instead of equal steps; both ends positive.

    >>> schedule = GeometricSchedule(1.0, 16.0, begin=0, end=4)
    >>> [schedule.at(epoch) for epoch in range(5)]
    [1.0, 2.0, 4.0, 8.0, 16.0]
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start <= 0 or self.stop <= 0:
            raise ValueError(
                f"A geometric schedule needs positive ends, received {self.start} and {self.stop}."
            )

    def at(self, epoch: float) -> float:
        if not self.begin < epoch < self.end:
            return super().at(epoch)
        share = (epoch - self.begin) / (self.end - self.begin)
        return float(self.start * (self.stop / self.start) ** share)


@dataclass(frozen=True)
class WidthSchedule:
    """Closes a DAM gate to an exact width, whatever λ would do.

    The offset moves linearly from where the gate starts to the middle between the thresholds of
    `target_width` and `target_width` + 1, and stays there.

    Args:
        target_width: open channels from epoch `end` on, between the gate's minimum and its
            number of channels.
        begin: last epoch at the start width.
        end: first epoch at the target width.
    """

    target_width: int
    begin: int
    end: int

    def offset_at(self, epoch: float, gate: DAMGate) -> float:
        """The offset that `gate` has at a time in epochs."""
        if not gate.min_width <= self.target_width <= gate.num_channels:
            raise ValueError(
                f"The target width {self.target_width} must lie between the minimum width "
                f"{gate.min_width} and the number of channels {gate.num_channels}."
            )
        stop = gate.offset_of(self.target_width)
        return LinearSchedule(gate.initial_offset, stop, self.begin, self.end).at(epoch)

    def apply(self, gate: DAMGate, epoch: float) -> None:
        """Set the gate's offset for this time; the gradient must leave it alone."""
        gate.set_offset(self.offset_at(epoch, gate))
