"""What runs with somebody's own model have in common, and those on the nodes of a graph."""

from __future__ import annotations

import copy
import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from graphdam.compaction import GatedModel, attach_gates, difference
from graphdam.data import Graph
from graphdam.errors import InexactError
from graphdam.objectives import NodeClassification, PreparedClasses, PreparedEdges
from graphdam.training.build import gate_maker
from graphdam.training.compact_cost import multiply_adds_an_item
from graphdam.training.graph_task import TaskOnGraph
from graphdam.training.model import AnyObjective
from graphdam.training.own_loaders import in_parts
from graphdam.training.task import Task

LARGE, CORNER = 20_000, 2_000
"""Nodes above which a model is traced and tried on so many of them: a trial runs in doubles."""

P = TypeVar("P", bound=PreparedEdges | PreparedClasses)

Call: TypeAlias = tuple[tuple[Any, ...], Mapping[str, Any]]
"""What a model is called with: by place, and by name."""


class OwnTask(Task[nn.Module, P]):
    """See `Task`.

    Attributes:
        net: the model as it was given, without gates.
        read: what messages say that it is called with.
        item: what it writes a row of.
    """

    net: nn.Module
    read: ClassVar[str]
    item: ClassVar[str]

    @property
    def called(self) -> str:
        """How messages write a call of the model."""
        return f"net({'data' if takes_one(self.net) else self.read})"

    @property
    @abstractmethod
    def example_shape(self) -> tuple[int, int]:
        """What it has to write for the example."""

    @abstractmethod
    def example(self) -> Call:
        """What the model may be called with to be traced."""

    @abstractmethod
    def inference_call(self) -> Call:
        """What it is called with where an inference is timed."""

    def build_wide(self) -> nn.Module:
        return copy.deepcopy(self.net)

    def build_gated(self) -> GatedModel:
        return self._attached(self.example())

    def _attached(self, example: Call) -> GatedModel:
        given, further = example
        settings = self.settings
        return attach_gates(
            self.net,
            inspect.signature(self.net.forward).bind_partial(*given, **further).args,
            gate=gate_maker(settings),
            min_width=1 if settings.target_width is not None else settings.min_width,
            inexact="leave",
        )

    @torch.no_grad()
    def deviation(self, model: nn.Module, compact: nn.Module, prepared: P) -> float:
        wide, small = (prepared.outputs(each.eval()) for each in (model, compact))
        return difference(wide, small, relative=True)

    def multiply_adds(self, model: nn.Module, prepared: P) -> int:
        return multiply_adds_an_item(model, prepared.counted)

    def inference(self, model: nn.Module) -> Callable[[], Tensor]:
        given, further = self.inference_call()
        return lambda: model(*given, **further)


@dataclass(frozen=True)
class OwnGraphTask(OwnTask[PreparedEdges], TaskOnGraph[nn.Module, PreparedEdges]):
    """On the nodes of a graph: steps read it whole or in batches, looks and scores whole."""

    net: nn.Module

    read = "x, edge_index"
    item = "node"

    @property
    def example_shape(self) -> tuple[int, int]:
        return self.graph.num_nodes, self.graph.out_channels

    def build_gated(self) -> GatedModel:
        if self.graph.num_nodes > LARGE:
            with suppress(InexactError):  # a model may know how many nodes there are
                return self._attached(_corner(prepare_edges(self.net, self.graph)).call)
        return super().build_gated()

    def example(self) -> Call:
        return prepare_edges(self.net, self.graph).call

    def inference_call(self) -> Call:
        return self.example()

    def build_objective(self, model: nn.Module, *, seed: int) -> AnyObjective:
        del model, seed
        return NodeClassification(self.graph, feature_dropout=self.settings.feature_dropout)

    def prepare(self, model: nn.Module, objective: object) -> PreparedEdges:
        del model, objective
        return prepare_edges(self.net, self.graph)

    def prepare_training(self, model: nn.Module, objective: object) -> PreparedEdges:
        whole = self.prepare(model, objective)
        return (
            whole if self.settings.batch_size is None else in_parts(self.settings, whole, self.net)
        )

    def notes(self) -> list[str]:
        used = prepare_edges(self.net, self.graph).further
        if self.graph.edge_weight is not None and not used:
            return [f"the edge weights of {self.graph.name} are not used: the model takes none"]
        return []


def prepare_edges(net: nn.Module, graph: Graph) -> PreparedEdges:
    """The graph as a model reads it that is called with features, edges and, perhaps, weights."""
    as_data, further = takes_one(net), {}
    if graph.edge_weight is not None and (as_data or takes(net, "edge_weight")):
        further["edge_weight"] = graph.edge_weight
    return PreparedEdges(graph, graph.dense_x(), graph.edge_index, further, as_data)


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


def takes(net: nn.Module, name: str) -> bool:
    """Whether a model is called with something of this name."""
    return name in inspect.signature(net.forward).parameters


def takes_one(net: nn.Module) -> bool:
    """Whether a model is called with one argument, as with a PyG `Data`."""
    parameters = inspect.signature(net.forward).parameters
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters.values() if p.kind in by_place and p.default is p.empty]
    return len(needed) == 1 and "edge_index" not in parameters
