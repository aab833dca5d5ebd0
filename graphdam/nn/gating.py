"""Gates by name, and where an encoder puts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphdam.errors import SettingsError, unknown_choice
from graphdam.gates import DAMGate, Gate
from graphdam.nn import layout
from graphdam.nn.exactness import check_activation, check_norm

if TYPE_CHECKING:
    from graphdam.nn.stack import ConvStack

GATES: dict[str, type[Gate]] = {"dam": DAMGate}


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


def add_gates(stack: ConvStack, kind: str, arguments: dict[str, Any], *, gate_output: bool) -> None:
    """Give every group of hidden channels a gate, and the output where asked.

    Raises:
        InexactError: a norm, an activation or a convolution mixes channels.
        SettingsError: see `make_gate`.
    """
    for group in layout.channel_groups(stack):
        is_output = group.name == layout.OUTPUT
        if is_output and not gate_output:
            continue
        gate = make_gate(kind, group.num_channels, arguments)
        index = len(stack.gates)
        stack.gates.append(gate)
        convs = [int(path.removeprefix("convs.")) for path in group.producers if path != "lin"]
        if is_output:
            stack.output_gate = index
        for layer in convs:
            if not is_output:
                check_norm(stack.norms[layer])
                check_activation(stack.act, group.num_channels)
                stack.gate_of_layer[layer] = index
            stack.gate_conv(stack.convs[layer], gate)
    for conv in stack.convs:
        stack.check_conv(conv)
