"""Which links are held out of a graph, and which pairs of nodes stand against them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from graphdam.data.graph import Graph
from graphdam.data.held_out import HeldOut
from graphdam.errors import DataError, SettingsError


@dataclass(frozen=True)
class LinkSplit:
    """A graph without its held-out links, and these.

    Attributes:
        graph: the training links, which an encoder passes messages along and learns from, both
            for validation and for test; self-loops stay.
        val: pairs to choose on.
        test: pairs to score at the end.
        evaluator: the OGB set whose evaluator scores these pairs; None for ours.
    """

    graph: Graph
    val: HeldOut
    test: HeldOut
    evaluator: str | None = None


class FreePairs:
    """The pairs of two nodes that no link joins, counted through without being written out.

    Args:
        links: int64 [2, E], every unordered linked pair once.
        num_nodes: N.

    >>> free = FreePairs(torch.tensor([[0, 1], [1, 2]]), num_nodes=4)
    >>> len(free), free.at(torch.arange(4)).t().tolist()
    (4, [[0, 2], [0, 3], [1, 3], [2, 3]])
    """

    def __init__(self, links: Tensor, num_nodes: int) -> None:
        taken = _number(links).sort().values
        # free pair number r comes after all links that have at most r free pairs before them
        self._free_before = taken - torch.arange(len(taken), device=links.device)
        nodes = torch.arange(num_nodes, device=links.device)
        self._first_of_larger = nodes * (nodes - 1) // 2
        self._num_pairs = num_nodes * (num_nodes - 1) // 2 - len(taken)

    def __len__(self) -> int:
        return self._num_pairs

    def at(self, rank: Tensor) -> Tensor:
        """The pairs of these numbers, from 0 on, the smaller node above: int64 [2, len(rank)]."""
        number = rank + torch.searchsorted(self._free_before, rank, right=True)
        larger = torch.searchsorted(self._first_of_larger, number, right=True) - 1
        return torch.stack([number - self._first_of_larger[larger], larger])


def links_of(graph: Graph, *, seed: int) -> LinkSplit:
    """The links that the graph's set holds out itself, else those that `split_links` draws.

    The edges of such a set are its training links. Messages pass along them alone, for validation
    and for test.

    Raises:
        DataError: none are held out, and `split_links` can draw none.
    """
    if graph.links is None:
        return split_links(graph, seed=seed)
    return LinkSplit(graph, *graph.links, evaluator=graph.evaluator)


def split_links(graph: Graph, *, val: float = 0.05, test: float = 0.1, seed: int) -> LinkSplit:
    """Hold out links of an undirected graph, and draw as many pairs that are no links.

    A link is an unordered pair of two nodes; it is held out in both directions. The held-out links
    are those that `torch_geometric.transforms.RandomLinkSplit` holds out right after
    `torch.manual_seed(seed)`, on a graph without self-loops. The other pairs are drawn once,
    uniformly, without repetition and regardless of direction, from all pairs of two nodes that the
    whole graph does not link. In every pair the smaller number stands above.

    The protocol of `"Variational Graph Auto-Encoders" <https://arxiv.org/abs/1611.07308>`_: also
    the test links are predicted from the training links alone.

    Args:
        graph: an undirected graph.
        val: share of the links to choose on, rounded down to a whole number.
        test: share of the links to score at the end, rounded down.
        seed: the same one gives the same split; the caller's generators are left as they were.

    Raises:
        DataError: the graph is directed, or has too few links or too few pairs without one.
        SettingsError: shares that leave no link for one of the three parts.

    >>> from graphdam.data import Graph
    >>> ring = torch.arange(20)
    >>> edges = torch.stack([ring, ring.roll(-1)])
    >>> graph = Graph("ring", torch.ones(20, 1), torch.cat([edges, edges.flip(0)], 1), None,
    ...               ring % 2, 2, "multiclass", "own", ())
    >>> split = split_links(graph, val=0.1, test=0.2, seed=0)
    >>> split.graph.num_edges // 2, split.val.pos_edges.shape, split.test.neg_edges.shape
    (14, torch.Size([2, 2]), torch.Size([2, 4]))
    """
    if not (val > 0 and test > 0 and val + test < 1):
        raise SettingsError(
            f"The shares of held-out links must be positive with a sum below 1, but are val={val:g}"
            f" and test={test:g}; the defaults are 0.05 and 0.1."
        )
    edges = graph.edge_index.cpu()
    _require_undirected(graph.name, edges)
    links = edges[:, edges[0] < edges[1]]
    num_links = links.size(1)
    num_val, num_test = int(val * num_links), int(test * num_links)
    if min(num_val, num_test) == 0:
        raise DataError(
            f"Graph '{graph.name}' has {num_links} links, too few to hold out val={val:g} and"
            f" test={test:g} of them, which is {num_val} and {num_test}; both need at least one:"
            " give larger shares."
        )
    order = torch.randperm(num_links, generator=torch.Generator().manual_seed(seed))
    # training links stand first, as in RandomLinkSplit
    held_out = links[:, order[num_links - num_val - num_test :]]
    free = _non_links(graph, links, num_val + num_test, seed)
    # a self-loop has no number among pairs of two nodes
    taken = torch.isin(_number(edges), _number(held_out)) & (edges[0] != edges[1])
    device, weight = graph.edge_index.device, graph.edge_weight
    kept = ~taken.to(device)
    held_out, free = held_out.to(device), free.to(device)
    return LinkSplit(
        replace(
            graph,
            edge_index=graph.edge_index[:, kept],
            edge_weight=None if weight is None else weight[kept],
        ),
        HeldOut(held_out[:, :num_val], free[:, :num_val]),
        HeldOut(held_out[:, num_val:], free[:, num_val:]),
    )


def _require_undirected(name: str, edges: Tensor) -> None:
    one_way = ~torch.isin(_number_ordered(edges), _number_ordered(edges.flip(0)))
    if one_way.any():
        source, target = edges[:, one_way][:, 0].tolist()
        raise DataError(
            f"Graph '{name}' is directed: {int(one_way.sum())} of its {edges.size(1)} edges have no"
            f" opposite (the first is {source} → {target}), but an inner product cannot tell"
            " directions apart; make it undirected, with torch_geometric.utils.to_undirected."
        )


def _number_ordered(edges: Tensor) -> Tensor:
    return edges[0] * (int(edges.max()) + 1 if edges.numel() else 1) + edges[1]


def _number(pairs: Tensor) -> Tensor:
    """Unordered pairs u < v counted through: (0, 1), (0, 2), (1, 2), (0, 3), …"""
    smaller, larger = pairs.min(dim=0).values, pairs.max(dim=0).values
    return larger * (larger - 1) // 2 + smaller


def _non_links(graph: Graph, links: Tensor, count: int, seed: int) -> Tensor:
    """Distinct pairs without a link, [2, count]."""
    free = FreePairs(links, graph.num_nodes)
    if len(free) < count:
        raise DataError(
            f"Graph '{graph.name}' has {len(free)} pairs of nodes without a link, but {count} are"
            " needed, as many as links are held out; give smaller shares."
        )
    # numpy draws without repetition from any range, without writing the range out
    rank = np.random.default_rng(seed).choice(len(free), count, replace=False)
    return free.at(torch.from_numpy(rank))
