"""How an encoder's layers hang together: widths by layer, and its channel groups."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from graphdam.compaction import ChannelGroup, Consumer, num_outputs
from graphdam.errors import SettingsError

if TYPE_CHECKING:
    from graphdam.nn.encoder import Encoder

OUTPUT = "output"
"""Name of the group of the output's channels."""


def hidden_widths(
    hidden_channels: int | Sequence[int],
    num_layers: int,
    *,
    out_channels: int | None,
    jk: str | None,
) -> list[int]:
    """One width for every layer whose width is free.

    Raises:
        SettingsError: not one positive width a layer, or unequal ones where they are tied.
    """
    if num_layers < 1:
        raise SettingsError(f"num_layers must be at least 1, received {num_layers}.")
    count = num_layers - 1 if out_channels is not None and jk is None else num_layers
    if isinstance(hidden_channels, int):
        widths = [hidden_channels] * count
        given = [hidden_channels]
    else:
        widths = given = [int(width) for width in hidden_channels]
    if len(widths) != count or any(width < 1 for width in given):
        raise SettingsError(
            f"hidden_channels must be one positive number, or a list of {count} (one for each of "
            f"the layers whose width is free); received {hidden_channels!r}."
        )
    if jk in ("max", "lstm") and len(set(widths)) > 1:
        raise SettingsError(
            f"jk='{jk}' compares the layers channel by channel, so all hidden_channels must be "
            f"equal; received {widths}. jk='cat' takes unequal ones."
        )
    return widths


def channel_groups(encoder: Encoder) -> list[ChannelGroup]:
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


def conv_width(conv: nn.Module) -> int:
    """Columns of a convolution's output."""
    return num_outputs(conv)


def takes_batch(norm: nn.Module) -> bool:
    """Whether a norm wants to know which graph each node belongs to."""
    return not isinstance(norm, nn.Identity) and "batch" in inspect.signature(norm.forward).parameters
