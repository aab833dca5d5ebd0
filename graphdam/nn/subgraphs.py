"""Parts of a graph that steps read as if each were a graph: nodes and what they send each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.nn.adjacency import Adjacency


@dataclass(frozen=True)
class Subgraph:
    r"""Some nodes and the messages between them.

    Attributes:
        nodes: int64 [B], in rising order.
        adjacency: [B, B], for an encoder that reads the features of `nodes`.
        importance: float [B], of each node :math:`1 / p_i`, where :math:`p_i` is the chance of its
            being here: a sum over `nodes` with these weights is on average the sum over all nodes.
    """

    nodes: Tensor
    adjacency: Adjacency
    importance: Tensor


class SubgraphSampling(Protocol):
    """Draws the subgraphs that the steps of an epoch read."""

    def epoch(self, num_steps: int, *, rank: int = 0, num_ranks: int = 1) -> Iterator[Subgraph]:
        """One subgraph a step: what this one of several processes reads of it.

        What all processes must draw alike is drawn by the call, what each draws for itself while
        the result is read; both from torch's global generator.
        """


def induced(matrix: CSRMatrix, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The entries of a square matrix that lie in the rows and in the columns of some nodes.

    Args:
        matrix: [N, N].
        nodes: int64 [B], in rising order.

    Returns:
        Row and column of each entry, counted among `nodes`, and where it stands in `matrix.value`.

    >>> dense = torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0], [0.0, 4.0, 5.0]])
    >>> induced(CSRMatrix.from_dense(dense), torch.tensor([0, 2]))
    (tensor([0, 0, 1]), tensor([0, 1, 1]), tensor([0, 1, 4]))
    """
    row, entry = matrix.entries_of(nodes)
    column = matrix.column[entry].long()
    place = torch.searchsorted(nodes, column).clamp(max=nodes.numel() - 1)
    inside = nodes[place] == column
    return row[inside], place[inside], entry[inside]
