"""How an encoder's layers hang together: its channel groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from graphdam.compaction import ChannelGroup, Consumer

if TYPE_CHECKING:
    from graphdam.nn.stack import ConvStack

OUTPUT = "output"
"""Name of the group of the output's channels."""


def channel_groups(encoder: ConvStack) -> list[ChannelGroup]:
    """The groups of an encoder, hidden layers first, the output last.

    A layer's channels are read by the next convolution, and by the last linear map where there
    is jumping knowledge: at their place in the concatenation ("cat"), or at the same columns as
    every other layer's ("max", "lstm"), which ties all layers into one group.
    """
    jk, sizes = encoder.jk_mode, encoder.hidden_channels
    num_hidden = encoder.num_layers if jk is not None else encoder.num_layers - 1
    groups = []
    for layer in range(num_hidden):
        consumers = []
        if layer + 1 < encoder.num_layers:
            consumers.append(Consumer(f"convs.{layer + 1}"))
        if jk == "cat":
            consumers.append(Consumer("lin", start=sum(sizes[:layer])))
        elif jk == "last" and layer == num_hidden - 1:
            consumers.append(Consumer("lin"))
        repeats = encoder.output_repeats(layer)
        has_norm = not isinstance(encoder.norms[layer], nn.Identity)
        groups.append(
            ChannelGroup(
                f"hidden {layer + 1}",
                sizes[layer] // repeats,
                producers=(f"convs.{layer}",),
                followers=(f"norms.{layer}",) if has_norm else (),
                consumers=tuple(consumers),
                gate=_gate_path(encoder.gate_of_layer[layer]),
                repeats=repeats,
            )
        )
    if jk in ("max", "lstm"):
        groups = [_tie(groups, lstm=jk == "lstm")]
    if encoder.output_is_embedding:
        last = encoder.num_layers - 1
        repeats = encoder.output_repeats(last) if jk is None else 1
        groups.append(
            ChannelGroup(
                OUTPUT,
                encoder.out_channels // repeats,
                producers=("lin",) if jk is not None else (f"convs.{last}",),
                gate=_gate_path(encoder.output_gate),
                repeats=repeats,
            )
        )
    return groups


def _tie(groups: list[ChannelGroup], *, lstm: bool) -> ChannelGroup:
    readers = [consumer for group in groups for consumer in group.consumers]
    readers += [Consumer("jk"), Consumer("lin")] if lstm else [Consumer("lin")]
    return ChannelGroup(
        "hidden (tied)",
        groups[0].num_channels,
        producers=tuple(path for group in groups for path in group.producers),
        followers=tuple(path for group in groups for path in group.followers),
        consumers=tuple(readers),
        gate=groups[0].gate,
        repeats=groups[0].repeats,
    )


def _gate_path(index: int | None) -> str | None:
    return None if index is None else f"gates.{index}"
