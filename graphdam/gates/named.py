"""Gates by name, as models and settings name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphdam.errors import SettingsError, unknown_choice
from graphdam.gates.dam import DAMGate
from graphdam.gates.gate import Gate
from graphdam.gates.hard_concrete import HardConcreteGate
from graphdam.gates.l1 import L1Gate

GATES: dict[str, type[Gate]] = {"dam": DAMGate, "l0": HardConcreteGate, "l1": L1Gate}


def make_gate(
    kind: str, num_channels: int, arguments: Mapping[str, Any], *, hint: str = ""
) -> Gate:
    """A gate over `num_channels` channels.

    Args:
        kind: its name in `GATES`.
        num_channels: the channels it rules.
        arguments: further arguments of its constructor.
        hint: what else the caller could have said, for the refusal of an unknown kind.

    Raises:
        SettingsError: an unknown kind, or arguments that it does not take.
    """
    if kind not in GATES:
        raise SettingsError(unknown_choice("gate", kind, GATES, hint))
    try:
        return GATES[kind](num_channels, **arguments)
    except TypeError as error:
        raise SettingsError(f"gate_kwargs do not fit gate '{kind}': {error}.") from None
