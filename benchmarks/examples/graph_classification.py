"""Whole graphs classified: PyG's DataLoader and global_mean_pool around a gated encoder.

python benchmarks/examples/graph_classification.py FOLDER     # where PyG keeps ENZYMES
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch_geometric.datasets import TUDataset
from torch_geometric.loader import DataLoader
from torch_geometric.nn import global_mean_pool

import graphdam
from graphdam.compaction import slice_in
from graphdam.gates import parameter_groups


class Classifier(nn.Module):
    """The mean of a graph's node embeddings, read by a linear layer."""

    def __init__(self, encoder: graphdam.GCN, readout: nn.Module) -> None:
        super().__init__()
        self.encoder, self.readout = encoder, readout

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.readout(global_mean_pool(self.encoder(x, edge_index), batch))

    def compact(self) -> Classifier:
        keep = self.encoder.open_outputs  # the columns that the embedding will have
        readout = slice_in(self.readout, keep, torch.ones(len(keep)))
        return Classifier(self.encoder.compact(), readout).eval()


def train(graphs: TUDataset, *, epochs: int = 30) -> Classifier:
    size = (graphs.num_features, 64, 3)
    encoder = graphdam.GCN(*size, norm="batch_norm", gate="dam", gate_output=True)
    model = Classifier(encoder, nn.Linear(64, graphs.num_classes))
    optimiser = torch.optim.Adam(parameter_groups(model, lr=0.01, gate_lr=0.05))
    for _ in range(epochs):
        for batch in DataLoader(graphs, batch_size=64, shuffle=True):
            optimiser.zero_grad()
            loss = cross_entropy(model(batch.x, batch.edge_index, batch.batch), batch.y)
            (loss + 0.1 * encoder.penalty()).backward()
            optimiser.step()
    return model.eval()


if __name__ == "__main__":
    enzymes = TUDataset(sys.argv[1], "ENZYMES", use_node_attr=True).shuffle()
    small = train(enzymes[:500]).compact()
    test = next(iter(DataLoader(enzymes[500:], batch_size=100)))
    hits = small(test.x, test.edge_index, test.batch).argmax(-1) == test.y
    print(f"{small.encoder}: test accuracy {100 * float(hits.double().mean()):.1f} %")
