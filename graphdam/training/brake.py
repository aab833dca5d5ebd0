"""How far a student may lie from its teacher: what presses on its widths, and which way."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T", float, Tensor)

SMOOTHING = 0.9
"""How much of the past the moving averages of the gaps keep in an epoch."""

LEAST_DECAY = 0.01
"""The least share of the weight decay that relief leaves."""


class Brake:
    r"""Turns λ down as a student comes to lie too far from its teacher, and around beyond that.

    The student's distance from the teacher without dropout on all nodes, :math:`d_s` (the
    objective's `disagreement`: :math:`\mathrm{KL}(t \,\Vert\, s)`, or the share of the variance of
    an embedding that is missed), has two limits that need no label. One is how far dropout moves
    the teacher from itself, :math:`d_t`: the difference that the graph does not care about. The
    other is what the teacher's predictions tell about the nodes at all, :math:`d_0`, the distance
    of the best answer that is the same for every node: a teacher that dropout drowns would allow
    everything. (Of a teacher that nothing disturbs, :math:`d_t` is the least :math:`d_s` so far:
    what the student misses before it is narrow.) Where validation says so beyond doubt, the student
    is too far away as well: when its score lies v standard errors below the teacher's. Many labels
    tell so early, few hardly ever. With

    .. math::
        r = \max\left(\frac{d_s}{\min(\mathrm{tolerance} \cdot d_t, \mathrm{loss} \cdot d_0)},
            \frac{v}{\mathrm{errors}}\right)

    the pressure on the widths is λ times :math:`2 (1 - r)`, within ±1: full up to half of the
    limit, none at it, and beyond it channels open again, so that a width which closed too far for
    the moving averages to notice in time comes back. No constant of a graph is needed.

    A student can lie too far away before it has lost a channel, where weight decay alone keeps it
    from its teacher. So from the epoch on in which the width may move, weight decay falls epoch by
    epoch until the student has come close enough for the first time. There it stays while the
    width moves; at a final width that was learnt it falls again where the student is left behind.

    Args:
        tolerance: see the formula.
        loss: see the formula, a share of what the teacher tells.
        errors: see the formula.
        relief: the share by which an epoch lowers the weight decay.

    >>> brake = Brake(tolerance=2.0, loss=0.25, errors=1.0, relief=0.1)
    >>> brake.observe(gap_of_student=0.3, gap_of_teacher=0.1, information=1.5)
    >>> brake.relieve()
    >>> brake.holds, brake.decay
    (True, 0.9)
    """

    def __init__(self, *, tolerance: float, loss: float, errors: float, relief: float) -> None:
        self.tolerance = tolerance
        self.loss = loss
        self.errors = errors
        self.relief = relief
        self.gap_of_student: float | None = None
        self.least_gap = math.inf
        self.gap_of_teacher: float | None = None
        self.information: float | None = None
        self.shortfall: float | None = None
        self.decay = 1.0
        self.has_let_go = False

    @property
    def pressure(self) -> float:
        """What λ is multiplied by: from 1 to −1; 1 before the first look and without a teacher."""
        if self.gap_of_student is None or self.information is None:
            return 1.0
        spread = self.least_gap if self.gap_of_teacher is None else self.gap_of_teacher
        limit = min(self.tolerance * spread, self.loss * self.information)
        if self.gap_of_student >= 2 * limit:
            return -1.0
        ratio = max(self.gap_of_student / limit, (self.shortfall or 0.0) / self.errors)
        return max(-1.0, min(1.0, 2 * (1 - ratio)))

    @property
    def holds(self) -> bool:
        """Whether the student lies further away than it may."""
        return self.pressure < 0

    @property
    def is_teacher_drowned(self) -> bool:
        """Whether dropout hides too much of what the teacher tells; as long as nobody knows, yes.

        A student learns best from its teacher under dropout, but not from noise alone.
        """
        if self.gap_of_teacher is None or self.information is None:
            return True
        return self.gap_of_teacher > self.loss * self.information

    def observe(
        self,
        *,
        gap_of_student: float,
        gap_of_teacher: float | None,
        information: float,
        shortfall: float = 0.0,
    ) -> None:
        """Take in an epoch's distances from the teacher.

        Args:
            gap_of_student: the student's.
            gap_of_teacher: that of the teacher under dropout; None if nothing disturbs it.
            information: that of the best answer which is the same for every node.
            shortfall: by how many standard errors validation puts the student below it.
        """
        self.gap_of_student = smoothed(self.gap_of_student, gap_of_student)
        self.least_gap = min(self.least_gap, self.gap_of_student)
        if gap_of_teacher is not None:
            self.gap_of_teacher = smoothed(self.gap_of_teacher, gap_of_teacher)
        self.information = smoothed(self.information, information)
        self.shortfall = smoothed(self.shortfall, shortfall)

    def relieve(self, *, again: bool = False) -> None:
        """Lower the weight decay where the student lies too far away and it may be to blame.

        Args:
            again: even if the student has come close enough before.
        """
        if self.holds and (again or not self.has_let_go):
            self.decay = max(LEAST_DECAY, self.decay * (1 - self.relief))
        elif not self.holds:
            self.has_let_go = True

    def values(self) -> dict[str, Any]:
        """What a checkpoint must hold of it."""
        return {
            "gap_of_student": self.gap_of_student,
            "least_gap": self.least_gap if self.gap_of_student is not None else None,
            "gap_of_teacher": self.gap_of_teacher,
            "information": self.information,
            "shortfall": self.shortfall,
            "decay": self.decay,
            "has_let_go": self.has_let_go,
        }

    def restore(self, values: dict[str, Any]) -> None:
        self.gap_of_student = values["gap_of_student"]
        self.least_gap = math.inf if values["least_gap"] is None else values["least_gap"]
        self.gap_of_teacher = values["gap_of_teacher"]
        self.information = values["information"]
        self.shortfall = values["shortfall"]
        self.decay = values["decay"]
        self.has_let_go = values["has_let_go"]


def smoothed(past: T | None, now: T) -> T:
    """The moving average after one more value."""
    return now if past is None else SMOOTHING * past + (1 - SMOOTHING) * now
