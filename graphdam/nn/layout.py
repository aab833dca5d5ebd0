"""How an encoder's layers hang together: its channel groups."""

from __future__ import annotations

from dataclasses import dataclass

from graphdam.compaction import ChannelGroup, Consumer

OUTPUT = "output"
"""Name of the group of the output's channels."""


@dataclass(frozen=True)
class Channels:
    """What one layer writes.

    Attributes:
        width: columns of its output.
        repeats: how often a gate's channels stand side by side in it: heads.
        gate: path of the gate that rules it, if any.
        normed: whether a norm stands between layer and gate.
    """

    width: int
    repeats: int
    gate: str | None
    normed: bool = False


@dataclass(frozen=True)
class Layout:
    """The layers of a stack.

    Attributes:
        hidden: of every hidden layer.
        num_layers: convolutions, the one to the output included.
        jk: the mode of jumping knowledge, or None.
        output: of the output, where it is an embedding whose channels can be removed.
    """

    hidden: list[Channels]
    num_layers: int
    jk: str | None
    output: Channels | None


def channel_groups(layout: Layout) -> list[ChannelGroup]:
    """The groups of a stack, hidden layers first, the output last.

    A layer's channels are read by the next convolution, and by the last linear map where there
    is jumping knowledge: at their place in the concatenation ("cat"), or at the same columns as
    every other layer's ("max", "lstm"), which ties all layers into one group.
    """
    groups = []
    for layer, channels in enumerate(layout.hidden):
        consumers = []
        if layer + 1 < layout.num_layers:
            consumers.append(Consumer(f"convs.{layer + 1}"))
        if layout.jk == "cat":
            start = sum(earlier.width for earlier in layout.hidden[:layer])
            consumers.append(Consumer("lin", start=start))
        elif layout.jk == "last" and layer == len(layout.hidden) - 1:
            consumers.append(Consumer("lin"))
        groups.append(_group(f"hidden {layer + 1}", f"convs.{layer}", channels, consumers))
    if layout.jk in ("max", "lstm"):
        groups = [_tie(groups, lstm=layout.jk == "lstm")]
    if layout.output is not None:
        producer = "lin" if layout.jk is not None else f"convs.{layout.num_layers - 1}"
        groups.append(_group(OUTPUT, producer, layout.output, []))
    return groups


def _group(name: str, producer: str, channels: Channels, consumers: list[Consumer]) -> ChannelGroup:
    return ChannelGroup(
        name,
        channels.width // channels.repeats,
        producers=(producer,),
        followers=(producer.replace("convs", "norms"),) if channels.normed else (),
        consumers=tuple(consumers),
        gate=channels.gate,
        repeats=channels.repeats,
    )


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
