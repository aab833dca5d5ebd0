"""Subgraphs of random walks, as in GraphSAINT, by PyG's sampler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import GraphSAINTRandomWalkSampler

from graphdam.data.csr import CSRMatrix
from graphdam.errors import SettingsError
from graphdam.nn.adjacency import Adjacency
from graphdam.nn.subgraphs import Subgraph

COVERAGE = 50
"""How often a node is drawn, on average, before it is said how often that happens."""

COUNTED_FROM = 0
"""The seed of those draws: a run that goes on counts what it had counted."""


@dataclass(frozen=True)
class Counts:
    """How often some draws held a node or a message.

    Attributes:
        draws: their number.
        nodes: [N].
        messages: [E], of `WalkSampling.entries`.
    """

    draws: int
    nodes: Tensor
    messages: Tensor


class WalkSampling:
    r"""Draws the nodes of random walks, and with them all messages between them.

    Walks begin at nodes drawn with replacement, and go from a node to one that sends to it. With
    :math:`C_i` of n draws that held node i, and :math:`C_{ij}` that held the message from j to i
    as well, a message counts

    .. math::
        a_{ij} \, \frac{C_i}{C_{ij}}

    with the entry :math:`a_{ij}` of the whole graph's adjacency, so that a sum over neighbours is
    met on average, and a node's loss counts :math:`n / C_i`. These are the two normalisations of
    `"GraphSAINT: Graph Sampling Based Inductive Learning Method"
    <https://arxiv.org/abs/1907.04931>`_. PyG's sampler draws; the counting is done here, since
    PyG's lets a message that it has not met by chance count 10,000-fold, where here it counts as
    met once. Self-loops are always there.

    torch-sparse (0.6.18) walks from a node without neighbours to anywhere, out of its memory too
    (pytorch_sparse#324), so for it such a node is its own neighbour.

    Args:
        adjacency: of the whole graph, from `Encoder.prepare`.
        num_nodes: that a draw holds, at most.
        walk_length: the steps of a walk.

    Raises:
        SettingsError: torch-sparse is not installed.
    """

    def __init__(self, adjacency: Adjacency, *, num_nodes: int, walk_length: int) -> None:
        require_walks()
        matrix = adjacency.matrix.to("cpu")
        row, column = matrix.row_of_entry(), matrix.column.long()
        self.adjacency, self.matrix = adjacency, matrix
        self.entries = (row != column).nonzero().squeeze(1)
        self.loop = torch.full((matrix.size(0),), -1)
        self.loop[row[row == column]] = (row == column).nonzero().squeeze(1)
        alone = (torch.bincount(row[self.entries], minlength=matrix.size(0)) == 0).nonzero()
        edges = torch.stack([row[self.entries], column[self.entries]])
        edges = torch.cat([edges, alone.t().expand(2, -1)], dim=1)
        self.sampler = GraphSAINTRandomWalkSampler(
            Data(edge_index=edges, num_nodes=matrix.size(0)),
            batch_size=max(1, num_nodes // (walk_length + 1)),
            walk_length=walk_length,
            log=False,
        )

    @cached_property
    def counts(self) -> Counts:
        """What draws meet, counted when first needed."""
        nodes, messages = torch.zeros(self.matrix.size(0)), torch.zeros(self.entries.numel())
        draws = met = 0
        with torch.random.fork_rng([]):
            torch.manual_seed(COUNTED_FROM)
            while met < COVERAGE * nodes.numel():
                drawn, _, _, message = self.draw()
                nodes[drawn] += 1
                messages[message] += 1
                draws, met = draws + 1, met + drawn.numel()
        return Counts(draws, nodes, messages)

    def draw(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Nodes in rising order; row and column of each message among them, and its number."""
        nodes, drawn = self.sampler[0]
        row, column, message = drawn.coo()
        is_edge = message < self.entries.numel()
        return nodes, row[is_edge], column[is_edge], message[is_edge]

    def epoch(self, num_steps: int, *, rank: int = 0, num_ranks: int = 1) -> Iterator[Subgraph]:
        """See `SubgraphSampling`: a draw for every step, and each process draws its own."""
        del rank, num_ranks
        return (self._subgraph() for _ in range(num_steps))

    def _subgraph(self) -> Subgraph:
        counts = self.counts  # before what is drawn, on whose randomness they do not touch
        nodes, row, column, message = self.draw()
        of_node = counts.nodes[nodes].clamp(min=1)
        scale = of_node[row] / counts.messages[message].clamp(min=1)
        value = self.matrix.value[self.entries[message]]
        own = (self.loop[nodes] >= 0).nonzero().squeeze(1)
        matrix = CSRMatrix.from_coo(
            torch.cat([row, own]),
            torch.cat([column, own]),
            torch.cat([value * scale.to(value.dtype), self.matrix.value[self.loop[nodes[own]]]]),
            (nodes.numel(), nodes.numel()),
        )
        adjacency = Adjacency(self.adjacency.kind, matrix).to(self.adjacency.matrix.device)
        return Subgraph(nodes, adjacency, counts.draws / of_node)


def require_walks() -> None:
    """Refuse to begin where nothing can walk.

    Raises:
        SettingsError: naming the package that can.
    """
    if torch_geometric.typing.WITH_TORCH_SPARSE:
        return
    raise SettingsError(
        "loader='saint' draws random walks by torch-sparse, which is not installed: install it, "
        "or take loader='neighbor'."
    )
