"""How far a student may lie from its teacher before the pressure on it is taken off."""

from __future__ import annotations

from typing import Any

SMOOTHING = 0.9
"""How much of the past the moving averages of the gaps keep in an epoch."""

LEAST_DECAY = 0.01
"""The least share of the weight decay that relief leaves."""


class Brake:
    r"""Holds λ back while a student lies too far from its teacher.

    The student's distance from the teacher, :math:`d_s = \mathrm{KL}(t \,\Vert\, s)` without
    dropout on all nodes, is measured in units of :math:`d_t`, how far dropout moves the teacher
    from itself: the difference that the graph does not care about. Both are moving averages, and
    neither needs a label or a constant of the graph. The brake holds while

    .. math::
        d_s > \mathrm{tolerance} \cdot d_t.

    A student can lie too far away before it has lost a channel, where weight decay alone keeps it
    from its teacher. So from the epoch on in which the width may move, weight decay falls
    epoch by epoch until the brake lets go for the first time; there it stays.

    Args:
        tolerance: see the formula.
        relief: the share by which an epoch lowers the weight decay.

    >>> brake = Brake(tolerance=2.0, relief=0.1)
    >>> brake.observe(gap_of_student=0.3, gap_of_teacher=0.1)
    >>> brake.relieve()
    >>> brake.holds, brake.decay
    (True, 0.9)
    """

    def __init__(self, tolerance: float, *, relief: float = 0.0) -> None:
        self.tolerance = tolerance
        self.relief = relief
        self.gap_of_student: float | None = None
        self.gap_of_teacher: float | None = None
        self.decay = 1.0
        self.has_let_go = False

    @property
    def holds(self) -> bool:
        """Whether the student lies too far away; not before the first look, nor untaught."""
        if self.gap_of_student is None or self.gap_of_teacher is None:
            return False
        return self.gap_of_student > self.tolerance * self.gap_of_teacher

    def observe(self, *, gap_of_student: float, gap_of_teacher: float) -> None:
        """Take in how far student and noisy teacher lie from the teacher in this epoch."""
        self.gap_of_student = smoothed(self.gap_of_student, gap_of_student)
        self.gap_of_teacher = smoothed(self.gap_of_teacher, gap_of_teacher)

    def relieve(self) -> None:
        """Lower the weight decay, unless the student has come close enough before."""
        if self.holds and not self.has_let_go:
            self.decay = max(LEAST_DECAY, self.decay * (1 - self.relief))
        else:
            self.has_let_go = True

    def values(self) -> dict[str, Any]:
        """What a checkpoint must hold of it."""
        return {
            "gap_of_student": self.gap_of_student,
            "gap_of_teacher": self.gap_of_teacher,
            "decay": self.decay,
            "has_let_go": self.has_let_go,
        }

    def restore(self, values: dict[str, Any]) -> None:
        self.gap_of_student = values["gap_of_student"]
        self.gap_of_teacher = values["gap_of_teacher"]
        self.decay = values["decay"]
        self.has_let_go = values["has_let_go"]


def smoothed(past: float | None, now: float) -> float:
    """The moving average after one more value."""
    return now if past is None else SMOOTHING * past + (1 - SMOOTHING) * now
