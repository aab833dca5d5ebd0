"""Graphs made a little different: what contrastive objectives tell an encoder's views apart by."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.utils import dropout_edge

from graphdam.data import CSRMatrix, Graph
from graphdam.nn import Adjacency, Encoder


def shuffled(x: Tensor | CSRMatrix) -> Tensor | CSRMatrix:
    """The rows in random order: every node gets the features of another."""
    order = torch.randperm(x.size(0), device=x.device)
    return x.reordered(order) if isinstance(x, CSRMatrix) else x[order]


def without_features(x: Tensor | CSRMatrix, p: float) -> Tensor | CSRMatrix:
    """Every column set to zero with probability p, the same for all nodes; nothing is rescaled."""
    kept = (torch.rand(x.size(1), device=x.device) >= p).to(x.dtype)
    return x.with_values(x.value * kept[x.column]) if isinstance(x, CSRMatrix) else x * kept


def without_edges(encoder: Encoder, graph: Graph, p: float) -> Adjacency:
    """The structure without a share p of its directed edges, as `encoder` multiplies with it."""
    edge_index, kept = dropout_edge(graph.edge_index, p=p)
    weight = None if graph.edge_weight is None else graph.edge_weight[kept]
    return encoder.prepare(edge_index, weight, num_nodes=graph.num_nodes)
