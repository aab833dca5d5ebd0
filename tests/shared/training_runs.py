"""One training run in a line, and what tests ask of its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphdam.data import Graph
from graphdam.nn import Encoder
from graphdam.objectives import NodeClassification, prepare_graph
from graphdam.report import HistoryLine
from graphdam.training import Fit, Settings, Trainer, build_encoder, seeded

CPU = torch.device("cpu")

LEARNT = ["dgi", "grace", "bgrl", "gae", "vgae"]
"""The objectives that learn an embedding."""

LINKS = ("gae", "vgae")
"""Those of them that rebuild links."""


def start(settings: Settings, graph: Graph, seed: int = 0) -> Encoder:
    with seeded(seed, CPU):
        return build_encoder(settings, graph)


def train(
    settings: Settings, graph: Graph, seed: int = 0, objective: NodeClassification | None = None
) -> tuple[Fit, list[HistoryLine]]:
    lines: list[HistoryLine] = []
    trainer = Trainer(settings, on_epoch=lines.append)
    fit = trainer.fit(start(settings, graph, seed), graph, objective, seed=seed)
    return fit, lines


def outputs_of(encoder: Encoder, graph: Graph) -> Tensor:
    with torch.no_grad():
        return encoder(graph.x, prepare_graph(encoder, graph).adjacency)  # type: ignore[no-any-return]


def assert_same_weights(first: nn.Module, second: nn.Module) -> None:
    one, other = first.state_dict(), second.state_dict()
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
