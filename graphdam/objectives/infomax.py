"""Deep Graph Infomax: tell a graph's nodes from those of a shuffled one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdam.data import Graph
from graphdam.nn import Encoder
from graphdam.objectives.augment import shuffled
from graphdam.objectives.embedding import EmbeddingObjective
from graphdam.objectives.prepared import PreparedGraph


class DeepGraphInfomax(EmbeddingObjective):
    r"""`"Deep Graph Infomax" <https://arxiv.org/abs/1809.10341>`_.

    .. math::
        L = -\frac1N \sum_i \log \sigma(z_i^\top W s) - \frac1N \sum_i \log(1 - \sigma(
            \tilde z_i^\top W s)), \qquad s = \sigma\Big(\frac1N \sum_i z_i\Big)

    with the embedding Z, that of the same graph whose nodes have exchanged their features
    (:math:`\tilde Z`), and a learnt matrix W. The sum of the two means, as in
    `torch_geometric.nn.DeepGraphInfomax`; the paper has their mean.

    Args:
        graph: labels and splits.
        encoder: what is to be trained: as wide as its output is W.
    """

    def __init__(self, graph: Graph, encoder: Encoder) -> None:
        super().__init__(graph)
        self.weight = nn.Parameter(torch.empty(encoder.out_channels, encoder.out_channels))
        bound = encoder.out_channels**-0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def loss(self, encoder: Encoder, prepared: PreparedGraph, outputs: Tensor) -> Tensor:
        corrupted = encoder(shuffled(prepared.x), prepared.adjacency)
        direction = self.weight @ outputs.mean(0).sigmoid()
        true, false = outputs @ direction, corrupted @ direction
        return F.softplus(-true).mean() + F.softplus(false).mean()
