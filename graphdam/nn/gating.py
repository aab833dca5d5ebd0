"""Gates by name, as encoders and settings name them."""

from __future__ import annotations

from typing import Any

from graphdam.errors import SettingsError, unknown_choice
from graphdam.gates import DAMGate, Gate, HardConcreteGate, L1Gate

GATES: dict[str, type[Gate]] = {"dam": DAMGate, "l0": HardConcreteGate, "l1": L1Gate}


def make_gate(kind: str, num_channels: int, arguments: dict[str, Any]) -> Gate:
    """A gate over `num_channels` channels.

    Raises:
        SettingsError: an unknown kind, or arguments that it does not take.
    """
    if kind not in GATES:
        raise SettingsError(unknown_choice("gate", kind, GATES, "None for a plain encoder."))
    try:
        return GATES[kind](num_channels, **arguments)
    except TypeError as error:
        raise SettingsError(f"gate_kwargs do not fit gate '{kind}': {error}.") from None
