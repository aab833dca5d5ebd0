"""From a walk's ties to groups of channels that one gate can rule, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from graphdam.compaction.tracing.call import Records
from graphdam.compaction.tracing.ties import Reason, Row

NO_READER = Reason("no layer reads them", expected=True)

STAYS = -1
"""In a row of a layout: what no gate rules."""


@dataclass(frozen=True)
class TracedGroup:
    """Channels that one gate rules, found by tracing.

    Attributes:
        name: the first layer that writes them.
        num_channels: as many as may be kept or removed one by one. A layer may hold each several
            times, as heads of one size do.
        producers: layers whose outputs these channels are.
        followers: layers and tensors with weights for each of them, which lose what they lose.
        consumers: layers that mix them; the gate acts on what these read.
        can_vanish: whether all of them may close, as in a residual branch: every output still
            depends on what the model is given, though the readers of all such groups were silent.
    """

    name: str
    num_channels: int
    producers: tuple[str, ...]
    followers: tuple[str, ...]
    consumers: tuple[str, ...]
    can_vanish: bool = False


@dataclass(frozen=True)
class Layout:
    """All groups of a model, and where their channels stand in its layers.

    Rows hold for every index the number of its channel, counted through all groups, or `STAYS`.

    Attributes:
        groups: in the order in which the model meets them.
        reads: of each layer that mixes gated channels, the axis of its input and the row there.
        writes: the row of each layer that writes or carries gated channels.
        inside: the row of each map within a layer whose outputs are gated before the layer
            compares them with each other.
        tensors: the rows of each parameter or buffer that the model's own code uses.
        obstacles: why a layer's channels stay, by its path, for those that no group holds.
    """

    groups: tuple[TracedGroup, ...]
    reads: dict[str, tuple[int, Row]] = field(default_factory=dict)
    writes: dict[str, Row] = field(default_factory=dict)
    inside: dict[str, Row] = field(default_factory=dict)
    tensors: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    obstacles: dict[str, list[Reason]] = field(default_factory=dict)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("channels", "written by", "carried by", "read by")]
        for group in self.groups:
            paths = (group.producers, group.followers, group.consumers)
            rows.append((str(group.num_channels), *(", ".join(of) or "–" for of in paths)))
        size = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, size, strict=True)).rstrip()
            for row in rows
        )


def lay_out(records: Records, only: Iterable[TracedGroup] | None = None) -> Layout:
    """Sort a model's channels into groups.

    Channels are in one group where the same layers write them, so that none of these can be left
    without any. Channels that must stay, that nothing reads, or that are single are in no group.

    Args:
        records: what the walk found.
        only: groups of an earlier layout, where others are to stay whole.
    """
    find = records.ties.find
    writers = _writers(records)
    reasons = records.ties.reasons()
    readers = {path: {*find(row).tolist()} for path, (_, row) in records.reads.items()}
    carriers = {path: {*find(row).tolist()} for path, row in records.follows.items()}
    for path, axes in records.tensors.items():
        carriers[path] = {channel for row in axes.rows for channel in find(row).tolist()}
    read = set().union(*readers.values())
    chosen = None if only is None else {(group.name, group.producers) for group in only}

    members: dict[tuple[str, ...], list[int]] = {}
    for channel in sorted(writers):
        if channel not in reasons and channel in read:
            members.setdefault(tuple(writers[channel]), []).append(channel)
    groups: list[TracedGroup] = []
    number: dict[int, int] = {}
    names: set[str] = set()
    silent: set[str] = set()
    heard = _outputs_heard(records, silent)
    for producers, channels in members.items():
        name = _unused(producers[0], names)
        if len(channels) < 2 or (chosen is not None and (name, producers) not in chosen):
            continue
        mine = set(channels)
        followers = [path for path, row in carriers.items() if not mine.isdisjoint(row)]
        consumers = [path for path, row in readers.items() if not mine.isdisjoint(row)]
        # One after the other, so that all that may vanish may do so together.
        vanishing = _outputs_heard(records, silent | {*consumers}) == heard
        silent |= {*consumers} if vanishing else set()
        groups.append(
            TracedGroup(
                name, len(channels), producers, tuple(followers), tuple(consumers), vanishing
            )
        )
        start = len(number)
        number.update((channel, start + at) for at, channel in enumerate(channels))

    def numbered(row: Row) -> Row:
        return np.array([number.get(c, STAYS) for c in find(row).tolist()], dtype=np.int64)

    reads = {path: (axis, numbered(row)) for path, (axis, row) in records.reads.items()}
    inside = {path: numbered(row) for path, row in records.inside.items()}
    writes = {path: numbered(row) for path, row in {**records.writes, **records.follows}.items()}
    tensors = {
        path: tuple(numbered(row) for row in axes.rows) for path, axes in records.tensors.items()
    }
    return Layout(
        tuple(groups),
        {path: (axis, row) for path, (axis, row) in reads.items() if _gated(row)},
        {path: row for path, row in writes.items() if _gated(row)},
        {path: row for path, row in inside.items() if _gated(row)},
        {path: rows for path, rows in tensors.items() if any(_gated(row) for row in rows)},
        _obstacles(records, reasons, read),
    )


def _outputs_heard(records: Records, silent: set[str]) -> set[str]:
    """The outputs that depend on what the model is given, where some layers write constants."""
    heard: set[str] = set()
    for step in records.steps[:-1]:
        given = step.reads == (step.node,)
        if given or (step.layer not in silent and heard & set(step.reads)):
            heard.add(step.node)
    return heard & set(records.steps[-1].reads)


def _writers(records: Records) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for path, row in records.writes.items():
        for channel in np.unique(records.ties.find(row)).tolist():
            if channel:
                found.setdefault(channel, []).append(path)
    return found


def _obstacles(
    records: Records, reasons: dict[int, list[Reason]], read: set[int]
) -> dict[str, list[Reason]]:
    found = {path: [Reason(why)] for path, why in records.unruled.items()}
    for path, row in records.writes.items():
        why: list[Reason] = []
        for channel in np.unique(records.ties.find(row)).tolist():
            own = reasons.get(channel, [] if channel in read else [NO_READER])
            # What would stay anyway needs no further reason.
            why += [reason for reason in own if reason.expected] or own if channel else []
        if why:
            found[path] = list(dict.fromkeys(why))
    return found


def _gated(row: Row) -> bool:
    return bool((row != STAYS).any())


def _unused(name: str, names: set[str]) -> str:
    """The name, or the name and a number where several groups have the same first writer."""
    unique, count = name, 1
    while unique in names:
        count += 1
        unique = f"{name} ({count})"
    names.add(unique)
    return unique
