"""Small graphs, sparse or dense, and encoders that write an embedding of them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from graphdam.data import CSRMatrix, Graph, load_graph
from graphdam.nn import GCN, Encoder

WIDTH = 6


def small_graph(*, sparse: bool = False) -> Graph:
    """The karate club with features in float64 that tell all nodes apart."""
    graph = load_graph("karate")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(graph.num_nodes, 9, generator=generator, dtype=torch.float64)
    x = x * (torch.rand(x.shape, generator=generator) < 0.5)
    return replace(graph, x=CSRMatrix.from_dense(x) if sparse else x)


def embedder(
    graph: Graph, width: int = WIDTH, *, seed: int = 0, norm: str | None = None
) -> Encoder:
    torch.manual_seed(seed)
    return GCN(graph.num_features, width, 2, act="prelu", act_output=True, norm=norm).double()


def watch(module: torch.nn.Module) -> list[Tensor]:
    """What the module returns from now on, call by call."""
    seen: list[Tensor] = []
    module.register_forward_hook(lambda _, __, out: seen.append(out))
    return seen
