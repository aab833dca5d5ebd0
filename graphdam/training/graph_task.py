"""A run on a graph: encoders that read the whole of it in every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from graphdam.compaction import deviation, difference
from graphdam.data import Graph
from graphdam.evaluation.ogb import evaluator_name
from graphdam.nn import Encoder, layerwise
from graphdam.nn.layerwise import require_blocks
from graphdam.objectives import (
    Objective,
    PrefixScore,
    PreparedGraph,
    PreparedLayers,
    prepare_graph,
    score_prefixes,
)
from graphdam.training.batching import Batching, choose_batching
from graphdam.training.build import build_gated, build_objective, build_wide
from graphdam.training.loaders import in_batches
from graphdam.training.settings import Settings
from graphdam.training.task import M, P, Task
from graphdam.training.team import current_team


@dataclass(frozen=True)
class TaskOnGraph(Task[M, P]):
    """See `Task`.

    Attributes:
        graph: the data.
    """

    settings: Settings
    graph: Graph

    @property
    def data(self) -> Graph:
        return self.graph

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def split_name(self) -> str:
        return self.graph.split_name

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return self.graph.class_names


@dataclass(frozen=True)
class GraphTask(TaskOnGraph[Encoder, PreparedGraph]):
    """See `Task`."""

    def at_split(self, seed: int) -> GraphTask:
        return replace(self, graph=self.graph.at_split(seed))

    def same_split(self, seed: int, other: int) -> bool:
        if self.settings.rebuilds_links and self.graph.links is None:
            return seed == other  # which holds links out
        return self.at_split(seed).graph.split_index == self.at_split(other).graph.split_index

    def build_wide(self) -> Encoder:
        return build_wide(self.settings, self.graph)

    def build_gated(self) -> Encoder:
        return build_gated(self.settings, self.graph)

    def build_objective(self, model: Encoder, *, seed: int) -> Objective:
        return build_objective(self.settings, self.graph, model, seed=seed)

    @cached_property
    def batching(self) -> Batching:
        """How the graph is read."""
        return choose_batching(self.settings, self.graph)

    def prepare(self, model: Encoder, objective: Objective) -> PreparedGraph:
        return self._prepare(model, objective.training_graph(self.graph))

    def _prepare(self, model: Encoder, graph: Graph, factor: float = 1.0) -> PreparedGraph:
        if self.batching.batch_size is None:
            return prepare_graph(
                model, graph if factor == 1 else graph.with_scaled_features(factor)
            )
        require_blocks(model)
        whole = prepare_graph(model, graph)
        return PreparedLayers(graph, whole.x, whole.adjacency, factor=factor)

    def prepare_training(self, model: Encoder, objective: Objective) -> PreparedGraph:
        graph = objective.training_graph(self.graph)
        prepared = self._prepare(model, graph, self._feature_scale)
        if not isinstance(prepared, PreparedLayers):
            return prepared
        assert self.batching.batch_size is not None
        size, team = self.batching.batch_size, current_team()
        return in_batches(self.settings, prepared, model, size, team)

    def adopt(self, model: Encoder) -> None:
        if self._feature_scale != 1:
            model.scale_inputs(1 / self._feature_scale)

    def hand_back(self, model: Encoder) -> None:
        if self._feature_scale != 1:
            model.scale_inputs(self._feature_scale)

    @property
    def _feature_scale(self) -> float:
        """What features are multiplied by in training, so that an L2 penalty is not against them.

        Weights that read short features must be large, and the penalty keeps them small.
        """
        norm = self.graph.feature_norm
        return max(1.0, self.settings.least_feature_norm / norm) if norm > 0 else 1.0

    def deviation(self, model: Encoder, compact: Encoder, prepared: PreparedGraph) -> float:
        if isinstance(prepared, PreparedLayers):
            both = (prepared.outputs(each.eval()) for each in (model, compact))
            return difference(*both, keep=model.open_outputs, relative=True)
        inputs = (prepared.x, prepared.adjacency)
        return deviation(model, compact, *inputs, keep=model.open_outputs, relative=True)

    def multiply_adds(self, model: Encoder, prepared: PreparedGraph) -> int:
        return model.multiply_adds(prepared.x, prepared.adjacency)

    def prefixes(
        self, compact: Encoder, objective: Objective, prepared: PreparedGraph
    ) -> list[PrefixScore]:
        return score_prefixes(compact, objective, prepared)

    def inference(self, model: Encoder) -> Callable[[], Any]:
        prepared = self._prepare(model, self.graph)
        return lambda: prepared.outputs(model)

    @torch.no_grad()
    def outputs(self, model: Encoder) -> Tensor:
        """The outputs for every node, by a model in evaluation mode; no label is read."""
        return self._prepare(model, self.graph).outputs(model)

    @torch.no_grad()
    def embedding(self, model: Encoder) -> Tensor:
        """The embedding of every node, by a model in evaluation mode."""
        prepared = self._prepare(model, self.graph)
        if isinstance(prepared, PreparedLayers):
            return layerwise(model, prepared.x, prepared.adjacency, embed=True)
        return model.embed(prepared.x, prepared.adjacency)

    @property
    def evaluator(self) -> str | None:
        scores_outputs = self.graph.links is not None or not self.settings.learns_embedding
        name = self.graph.evaluator
        return evaluator_name(name) if name is not None and scores_outputs else None

    @property
    def comes_in_batches(self) -> bool:
        return self.batching.batch_size is not None

    @property
    def reading(self) -> str:
        return self.batching.reason

    def notes(self) -> list[str]:
        if self.graph.edge_weight is not None and self.settings.model != "gcn":
            model = self.settings.model
            return [f"the edge weights of {self.name} are not used: {model} takes none"]
        return []
