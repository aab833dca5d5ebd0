"""Mini-batches of PyG's NeighborLoader, trimmed layer by layer where the sampler counts its hops.

    python benchmarks/examples/mini_batches.py

NeighborLoader samples with pyg-lib or torch-sparse: one of them must be installed.
"""

from __future__ import annotations

import importlib.util
import sys

import torch
from torch.nn.functional import cross_entropy
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader

import graphdam
from graphdam.gates import parameter_groups


def train(data: Data, *, epochs: int = 5) -> tuple[graphdam.GraphSAGE, graphdam.GraphSAGE]:
    """The gated model and the smaller one that it became."""
    classes = int(data.y.max()) + 1
    model = graphdam.GraphSAGE(data.num_features, 64, 2, classes, act="elu", gate="dam")
    optimiser = torch.optim.Adam(parameter_groups(model, lr=0.01, gate_lr=0.05))
    loader = NeighborLoader(
        data, num_neighbors=[10, 5], batch_size=32, input_nodes=data.train_mask, shuffle=True
    )
    for _ in range(epochs):
        for batch in loader:
            optimiser.zero_grad()
            out = model(
                batch.x,
                batch.edge_index,
                num_sampled_nodes_per_hop=batch.get("num_sampled_nodes"),  # pyg-lib tells
                num_sampled_edges_per_hop=batch.get("num_sampled_edges"),
            )[: batch.batch_size]
            loss = cross_entropy(out, batch.y[: batch.batch_size])
            (loss + 0.2 * model.penalty()).backward()
            optimiser.step()
    return model.eval(), model.compact().eval()


def main() -> None:
    if not any(importlib.util.find_spec(name) for name in ("pyg_lib", "torch_sparse")):
        sys.exit("NeighborLoader needs pyg-lib or torch-sparse, and neither is installed.")
    torch.manual_seed(0)
    graph = graphdam.load_graph("digits")
    data = Data(graph.dense_x(), graph.edge_index, y=graph.y, train_mask=graph.mask("train"))
    _, small = train(data)
    everything = NeighborLoader(data, num_neighbors=[-1], batch_size=256)
    out = small.inference(everything)  # a layer at a time, over batches of nodes
    hits = out.argmax(-1)[graph.mask("test")] == graph.y[graph.mask("test")]
    print(f"{small}: test accuracy {100 * float(hits.double().mean()):.1f} %")


if __name__ == "__main__":
    main()
