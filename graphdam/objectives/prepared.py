"""Data made ready for training: what a step reads, what is looked at, what is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor
from typing_extensions import Self

from graphdam.data import CSRMatrix, Graph
from graphdam.data.graph import SplitName
from graphdam.nn import Adjacency, Encoder


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
class PreparedGraph(Prepared):
    """A graph with its structure made ready for one kind of encoder.

    Attributes:
        graph: labels and splits.
        x: the features, on the encoder's device.
        adjacency: what `encoder.prepare` made of the edges.
    """

    graph: Graph
    x: Tensor | CSRMatrix
    adjacency: Adjacency

    def num_items(self, split: SplitName) -> int:
        return int(self.graph.mask(split).sum())


def prepare_graph(encoder: Encoder, graph: Graph) -> PreparedGraph:
    """Prepare a graph once for all encoders of one kind: the gated one and its teacher."""
    adjacency = encoder.prepare(graph.edge_index, graph.edge_weight, num_nodes=graph.num_nodes)
    return PreparedGraph(graph, graph.x, adjacency)
