"""What opens and closes channels, and the penalty for it. Knows torch and nothing of graphs."""

from graphdam.gates.dam import DAMGate, offset_of_width, open_channels
from graphdam.gates.gate import Gate
from graphdam.gates.hard_concrete import HardConcreteGate
from graphdam.gates.l1 import L1Gate
from graphdam.gates.model import gates_of, parameter_groups, width_penalty, widths_of
from graphdam.gates.named import GATES, make_gate
from graphdam.gates.schedule import (
    GeometricSchedule,
    LinearSchedule,
    PenaltySchedule,
    WidthSchedule,
)

__all__ = [
    "GATES",
    "DAMGate",
    "Gate",
    "GeometricSchedule",
    "HardConcreteGate",
    "L1Gate",
    "LinearSchedule",
    "PenaltySchedule",
    "WidthSchedule",
    "gates_of",
    "make_gate",
    "offset_of_width",
    "open_channels",
    "parameter_groups",
    "width_penalty",
    "widths_of",
]
