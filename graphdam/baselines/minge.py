"""How wide an embedding should be by its graph's entropy alone, without training."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphdam.errors import DataError

ENTROPY_PER_DIMENSION = 0.24
"""By how much one more dimension lowers the feature entropy, in nats: the paper's constant."""


def minge_width(edge_index: Tensor, *, num_nodes: int) -> int:
    r"""The width that `"Graph Entropy Guided Node Embedding Dimension Selection for Graph Neural
    Networks" (MinGE) <https://arxiv.org/abs/2105.03178>`_ gives a graph.

    .. math::
        n = (\ln N^2 + H_s) / 0.24

    with N nodes and the structure entropy :math:`H_s` in nats (`structure_entropy`):
    :math:`\ln N^2 - 0.24\,n` is the entropy of the features at width n, and n is where it and
    :math:`H_s` together come to 0.

    A reading of that formula, not the authors' code: :math:`H_s` is the entropy of the degrees
    alone, with weight 1 in the sum; edges have no direction; n is rounded to the nearest whole
    number and is at least 1.

    Args:
        edge_index: int64 [2, E], each edge in one direction or both.
        num_nodes: N, isolated nodes included.

    Raises:
        DataError: no edge list, or a node outside 0 … N − 1.

    >>> ring = torch.stack([torch.arange(100), (torch.arange(100) + 1) % 100])
    >>> minge_width(ring, num_nodes=100)  # 3 ln 100 / 0.24 = 57.6
    58
    """
    entropy = structure_entropy(edge_index, num_nodes=num_nodes) + 2 * math.log(num_nodes)
    return max(1, round(entropy / ENTROPY_PER_DIMENSION))


def structure_entropy(edge_index: Tensor, *, num_nodes: int) -> float:
    r"""The entropy of the degrees, in nats.

    .. math::
        H_s = -\sum_i \frac{d_i}{2|E|} \ln \frac{d_i}{2|E|}

    with the degree :math:`d_i` of node i and |E| edges. An edge counts once, however often and in
    whichever direction it is listed; self-loops do not count, and nodes without edges add
    nothing. At most ln N, which a regular graph reaches; 0 without edges.

    Args:
        edge_index: int64 [2, E].
        num_nodes: N.

    Raises:
        DataError: no edge list, or a node outside 0 … N − 1.
    """
    if num_nodes < 1:
        raise DataError(f"A graph needs at least one node, received num_nodes={num_nodes}.")
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise DataError(
            f"edge_index must have shape [2, E], received {list(edge_index.shape)}: one row of "
            f"sources, one of targets."
        )
    low, high = edge_index.amin(0), edge_index.amax(0)
    if edge_index.numel() and (low.min() < 0 or high.max() >= num_nodes):
        raise DataError(
            f"edge_index names the nodes {int(low.min())} … {int(high.max())}, but num_nodes is "
            f"{num_nodes}: nodes are numbered 0 … {num_nodes - 1}."
        )
    edges = torch.unique((low * num_nodes + high)[low != high])
    ends = torch.cat([edges // num_nodes, edges % num_nodes])
    degree = torch.bincount(ends, minlength=num_nodes).double()
    share = degree / max(1, ends.numel())
    return float(torch.special.entr(share).sum())
