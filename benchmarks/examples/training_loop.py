"""A training loop of PyG's in which a gated GCN stands where `torch_geometric.nn.GCN` stood.

    python benchmarks/examples/training_loop.py

Three lines are new: the optimiser's groups, the penalty, and `compact()` at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.data import Data

import graphdam
from graphdam.gates import parameter_groups


def train(data: Data, *, epochs: int = 200) -> tuple[graphdam.GCN, graphdam.GCN]:
    """The gated model and the smaller one that it became."""
    classes = int(data.y.max()) + 1
    model = graphdam.GCN(data.num_features, 64, 2, classes, dropout=0.5, act="elu", gate="dam")
    groups = parameter_groups(model, lr=0.01, gate_lr=0.05, weight_decay=5e-4)
    optimiser = torch.optim.Adam(groups)
    for _ in range(epochs):
        optimiser.zero_grad()
        out = model(data.x, data.edge_index)
        loss = cross_entropy(out[data.train_mask], data.y[data.train_mask])
        (loss + 0.2 * model.penalty()).backward()
        optimiser.step()
    return model.eval(), model.compact().eval()


@torch.no_grad()
def accuracy(model: graphdam.GCN, data: Data, mask: Tensor) -> float:
    hits = model(data.x, data.edge_index).argmax(-1)[mask] == data.y[mask]
    return float(hits.double().mean())


def main() -> None:
    torch.manual_seed(0)
    graph = graphdam.load_graph("digits")
    masks = {f"{part}_mask": graph.mask(part) for part in ("train", "test")}
    data = Data(x=graph.dense_x(), edge_index=graph.edge_index, y=graph.y, **masks)
    gated, small = train(data)
    print(f"{gated} became {small}")
    print(f"test accuracy {100 * accuracy(small, data, data.test_mask):.1f} %")
    difference = graphdam.deviation(gated, small, data.x, data.edge_index, relative=True)
    print(f"their outputs differ by {difference:.1e} of the outputs' scale")


if __name__ == "__main__":
    main()
