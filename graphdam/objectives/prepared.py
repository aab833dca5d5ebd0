"""Data made ready for training: what a step reads, what is looked at, what is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch_geometric.data import Data
from typing_extensions import Self

from graphdam.data import CSRMatrix, Graph
from graphdam.data.dropout import drop
from graphdam.data.graph import SplitName
from graphdam.nn import Adjacency, Encoder


class Counted(NamedTuple):
    """A call whose cost is counted: of how many items, its arguments by place and by name."""

    items: int
    given: tuple[Any, ...]
    further: Mapping[str, Any]


class Prepared(ABC):
    """Data made ready for one kind of model; a graph, and all that is small, is read whole."""

    is_whole = True
    """Whether a step, a look and the final scores all read the same, the whole of the data."""

    num_batches = 1
    """The steps of an epoch."""

    def batches(self) -> Iterator[Self]:
        """The parts of one epoch, one step each."""
        yield self

    @property
    def watched(self) -> Self:
        """What student and teacher are compared on for the brake while an epoch lasts."""
        return self

    @property
    def looked_at(self) -> Self:
        """What is scored after every epoch: validation, of a size that a look can afford."""
        return self

    @property
    def scored(self) -> Self:
        """What the final scores are of: every part of the split."""
        return self

    @abstractmethod
    def num_items(self, split: SplitName) -> int:
        """How many nodes or images of that part are here."""


@dataclass(frozen=True)
class OfGraph(Prepared):
    """The nodes of a graph, or some of them, that outputs are of.

    Attributes:
        graph: labels and splits.
    """

    graph: Graph

    @property
    def y(self) -> Tensor:
        """The labels of the nodes that outputs are of, in their order."""
        return self.graph.y

    def mask(self, split: SplitName) -> Tensor:
        """Which of these nodes belong to one part of the split."""
        return self.graph.mask(split)

    @property
    def importance(self) -> Tensor | None:
        """What each of these nodes counts, float [B], where a sum is to meet that over all nodes.

        None where they are the whole, or where they count alike.
        """
        return None

    def num_items(self, split: SplitName) -> int:
        return int(self.mask(split).sum())


@dataclass(frozen=True)
class PreparedGraph(OfGraph):
    """A graph with its structure made ready for one kind of encoder.

    Attributes:
        graph: labels and splits.
        x: the features, on the encoder's device.
        adjacency: what `encoder.prepare` made of the edges.
    """

    x: Tensor | CSRMatrix
    adjacency: Adjacency

    def outputs(self, encoder: Encoder, *, feature_dropout: float = 0.0) -> Tensor:
        """One forward pass: a row for every node that it is about.

        Args:
            encoder: in training mode, if features are to be dropped.
            feature_dropout: the probability of that.
        """
        x = dropped(self.x, feature_dropout, training=encoder.training)
        return encoder(x, self.adjacency)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class PreparedEdges(OfGraph):
    """A graph as PyG's own models read it.

    Attributes:
        x: the features, dense, on the model's device.
        edge_index: int64 [2, E].
        further: what else the model takes, by name.
        as_data: whether it takes a PyG `Data` as its one argument.
    """

    x: Tensor
    edge_index: Tensor
    further: Mapping[str, Tensor]
    as_data: bool = False

    @property
    def call(self) -> tuple[tuple[Data | Tensor, ...], Mapping[str, Tensor]]:
        """What a model is called with: by place, and by name."""
        if self.as_data:
            return (Data(self.x, self.edge_index, **self.further),), {}
        return (self.x, self.edge_index), self.further

    @property
    def counted(self) -> Counted:
        """What the cost of an inference is counted on."""
        return Counted(1, *self.call)

    def outputs(self, model: nn.Module, *, feature_dropout: float = 0.0) -> Tensor:
        """See `PreparedGraph.outputs`."""
        x = drop(self.x, feature_dropout, training=model.training)
        given, further = replace(self, x=x).call
        return model(*given, **further)  # type: ignore[no-any-return]


def dropped(x: Tensor | CSRMatrix, p: float, *, training: bool) -> Tensor | CSRMatrix:
    """Features with each entry dropped with probability `p`."""
    if isinstance(x, CSRMatrix):
        return x.dropout(p, training=training)
    return drop(x, p, training=training)


def prepare_graph(encoder: Encoder, graph: Graph) -> PreparedGraph:
    """Prepare a graph once for all encoders of one kind: the gated one and its teacher."""
    adjacency = encoder.prepare(graph.edge_index, graph.edge_weight, num_nodes=graph.num_nodes)
    return PreparedGraph(graph, graph.x, adjacency)
