"""Neighbourhoods in a graph, as adjacencies that encoders multiply with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.nn.adjacency import Adjacency
from graphdam.nn.neighbor_draws import NeighborDraws, Neighborhood


@dataclass(frozen=True)
class Sample:
    """Some nodes, the seeds, and those that their outputs are computed from.

    Attributes:
        nodes: int64 [N], the seeds first, then hop by hop.
        adjacency: for an encoder that reads the features of `nodes` and outputs the seeds.
    """

    nodes: Tensor
    adjacency: Adjacency


class NeighborSampling:
    r"""Draws neighbourhoods from a prepared adjacency, layer by layer.

    In every layer a node is sent messages by at most so many of its neighbours, drawn without
    replacement, and by itself where it has a self-loop. A drawn message counts

    .. math::
        a_{ij} \, \frac{\mathrm{neighbours}_i}{\mathrm{drawn}_i}

    with the entry :math:`a_{ij}` of the whole graph's adjacency, so that a sum over neighbours is
    met on average, and exactly where all are drawn (PyG's `GCNConv` would normalise by the degrees
    within the sample). The layers are trimmed as by PyG's `trim_to_layer`: none computes nodes
    that the seeds do not depend on. As in `"Inductive Representation Learning on Large Graphs"
    <https://arxiv.org/abs/1706.02216>`_.

    Args:
        adjacency: of the whole graph, from `Encoder.prepare`.
        neighbors: the most neighbours that are drawn for a node, first for the seeds; −1 for all.

    Raises:
        SettingsError: neither pyg-lib nor torch-sparse is installed.
    """

    def __init__(self, adjacency: Adjacency, neighbors: Sequence[int]) -> None:
        matrix = adjacency.matrix.to("cpu")
        row, column = matrix.row_of_entry(), matrix.column.long()
        is_loop = row == column
        self.adjacency, self.matrix = adjacency, matrix
        self.entries = (~is_loop).nonzero().squeeze(1)
        self.loop = torch.zeros(matrix.size(0), dtype=matrix.dtype)
        self.loop[row[is_loop]] = matrix.value[is_loop]
        self.has_loop = torch.zeros(matrix.size(0), dtype=torch.bool)
        self.has_loop[row[is_loop]] = True
        target = row[self.entries]
        self.num_neighbors = torch.bincount(target, minlength=matrix.size(0))
        self.draws = NeighborDraws(column[self.entries], target, matrix.size(0), neighbors)

    def samples(self, seeds: Sequence[Tensor], *, reorder: bool = True) -> Iterator[Sample]:
        """One sample for each of these sets of nodes, see `NeighborDraws.draw`."""
        return map(self._sample, self.draws.draw(seeds, reorder=reorder))

    def _sample(self, drawn: Neighborhood) -> Sample:
        nodes, source, target = drawn.nodes, drawn.source, drawn.target
        sizes = hop_sizes(source, target, drawn.num_seeds, len(self.draws.neighbors))
        assert sizes[-1] == nodes.numel()
        receivers = sizes[-2]
        times = torch.bincount(target, minlength=receivers)[target]
        value = self.matrix.value[self.entries[drawn.edge]]
        value = value * (self.num_neighbors[nodes[target]] / times).to(value.dtype)
        own = self.has_loop[nodes[:receivers]].nonzero().squeeze(1)
        outer = CSRMatrix.from_coo(
            torch.cat([target, own]),
            torch.cat([source, own]),
            torch.cat([value, self.loop[nodes[own]]]),
            (receivers, nodes.numel()),
        )
        inner = [outer.block(0, fewer, more) for fewer, more in pairwise(sizes[:-1])]
        adjacency = Adjacency(self.adjacency.kind, outer, (outer, *reversed(inner)))
        return Sample(nodes, adjacency.to(self.adjacency.matrix.device))


def hop_sizes(source: Tensor, target: Tensor, num_seeds: int, num_hops: int) -> list[int]:
    """How many nodes lie within 0, 1, … hops of the seeds, where they are numbered hop by hop.

    pyg-lib counts them, torch-sparse does not.

    >>> hop_sizes(torch.tensor([1, 2, 3]), torch.tensor([0, 0, 1]), 1, 2)
    [1, 3, 4]
    """
    sizes = [num_seeds]
    for _ in range(num_hops):
        reached = source[target < sizes[-1]]
        sizes.append(max(sizes[-1], int(reached.max()) + 1 if reached.numel() else 0))
    return sizes
