"""Which channels of a traced model are kept or removed together, and which must stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Row: TypeAlias = npt.NDArray[np.int64]
"""One axis of a tensor: for every index the channel that stands there, or `LASTING`."""

LASTING = 0
"""What is no channel: it never goes, as an image's pixels and the entries of a batch."""


@dataclass(frozen=True)
class Axes:
    """One tensor of a traced model: a row for each of its axes."""

    rows: tuple[Row, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(row.size for row in self.rows)

    def live(self) -> list[int]:
        """The axes that hold channels."""
        return [axis for axis, row in enumerate(self.rows) if bool(row.any())]

    def with_row(self, axis: int, row: Row) -> Axes:
        """The same with another row at one axis."""
        rows = list(self.rows)
        rows[axis] = row
        return Axes(tuple(rows))


def lasting(size: int) -> Row:
    """A row without channels."""
    return np.zeros(size, dtype=np.int64)


def lasting_axes(shape: Iterable[int]) -> Axes:
    """A tensor without channels."""
    return Axes(tuple(lasting(size) for size in shape))


@dataclass(frozen=True)
class Reason:
    """Why a channel stays: a sentence, and whether nobody would have expected otherwise."""

    text: str
    expected: bool = False


BOUND = Reason(
    "they are added to, or multiplied by, what loses none, as the model's input", expected=True
)


class Ties:
    """Channels numbered from 1, tied in pairs as a model's operations demand.

    >>> ties = Ties()
    >>> one, other = ties.fresh(3), ties.fresh(3)
    >>> ties.tie(one, other)
    >>> ties.find(other).tolist()
    [1, 2, 3]
    """

    def __init__(self) -> None:
        self._parent = [LASTING]
        self._reasons: list[tuple[int, Reason]] = []

    def fresh(self, count: int) -> Row:
        """New channels; a single one cannot be spared, and is none."""
        if count < 2:
            return lasting(count)
        start = len(self._parent)
        self._parent.extend(range(start, start + count))
        return np.arange(start, start + count, dtype=np.int64)

    def tie(self, one: Row, other: Row) -> None:
        """Index by index, both rows hold one channel; beside a lasting index it lasts too."""
        pairs = np.unique(np.stack([one, other]), axis=1)
        for a, b in pairs.T.tolist():
            if a == LASTING or b == LASTING:
                self.fix(np.array([a, b], dtype=np.int64), BOUND)
            else:
                low, high = sorted((self._root(a), self._root(b)))
                self._parent[high] = low

    def tie_blocks(self, blocks: Sequence[Row] | Row) -> None:
        """Rows of one length are tied, index by index."""
        for block in blocks[1:]:
            self.tie(blocks[0], block)

    def fix(self, row: Row, reason: Reason) -> None:
        """Every channel of the row stays."""
        self._reasons += [(channel, reason) for channel in np.unique(row).tolist() if channel]

    def find(self, row: Row) -> Row:
        """For every index the channel that stands for all that are tied to it."""
        channels, inverse = np.unique(row, return_inverse=True)
        roots = np.array([self._root(channel) for channel in channels.tolist()], dtype=np.int64)
        return roots[inverse.reshape(-1)]

    def reasons(self) -> dict[int, list[Reason]]:
        """Why channels stay, by the channel that `find` names."""
        found: dict[int, list[Reason]] = {}
        for channel, reason in self._reasons:
            found.setdefault(self._root(channel), []).append(reason)
        return found

    def _root(self, channel: int) -> int:
        while self._parent[channel] != channel:
            self._parent[channel] = self._parent[self._parent[channel]]
            channel = self._parent[channel]
        return channel
