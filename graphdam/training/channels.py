"""What an epoch's line of history tells of the gates."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from graphdam.gates import Gate, gates_of
from graphdam.training.model import Model, gate_repeats

PICTURES = 80
"""About how many epochs of a run keep every gate's values in the history."""


def open_widths(model: Model) -> list[int]:
    """Open channels by gate, those of all heads together; without gates, by layer."""
    gates = list(gates_of(model).values())
    if not gates:
        return model.widths
    return [gate.width * times for gate, times in zip(gates, gate_repeats(model), strict=True)]


@torch.no_grad()
def pictured_values(gates: Sequence[Gate], epoch: int, *, of: int) -> list[list[float]] | None:
    """Every gate's values as a compact model would have them, in some of so many epochs."""
    if not gates or (epoch % max(1, of // PICTURES) and epoch != of - 1):
        return None
    return [[round(value, 4) for value in gate.final_values().tolist()] for gate in gates]
