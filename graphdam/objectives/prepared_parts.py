"""A graph whose steps read parts of it, as PyG's own models read a graph."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from graphdam.data import CSRMatrix
from graphdam.data.graph import SplitName
from graphdam.nn import Clusters, NeighborDraws, Neighborhood
from graphdam.nn.subgraphs import induced
from graphdam.objectives.prepared import PreparedEdges
from graphdam.objectives.prepared_nodes import require_training_nodes, seeds_of_steps


@dataclass(frozen=True, kw_only=True)
class Part(PreparedEdges):
    """The nodes of one step, and what a model reads for them.

    Attributes:
        nodes: those that outputs are of, int64 [B]; they stand first in `x`.
        counts: what each of them counts, see `OfGraph.importance`.
    """

    nodes: Tensor
    counts: Tensor | None = None

    @property
    def y(self) -> Tensor:
        return self.graph.y[self.nodes]

    def mask(self, split: SplitName) -> Tensor:
        return self.graph.mask(split)[self.nodes]

    @property
    def importance(self) -> Tensor | None:
        return self.counts

    def outputs(self, model: nn.Module, *, feature_dropout: float = 0.0) -> Tensor:
        written = super().outputs(model, feature_dropout=feature_dropout)
        return written[: self.nodes.numel()]


@dataclass(frozen=True, kw_only=True)
class PreparedParts(PreparedEdges):
    """A graph whose steps read parts of it, and whose looks read it whole.

    Attributes:
        batch_size: nodes a step, at most or about.
    """

    batch_size: int

    is_whole = False

    def require_training_nodes(self) -> None:
        """Refuse more batches than there are training nodes, of which each needs one.

        Raises:
            SettingsError: with the least batch size that does.
        """
        require_training_nodes(
            self,
            batch_size=self.batch_size,
            num_seeds=self.num_seeds,
            num_batches=self.num_batches,
            num_ranks=1,
        )

    @abstractmethod
    def batches(self) -> Iterator[Part]:  # type: ignore[override]
        """The parts of one epoch, one step each."""

    @property
    @abstractmethod
    def watched(self) -> Part:  # type: ignore[override]
        """A part that holds validation nodes."""

    @property
    @abstractmethod
    def num_seeds(self) -> int:
        """The nodes that an epoch is about."""

    @property
    def num_batches(self) -> int:  # type: ignore[override]
        return -(-self.num_seeds // self.batch_size)

    def _part(
        self, nodes: Tensor, edges: tuple[Tensor, Tensor], edge: Tensor, num_outputs: int
    ) -> Part:
        """Nodes, the edges among them and which of the graph's they are, on the model's device."""
        nodes, edge = nodes.to(self.x.device), edge.to(self.x.device)
        return Part(
            replace(self.graph, evaluator=None),  # which refuses parts without both outcomes
            self.x[nodes],
            torch.stack(edges).to(self.x.device),
            {name: value[edge] for name, value in self.further.items()},
            self.as_data,
            nodes=nodes[:num_outputs],
        )


@dataclass(frozen=True, kw_only=True)
class PreparedNeighborhoods(PreparedParts):
    """A graph whose steps read sampled neighbourhoods of some nodes, as PyG's `NeighborLoader`'s.

    A model makes of a sample what its layers make of a graph: means, maxima and attention are over
    the neighbours that were drawn, and `GCNConv` normalises by the degrees within the sample.

    Attributes:
        draws: the neighbourhoods.
        learns_from_all: whether all nodes are seeds, not only the training nodes.
    """

    draws: NeighborDraws
    learns_from_all: bool

    @property
    def num_seeds(self) -> int:
        return self.graph.num_nodes if self.learns_from_all else self.num_items("train")

    def batches(self) -> Iterator[Part]:  # type: ignore[override]
        """Every seed node once, see `seeds_of_steps`."""
        seeds = seeds_of_steps(
            self.mask("train").cpu(), self.num_batches, with_others=self.learns_from_all
        )
        return self._drawn(seeds)

    @property
    def watched(self) -> Part:  # type: ignore[override]
        """A sampled batch of validation nodes."""
        val = self.mask("val").cpu().nonzero().squeeze(1)
        seeds = val[torch.randperm(val.numel())[: self.batch_size]]
        return next(self._drawn([seeds], reorder=False))

    def _drawn(self, seeds: Sequence[Tensor], *, reorder: bool = True) -> Iterator[Part]:
        return map(self._part_of, self.draws.draw(seeds, reorder=reorder))

    def _part_of(self, drawn: Neighborhood) -> Part:
        edges = drawn.source, drawn.target
        return self._part(drawn.nodes, edges, drawn.edge, drawn.num_seeds)


@dataclass(frozen=True, kw_only=True)
class PreparedClusters(PreparedParts):
    """A graph whose steps read clusters of it and the edges among them, as PyG's `ClusterLoader`'s.

    Attributes:
        clusters: deals them.
    """

    clusters: Clusters

    @property
    def num_seeds(self) -> int:
        return self.graph.num_nodes

    def batches(self) -> Iterator[Part]:  # type: ignore[override]
        """Every cluster once, see `Clusters.dealt`."""
        return map(self._part_of, self.clusters.dealt(self.num_batches))

    @property
    def watched(self) -> Part:  # type: ignore[override]
        """Some clusters that hold a validation node."""
        while True:
            for part in self.batches():
                if part.num_items("val") > 0:
                    return part

    def _part_of(self, chosen: Tensor) -> Part:
        nodes = self.clusters.nodes_of(chosen)
        rows, place = self._rows
        target, source, entry = induced(rows, nodes)
        part = self._part(nodes, (source, target), place[entry], nodes.numel())
        counts = torch.full((nodes.numel(),), float(self.num_batches), device=self.x.device)
        return replace(part, counts=counts)

    @cached_property
    def _rows(self) -> tuple[CSRMatrix, Tensor]:
        """Entry (i, j) for every edge from node j to node i, and which edge each one is."""
        (source, target), count = self.edge_index.cpu(), self.graph.num_nodes
        place = torch.argsort(target * count + source, stable=True)
        ones = torch.ones(place.numel())
        return CSRMatrix.from_coo(target[place], source[place], ones, (count, count)), place
