"""Gates by name, as encoders and settings name them."""

from __future__ import annotations

from typing import Any

from graphdam.gates import GATES, Gate
from graphdam.gates import make_gate as make_any_gate

__all__ = ["GATES", "make_gate"]


def make_gate(kind: str, num_channels: int, arguments: dict[str, Any]) -> Gate:
    """A gate of an encoder: see `graphdam.gates.make_gate`."""
    return make_any_gate(kind, num_channels, arguments, hint="None for a plain encoder.")
