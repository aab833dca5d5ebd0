"""Node embeddings without labels: PyG's DeepGraphInfomax around a gated encoder, then a probe.

python benchmarks/examples/embeddings.py
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.nn import DeepGraphInfomax

import graphdam
from graphdam.data import Graph
from graphdam.evaluation.probe import linear_probe
from graphdam.gates import parameter_groups
from graphdam.nn import Adjacency


def corrupted(x: Tensor, adjacency: Adjacency) -> tuple[Tensor, Adjacency]:
    """The features of another node at every node."""
    return x[torch.randperm(x.size(0))], adjacency


def summary(z: Tensor, *_: object) -> Tensor:
    return z.mean(0).sigmoid()


def train(graph: Graph, *, width: int = 128, epochs: int = 100) -> graphdam.GCN:
    """An encoder whose embedding is as wide as DGI and the penalty agreed on."""
    encoder = graphdam.GCN(
        graph.num_features, width, 1, act="prelu", gate="dam", gate_output=True, act_output=True
    )
    model = DeepGraphInfomax(width, encoder, summary, corrupted)
    optimiser = torch.optim.Adam(parameter_groups(model, lr=0.001, gate_lr=0.05))
    x = graph.dense_x()
    adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)  # once, for speed
    for _ in range(epochs):
        optimiser.zero_grad()
        (model.loss(*model(x, adjacency)) + 0.5 * encoder.penalty()).backward()
        optimiser.step()
    return encoder.compact().eval()


def main() -> None:
    torch.manual_seed(0)
    graph = graphdam.load_graph("digits")
    small = train(graph)
    with torch.no_grad():
        z = small.embed(graph.dense_x(), graph.edge_index)
    train_nodes, val, test = graph.splits[0]
    result = linear_probe(z, graph.y, train=train_nodes, val=val, test=test)
    print(f"{small}: test accuracy of a linear probe {100 * result.test_accuracy:.1f} %")


if __name__ == "__main__":
    main()
