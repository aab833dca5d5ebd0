"""Sets of graphs made ready for training: batches as models of PyG's layers read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from typing_extensions import Self

from graphdam.data.graph import SplitName
from graphdam.data.graph_set import GraphBatch, GraphSet
from graphdam.objectives.prepared import Counted
from graphdam.objectives.prepared_batches import PreparedClasses

COUNTED = 200
"""Test graphs that the cost of a graph is the mean over, at most."""


@dataclass(frozen=True, kw_only=True)
class PreparedGraphs(PreparedClasses):
    """Some of a set's graphs.

    Attributes:
        graphs: the whole set, on the model's device.
        named: what of `GraphBatch.further` the model takes, by name.
        as_data: whether it takes a PyG `Data` as its one argument.
        step: the graphs of a step, put together once for student and teacher alike; None for a
            look.
    """

    graphs: GraphSet
    named: tuple[str, ...] = ()
    as_data: bool = False
    step: GraphBatch | None = None

    @classmethod
    def of(
        cls,
        graphs: GraphSet,
        *,
        batch_size: int | None = None,
        named: tuple[str, ...] = (),
        as_data: bool = False,
    ) -> Self:
        """All of a set."""
        parts: dict[SplitName, Tensor] = {
            "train": graphs.train,
            "val": graphs.val,
            "test": graphs.test,
        }
        return cls(graphs=graphs, parts=parts, batch_size=batch_size, named=named, as_data=as_data)

    def batches(self) -> Iterator[Self]:
        """Every training graph once, see `shuffled`."""
        for index in self.shuffled():
            yield replace(self, parts={"train": index}, step=self.graphs.take(index))

    def inputs(self) -> Iterator[GraphBatch]:
        """The graphs as models read them: a step's in one piece, others in chunks."""
        if self.step is not None:
            yield self.step
        else:
            yield from map(self.graphs.take, self.chunks())

    def arguments(self, batch: GraphBatch) -> tuple[tuple[Data | Tensor, ...], dict[str, Tensor]]:
        """What the model is called with: by place, and by name."""
        further = {name: batch.further[name] for name in self.named}
        if self.as_data:
            return (Data(batch.x, batch.edge_index, batch=batch.batch, **further),), {}
        return (batch.x, batch.edge_index, batch.batch), further

    @property
    def counted(self) -> Counted:
        tested = self.graphs.test[:COUNTED]
        return Counted(tested.numel(), *self.arguments(self.graphs.take(tested)))

    def outputs(self, model: nn.Module) -> Tensor:
        calls = map(self.arguments, self.inputs())
        return torch.cat([model(*given, **further) for given, further in calls])

    def labels(self, split: SplitName) -> Tensor:
        return self.graphs.y[self.parts[split]]
