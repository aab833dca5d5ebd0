"""Runs with somebody's own model that read batches: of whole graphs, or of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from graphdam.data import GraphSet
from graphdam.objectives import (
    Classification,
    Outcomes,
    PreparedGraphs,
    PreparedImages,
    Regression,
)
from graphdam.training.image_task import TaskOnImages
from graphdam.training.model import AnyObjective
from graphdam.training.own_task import Call, OwnTask, takes, takes_one
from graphdam.training.settings import Settings

TRACED, TIMED = 4, 64
"""Graphs, or images, that a model is traced with; graphs that an inference is timed with."""


@dataclass(frozen=True)
class OwnGraphSetTask(OwnTask[PreparedGraphs]):
    """On whole graphs.

    Attributes:
        graphs: the data.
    """

    settings: Settings
    graphs: GraphSet
    net: nn.Module

    items_a_call: ClassVar[dict[str, int]] = {"graphs": TIMED}
    read = "x, edge_index, batch"
    item = "graph"

    @property
    def example_shape(self) -> tuple[int, int]:
        return len(self.graphs.train[:TRACED]), self.graphs.out_channels

    @property
    def data(self) -> GraphSet:
        return self.graphs

    @property
    def name(self) -> str:
        return self.graphs.name

    @property
    def split_name(self) -> str:
        return "own"

    def example(self) -> Call:
        return self._call(self.graphs.train[:TRACED])

    def inference_call(self) -> Call:
        return self._call(self.graphs.test[:TIMED])

    def _call(self, index: Tensor) -> Call:
        return self.prepare(self.net, None).arguments(self.graphs.take(index))

    def build_objective(self, model: nn.Module, *, seed: int) -> AnyObjective:
        del model, seed
        match self.graphs.task:
            case "multiclass":
                return Classification()
            case "multilabel":
                return Outcomes()
            case _:
                return Regression.of(self.graphs.y[self.graphs.train])

    def prepare(self, model: nn.Module, objective: object) -> PreparedGraphs:
        del model, objective
        as_data = takes_one(self.net)
        named = tuple(name for name in self.graphs.further if as_data or takes(self.net, name))
        return PreparedGraphs.of(
            self.graphs, batch_size=self.settings.batch_size, named=named, as_data=as_data
        )

    def notes(self) -> list[str]:
        unused = set(self.graphs.further) - set(self.prepare(self.net, None).named)
        return [f"{name} is not used: the model takes none" for name in sorted(unused)]


@dataclass(frozen=True)
class OwnImageTask(OwnTask[PreparedImages], TaskOnImages[nn.Module]):
    """On images."""

    net: nn.Module

    read = "images"
    item = "image"

    @property
    def called(self) -> str:
        return f"net({self.read})"

    @property
    def example_shape(self) -> tuple[int, int]:
        return len(self.images.train[:TRACED]), self.images.num_classes

    def example(self) -> Call:
        return (self.images.standardised(self.images.train[:TRACED]),), {}

    def inference_call(self) -> Call:
        return (self.timed_images(),), {}
