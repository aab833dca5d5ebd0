"""Which layers a set of channels passes through, from the layer that writes it to its readers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Consumer:
    """A layer that reads the channels of a group.

    Attributes:
        layer: its module path.
        start: the input column at which the group's first channel arrives; above 0 where the
            layer reads a concatenation.
        spread: neighbouring columns that each channel fills: height · width where a linear layer
            reads a flattened image, else 1.
    """

    layer: str
    start: int = 0
    spread: int = 1


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that are kept or removed together, by module path.

    Attributes:
        name: what a printed plan calls it.
        num_channels: before compaction; the channels that one gate rules.
        producers: layers whose outputs these channels are.
        followers: layers between producer and gate that treat each channel alone (norms).
        consumers: layers that read them. Without any, the channels are the model's output, and
            the gate's values go into the follower if there is one, else into the producers; what
            stands between there and the gate must take positive factors through.
        gate: path of the gate that rules them, or None where the caller names what to keep.
        repeats: how often the channels stand side by side in producers and consumers: the heads
            of a concatenating attention layer, whose channel j is column h · num_channels + j of
            every head h.
    """

    name: str
    num_channels: int
    producers: tuple[str, ...]
    consumers: tuple[Consumer, ...] = ()
    followers: tuple[str, ...] = field(default=())
    gate: str | None = None
    repeats: int = 1
