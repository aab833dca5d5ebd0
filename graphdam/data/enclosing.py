"""What surrounds a user–item pair: its enclosing subgraph, for many pairs at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from graphdam.data.raw import Array

NUM_ROLES = 4
"""Target users, target items, their neighbours among users, and among items."""


@dataclass(frozen=True)
class Workload:
    """Sizes of subgraphs, which say what predicting their pairs' ratings costs.

    Attributes:
        pairs: users with an item each.
        nodes: of all subgraphs.
        edges: two for every rating.
        target_edges: those that lead to the pairs themselves.
    """

    pairs: int
    nodes: int
    edges: int
    target_edges: int

    def __add__(self, other: Workload) -> Workload:
        return Workload(
            self.pairs + other.pairs,
            self.nodes + other.nodes,
            self.edges + other.edges,
            self.target_edges + other.target_edges,
        )


@dataclass(frozen=True)
class Enclosing:
    """The enclosing subgraphs of B pairs as one graph; every known rating in it is two edges.

    Nodes stand by their role: B target users, B target items, then the other users and the other
    items of all subgraphs.

    Attributes:
        num_nodes: nodes of each role.
        num_levels: R, the number of values that a rating can have.
        row: int64 [E] R · (the node that an edge leads to) + its rating's level, ascending.
        source: int64 [E] the node that it comes from.
        rating: int64 [E] which of the E / 2 ratings it is.
        is_alone: bool [B] whether nobody else rated the item and the user rated nothing else.
    """

    num_nodes: tuple[int, int, int, int]
    num_levels: int
    row: Tensor
    source: Tensor
    rating: Tensor
    is_alone: Tensor

    @property
    def num_pairs(self) -> int:
        return self.num_nodes[0]

    @property
    def roles(self) -> Tensor:
        """Of every node, 0 … 3: int64 [N]."""
        counts = torch.tensor(self.num_nodes, device=self.row.device)
        return torch.arange(NUM_ROLES, device=self.row.device).repeat_interleave(counts)

    @property
    def workload(self) -> Workload:
        """How much there is to compute."""
        ends = 2 * self.num_pairs * self.num_levels
        at_targets = int(torch.searchsorted(self.row, ends))
        return Workload(self.num_pairs, sum(self.num_nodes), self.row.numel(), at_targets)

    def to(self, device: torch.device | str) -> Enclosing:
        """On another device."""
        return replace(
            self,
            row=self.row.to(device),
            source=self.source.to(device),
            rating=self.rating.to(device),
            is_alone=self.is_alone.to(device),
        )


class KnownRatings:
    r"""The ratings that predictions may be made from, and the subgraphs that they make.

    The subgraph of user u and item i holds both, the other users who rated i, the other items that
    u rated (one hop), and all known ratings among these but that of i by u, as in `"Inductive
    Matrix Completion Based on Graph Neural Networks" <https://arxiv.org/abs/1904.12058>`_. So a
    rating can be known and asked for at once without giving itself away.

    Args:
        users: int [M] of every known rating.
        items: int [M].
        levels: int [M], which of the `num_levels` values it has.
        shape: users and items, rated or not.
        num_levels: R.
        cap: the most neighbours of each end of a pair; the first ones in an order that is drawn
            with seed 0. None for all.

    >>> known = KnownRatings([0, 0, 1], [0, 1, 0], [2, 0, 1], shape=(2, 2), num_levels=3)
    >>> found = known.enclose([0], [0])
    >>> found.num_nodes, found.source.tolist(), found.row.tolist()
    ((1, 1, 1, 1), [3, 2, 1, 0], [0, 4, 7, 9])
    """

    def __init__(
        self,
        users: Array,
        items: Array,
        levels: Array,
        *,
        shape: tuple[int, int],
        num_levels: int,
        cap: int | None = None,
    ) -> None:
        self.num_items = shape[1]
        self.num_levels = num_levels
        self.cap = cap
        order = np.random.default_rng(0).permutation(len(users))
        ends = np.asarray(users)[order], np.asarray(items)[order]
        kinds = np.asarray(levels)[order]
        self._of_user = _Rows(ends[0], ends[1], kinds, shape[0])
        self._of_item = _Rows(ends[1], ends[0], kinds, shape[1])

    def enclose(self, users: Array, items: Array) -> Enclosing:
        """The subgraphs of pairs, known or not: int [B] each."""
        users, items = np.asarray(users), np.asarray(items)
        count, num_levels = len(users), self.num_levels
        pair = np.arange(count)
        pair_of_user, near_users = self._neighbours(self._of_item, items, but=users)
        pair_of_item, near_items = self._neighbours(self._of_user, users, but=items)
        first_user, first_item = 2 * count, 2 * count + len(near_users)
        place = np.full((count, self.num_items), -1, dtype=np.int32)
        place[pair_of_item, near_items] = np.arange(first_item, first_item + len(near_items))
        place[pair, items] = count + pair
        owner = np.concatenate([pair, pair_of_user])
        node = np.concatenate([pair, np.arange(first_user, first_item)])
        at, entry = self._of_user.entries(np.concatenate([users, near_users]))
        a, b = node[at], place[owner[at], self._of_user.other[entry]].astype(np.int64)
        is_asked = (a < count) & (b == a + count)
        inside = (b >= 0) & ~is_asked
        a, b = a[inside], b[inside]
        level = self._of_user.level[entry[inside]]
        row = np.concatenate([a, b]) * num_levels + np.tile(level, 2)
        order = np.argsort(row, kind="stable")
        neighbours = np.bincount(pair_of_user, minlength=count)
        neighbours += np.bincount(pair_of_item, minlength=count)
        return Enclosing(
            num_nodes=(count, count, len(near_users), len(near_items)),
            num_levels=num_levels,
            row=torch.from_numpy(row[order]),
            source=torch.from_numpy(np.concatenate([b, a])[order]),
            rating=torch.from_numpy(np.tile(np.arange(len(a)), 2)[order]),
            is_alone=torch.from_numpy(neighbours == 0),
        )

    def is_warm(self, users: Array, items: Array) -> Array:
        """Whether both ends of each pair have a known rating: bool [B]."""
        warm: Array = self._of_user.counts[users] > 0
        return warm & (self._of_item.counts[items] > 0)

    def _neighbours(self, rows: _Rows, ends: Array, *, but: Array) -> tuple[Array, Array]:
        """Who rated what, or what was rated: the pair that each is of, and the neighbours."""
        pair, entry = rows.entries(ends)
        found = rows.other[entry]
        others = found != but[pair]
        pair, found = pair[others], found[others]
        if self.cap is not None:
            counts = np.bincount(pair, minlength=len(ends))
            first = np.cumsum(counts) - counts
            early = np.arange(len(pair)) - first[pair] < self.cap
            pair, found = pair[early], found[early]
        return pair, found


class _Rows:
    """The ratings of every user, or of every item, one after the other."""

    def __init__(self, own: Array, other: Array, level: Array, size: int) -> None:
        order = np.argsort(own, kind="stable")
        self.other = other[order].astype(np.int64)
        self.level = level[order].astype(np.int64)
        self.start = np.zeros(size + 1, dtype=np.int64)
        self.counts = np.bincount(own, minlength=size)
        np.cumsum(self.counts, out=self.start[1:])

    def entries(self, chosen: Array) -> tuple[Array, Array]:
        """The ratings of the chosen ones: whose they are (an index into `chosen`), and where."""
        counts = self.counts[chosen]
        at = np.repeat(np.arange(len(chosen)), counts)
        first = np.cumsum(counts) - counts
        return at, np.arange(len(at)) - (first - self.start[chosen])[at]
