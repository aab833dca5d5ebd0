"""Your own GNN, written with PyG's layers as any other: gates attached, trained, made smaller.

python benchmarks/examples/own_model.py
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import BatchNorm, GATConv, GCNConv

import graphdam
from graphdam.compaction import GatedModel
from graphdam.data import Graph
from graphdam.gates import parameter_groups


class Net(nn.Module):
    """Attention, then a convolution beside a skip, and nothing of graphdam."""

    def __init__(self, features: int, width: int, classes: int) -> None:
        super().__init__()
        self.attend = GATConv(features, width // 4, heads=4)
        self.norm = BatchNorm(width)
        self.convolve = GCNConv(width, width)
        self.skip = nn.Linear(features, width)
        self.classify = nn.Linear(width, classes)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        h = F.elu(self.norm(self.attend(x, edge_index)))
        h = F.elu(self.convolve(h, edge_index) + self.skip(x))
        return self.classify(F.dropout(h, p=0.5, training=self.training))


def train(graph: Graph, *, width: int = 64, epochs: int = 200) -> tuple[GatedModel, Net]:
    """The gated model and the smaller `Net` that it became."""
    x, labels, train_nodes = graph.dense_x(), graph.y, graph.mask("train")
    net = Net(graph.num_features, width, graph.num_classes)
    gated = graphdam.attach_gates(net, (x, graph.edge_index))
    print(gated.layout)
    groups = parameter_groups(gated, lr=0.01, gate_lr=0.05, weight_decay=5e-4)
    optimiser = torch.optim.Adam(groups)
    for _ in range(epochs):
        optimiser.zero_grad()
        loss = F.cross_entropy(gated(x, graph.edge_index)[train_nodes], labels[train_nodes])
        (loss + 0.3 * gated.penalty()).backward()
        optimiser.step()
    small = graphdam.compact_model(gated)
    assert isinstance(small, Net)
    return gated.eval(), small.eval()


def main() -> None:
    torch.manual_seed(0)
    graph = graphdam.load_graph("digits")
    gated, small = train(graph)
    print(small)
    with torch.no_grad():
        hits = small(graph.dense_x(), graph.edge_index).argmax(-1) == graph.y
    print(f"test accuracy {100 * float(hits[graph.mask('test')].double().mean()):.1f} %")
    difference = graphdam.deviation(gated, small, graph.dense_x(), graph.edge_index, relative=True)
    print(f"their outputs differ by {difference:.1e} of the outputs' scale")


if __name__ == "__main__":
    main()
