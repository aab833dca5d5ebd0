"""Data that are read in shuffled batches for steps and in chunks for looks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from typing_extensions import Self

from graphdam.data.graph import SplitName
from graphdam.objectives.prepared import Counted, Prepared

LOOKED_AT = 5_000
"""At most so many of the validation part are scored after an epoch."""

WATCHED = 1_000
"""So many of them are what student and teacher are compared on while an epoch lasts."""

CHUNK = 500
"""Rows a pass where nothing is learnt: what a cache or a small GPU holds."""


@dataclass(frozen=True, kw_only=True)
class PreparedBatches(Prepared):
    """Some of the images, points or graphs of a set.

    Attributes:
        parts: those that are meant here: indices by part of the split. Outputs stand in this
            order.
        batch_size: the most of a step; None for all in one.
    """

    parts: Mapping[SplitName, Tensor]
    batch_size: int | None = None

    is_whole = False

    @property
    def num_batches(self) -> int:  # type: ignore[override]
        count = self.num_items("train")
        return 1 if self.batch_size is None else -(-count // self.batch_size)

    def shuffled(self) -> Iterator[Tensor]:
        """The training part's indices in a new order, in batches that differ by one at most.

        The order is drawn from torch's global generator.
        """
        train = self.parts["train"]
        order = train[torch.randperm(len(train)).to(train.device)]
        yield from order.tensor_split(self.num_batches)

    @property
    def watched(self) -> Self:
        return replace(self, parts={"val": self.parts["val"][:WATCHED]})

    @property
    def looked_at(self) -> Self:
        return replace(self, parts={"val": self.parts["val"][:LOOKED_AT]})

    @property
    def scored(self) -> Self:
        return replace(self, parts={part: self.parts[part] for part in ("val", "test")})

    def num_items(self, split: SplitName) -> int:
        return len(self.parts[split])

    def chunks(self) -> Iterator[Tensor]:
        """The indices of all parts, in pieces."""
        yield from torch.split(torch.cat(list(self.parts.values())), CHUNK)

    def rows(self, outputs: Tensor, split: SplitName) -> Tensor:
        """The outputs of one part."""
        sizes = [len(index) for index in self.parts.values()]
        begin = sum(sizes[: list(self.parts).index(split)])
        return outputs[begin : begin + self.num_items(split)]


class PreparedClasses(PreparedBatches):
    """Some of the images or graphs of a set, each of which is of a class."""

    @abstractmethod
    def outputs(self, model: nn.Module) -> Tensor:
        """What a model says of all of them: [n, C]."""

    @property
    @abstractmethod
    def counted(self) -> Counted:
        """What the cost of an image, or of a graph, is counted on."""

    @abstractmethod
    def labels(self, split: SplitName) -> Tensor:
        """The classes of one part: int64."""
