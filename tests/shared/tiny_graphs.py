"""Few small graphs whose class is their shape, and nets that tell it."""

from __future__ import annotations

from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.nn import GINEConv, SAGEConv, global_add_pool, global_mean_pool
from torch_geometric.utils import from_networkx

SHAPES = (nx.cycle_graph, nx.path_graph, nx.complete_graph)


def tiny_graphs(count: int = 60, *, attributes: bool = False) -> list[Data]:
    """Cycles, paths and complete graphs of 3 to 9 nodes, their features noise and a one."""
    generator = torch.Generator().manual_seed(0)
    graphs = []
    for index in range(count):
        size = 3 + index // 3 % 7
        graph = from_networkx(SHAPES[index % 3](size))
        noise = 0.1 * torch.randn(size, 3, generator=generator)
        graph.x = torch.cat([torch.ones(size, 1), noise], dim=1)
        graph.y = torch.tensor([index % 3])
        if attributes:
            graph.edge_attr = torch.rand(graph.num_edges, 2, generator=generator)
            graph.edge_weight = torch.rand(graph.num_edges, generator=generator)
        graphs.append(graph)
    return graphs


class Pooled(nn.Module):
    """Two convolutions that sum over neighbours, and the mean of what they write."""

    def __init__(self, features: int = 4, classes: int = 3, *, width: int = 16) -> None:
        super().__init__()
        self.first = SAGEConv(features, width, aggr="sum")
        self.second = SAGEConv(width, width, aggr="sum")
        self.norm = nn.BatchNorm1d(width)
        self.classify = nn.Linear(width, classes)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x, edge_index)))
        x = F.relu(self.second(x, edge_index))
        return self.classify(global_mean_pool(x, batch))  # type: ignore[no-any-return]


class OfData(Pooled):
    """The same, called with a PyG `Data`."""

    def forward(self, data: Any) -> Tensor:  # type: ignore[override]
        return super().forward(data.x, data.edge_index, data.batch)


class WithAttributes(nn.Module):
    """A convolution that reads what is said of edges."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        perceptron = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, width))
        self.convolve = GINEConv(perceptron, edge_dim=2)
        self.classify = nn.Linear(width, 3)

    def forward(
        self, x: Tensor, edge_index: Tensor, batch: Tensor, edge_attr: Tensor | None = None
    ) -> Tensor:
        x = F.relu(self.convolve(x, edge_index, edge_attr))
        return self.classify(global_add_pool(x, batch))  # type: ignore[no-any-return]


class LooksUp(nn.Module):
    """Atoms and bonds by their kinds, as nets of molecules read them."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.atom = nn.ModuleList([nn.Embedding(9, width), nn.Embedding(4, width)])
        self.bond = nn.Embedding(3, width)
        mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.convolve = GINEConv(mlp)
        self.tell = nn.Linear(width, 1)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor, edge_attr: Tensor) -> Tensor:
        atoms = self.atom[0](x[:, 0]) + self.atom[1](x[:, 1])
        h = F.relu(self.convolve(atoms, edge_index, self.bond(edge_attr[:, 0])))
        return self.tell(global_mean_pool(h, batch))  # type: ignore[no-any-return]
