"""GNNs of somebody's own, as written with PyG's layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import BatchNorm, GATConv, GCNConv, SAGEConv

from graphdam.data import Graph


class Net(nn.Module):
    def __init__(
        self, features: int, classes: int, *, width: int = 16, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.attend = GATConv(features, width // 2, heads=2)
        self.norm = BatchNorm(width)
        self.convolve = SAGEConv(width, width)
        self.classify = nn.Linear(width, classes)
        self.dropout = dropout

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.elu(self.norm(self.attend(x, edge_index)))
        x = F.elu(self.convolve(x, edge_index))
        x = F.dropout(x, p=self.dropout, training=self.training)
        return self.classify(x)  # type: ignore[no-any-return]


class Weighted(nn.Module):
    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.first, self.last = GCNConv(features, 16), GCNConv(16, classes)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        x = F.elu(self.first(x, edge_index, edge_weight))
        return self.last(x, edge_index, edge_weight)  # type: ignore[no-any-return]


def of_graph(kind: Any, graph: Graph, **kwargs: Any) -> Any:
    torch.manual_seed(0)
    return kind(graph.num_features, graph.out_channels, **kwargs)
