"""A run on a graph with somebody's own model, written with PyG's layers."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from graphdam.compaction import GatedModel, attach_gates, difference
from graphdam.data import Graph
from graphdam.errors import InexactError
from graphdam.evaluation.module_cost import matrix_multiply_adds
from graphdam.objectives import NodeClassification, PreparedEdges
from graphdam.training.build import gate_maker
from graphdam.training.graph_task import TaskOnGraph
from graphdam.training.model import AnyObjective
from graphdam.training.settings import Settings

LARGE, CORNER = 20_000, 2_000
"""Nodes above which a model is traced and tried on so many of them: a trial runs in doubles."""


@dataclass(frozen=True)
class OwnTask(TaskOnGraph[nn.Module, PreparedEdges]):
    """See `Task`.

    Attributes:
        net: the model as it was given, without gates.
    """

    net: nn.Module

    @classmethod
    def around(cls, settings: Settings, graph: Graph, gated: GatedModel) -> OwnTask:
        """That of a model which has its gates already."""
        every = {group.name: torch.arange(group.num_channels) for group in gated.groups}
        return cls(settings, graph, gated.compact(keep=every))

    def build_wide(self) -> nn.Module:
        return copy.deepcopy(self.net)

    def build_gated(self) -> GatedModel:
        prepared = prepare_edges(self.net, self.graph)
        if self.graph.num_nodes > LARGE:
            with suppress(InexactError):  # a model may know how many nodes there are
                return self._attached(_corner(prepared))
        return self._attached(prepared)

    def _attached(self, example: PreparedEdges) -> GatedModel:
        given = inspect.signature(self.net.forward).bind_partial(
            example.x, example.edge_index, **example.further
        )
        settings = self.settings
        return attach_gates(
            self.net,
            given.args,
            gate=gate_maker(settings),
            min_width=1 if settings.target_width is not None else settings.min_width,
            inexact="leave",
        )

    def build_objective(self, model: nn.Module, *, seed: int) -> AnyObjective:
        del model, seed
        return NodeClassification(self.graph, feature_dropout=self.settings.feature_dropout)

    def prepare(self, model: nn.Module, objective: object) -> PreparedEdges:
        del model, objective
        return prepare_edges(self.net, self.graph)

    @torch.no_grad()
    def deviation(self, model: nn.Module, compact: nn.Module, prepared: PreparedEdges) -> float:
        wide, small = (prepared.outputs(each.eval()) for each in (model, compact))
        return difference(wide, small, relative=True)

    def multiply_adds(self, model: nn.Module, prepared: PreparedEdges) -> int:
        inputs = (prepared.x, prepared.edge_index)
        return matrix_multiply_adds(model, *inputs, **prepared.further)

    def inference(self, model: nn.Module) -> Callable[[], Tensor]:
        prepared = prepare_edges(self.net, self.graph)
        return lambda: prepared.outputs(model)

    def notes(self) -> list[str]:
        if self.graph.edge_weight is not None and not _takes_weights(self.net):
            return [f"the edge weights of {self.graph.name} are not used: the model takes none"]
        return []


def prepare_edges(net: nn.Module, graph: Graph) -> PreparedEdges:
    """The graph as a model reads it that is called with features, edges and, perhaps, weights."""
    further = {}
    if graph.edge_weight is not None and _takes_weights(net):
        further["edge_weight"] = graph.edge_weight
    return PreparedEdges(graph, graph.dense_x(), graph.edge_index, further)


def _corner(prepared: PreparedEdges) -> PreparedEdges:
    """The first nodes and the edges among them: enough to trace and try a model on."""
    inside = (prepared.edge_index < CORNER).all(0)
    further = {name: value[inside] for name, value in prepared.further.items()}
    return replace(
        prepared,
        x=prepared.x[:CORNER],
        edge_index=prepared.edge_index[:, inside],
        further=further,
    )


def _takes_weights(net: nn.Module) -> bool:
    return "edge_weight" in inspect.signature(net.forward).parameters
