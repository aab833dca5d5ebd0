"""Synthetic graphs whose degrees follow a power law: for time and memory, not for scores."""

from __future__ import annotations

import numpy as np
import torch

from graphdam.data import Graph, Split

SHARES = (0.54, 0.18, 0.28)
"""Of the nodes that are learnt from, chosen on and tested on: those of ogbn-arxiv."""

EXPONENT = 3.0
"""Of the law of degrees."""


def power_law_graph(
    num_nodes: int, num_edges: int, *, num_features: int = 128, num_classes: int = 40, seed: int = 0
) -> Graph:
    """An undirected graph in which node i ends an edge with a chance of (i + 10)^(−1 / 2).

    As in Chung and Lu's model, so that the number of nodes of degree d falls as d^(−3). Features
    are a normal cloud about the class's centre, and have nothing to do with the edges.

    Args:
        num_nodes: N.
        num_edges: directed ones, of which a few meet and count once.
        num_features: of a node.
        num_classes: of which each node has one.
        seed: of all that is drawn.
    """
    random = np.random.default_rng(seed)
    chance = np.cumsum((np.arange(num_nodes) + 10.0) ** (-1 / (EXPONENT - 1)))
    name = random.permutation(num_nodes)
    ends = np.searchsorted(chance, random.random((2, num_edges // 2)) * chance[-1])
    source, target = name[ends.clip(max=num_nodes - 1)]
    key = np.concatenate([source * num_nodes + target, target * num_nodes + source])
    edges = np.stack(np.divmod(np.unique(key), num_nodes))
    y = random.integers(0, num_classes, num_nodes)
    x = random.standard_normal((num_nodes, num_features), dtype=np.float32)
    centres = random.standard_normal((num_classes, num_features), dtype=np.float32)
    for start in range(0, num_nodes, 2**16):
        x[start : start + 2**16] += centres[y[start : start + 2**16]]
    part = torch.from_numpy(random.choice(3, num_nodes, p=SHARES))
    return Graph(
        name="synthetic",
        x=torch.from_numpy(x),
        edge_index=torch.from_numpy(edges),
        edge_weight=None,
        y=torch.from_numpy(y),
        num_classes=num_classes,
        task="multiclass",
        split_name="random",
        splits=(Split(part == 0, part == 1, part == 2),),
    )
