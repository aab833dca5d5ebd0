"""A graph whose steps read subgraphs of it: clusters, or what random walks have met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from graphdam.data import CSRMatrix
from graphdam.nn import Subgraph, SubgraphSampling
from graphdam.objectives.prepared_nodes import (
    NodeBatch,
    PreparedLayers,
    randomness_of,
    require_training_nodes,
)


@dataclass(frozen=True)
class SubgraphBatch(NodeBatch):
    """The nodes of one step, all of which have outputs, and all that they read.

    Attributes:
        counts: what each node counts, see `PreparedGraph.importance`.
    """

    counts: Tensor

    @property
    def importance(self) -> Tensor:
        return self.counts


@dataclass(frozen=True)
class PreparedSubgraphs(PreparedLayers):
    """A graph whose steps read subgraphs, and whose looks read it all.

    A step's loss is on average that of the whole graph for these outputs; that of one subgraph
    rests on the training nodes that happen to be there, and is 0 where there are none.

    Attributes:
        sampling: draws the subgraphs.
        num_steps: of an epoch.
        rank, num_ranks: this process, and how many share every step.
    """

    sampling: SubgraphSampling | None = None
    num_steps: int = 1
    rank: int = 0
    num_ranks: int = 1

    is_whole = False

    @classmethod
    def of(
        cls,
        layers: PreparedLayers,
        sampling: SubgraphSampling,
        *,
        batch_size: int,
        rank: int = 0,
        num_ranks: int = 1,
    ) -> PreparedSubgraphs:
        """Subgraphs of what is prepared for an encoder.

        Args:
            layers: the whole graph.
            sampling: draws subgraphs of it.
            batch_size: nodes a step, about, those of all processes together: an epoch has as many
                steps as would take each node once.
            rank, num_ranks: see the class.

        Raises:
            SettingsError: there are more batches than training nodes.
        """
        num_nodes = layers.graph.num_nodes
        num_steps = -(-num_nodes // batch_size)
        require_training_nodes(
            layers,
            batch_size=batch_size,
            num_seeds=num_nodes,
            num_batches=num_steps,
            num_ranks=num_ranks,
        )
        return cls(
            **vars(layers), sampling=sampling, num_steps=num_steps, rank=rank, num_ranks=num_ranks
        )

    @property
    def num_batches(self) -> int:  # type: ignore[override]
        return self.num_steps

    def batches(self) -> Iterator[SubgraphBatch]:  # type: ignore[override]
        subgraphs = self._epoch()
        with randomness_of(self.rank, self.x.device):
            yield from map(self._batch, subgraphs)

    @property
    def watched(self) -> SubgraphBatch:  # type: ignore[override]
        """A subgraph that holds a validation node."""
        is_val = self.mask("val").cpu()
        while True:
            for subgraph in self._epoch():
                if bool(is_val[subgraph.nodes].any()):
                    return self._batch(subgraph)

    def _epoch(self) -> Iterator[Subgraph]:
        assert self.sampling is not None
        return self.sampling.epoch(self.num_steps, rank=self.rank, num_ranks=self.num_ranks)

    def _batch(self, subgraph: Subgraph) -> SubgraphBatch:
        nodes, device = subgraph.nodes.to(self.x.device), self.graph.y.device
        x = self.x.select(nodes) if isinstance(self.x, CSRMatrix) else self.x[nodes]
        graph = replace(self.graph, evaluator=None)  # which refuses parts without both outcomes
        counts = subgraph.importance.to(device)
        return SubgraphBatch(graph, self.scaled(x), subgraph.adjacency, nodes.to(device), counts)
