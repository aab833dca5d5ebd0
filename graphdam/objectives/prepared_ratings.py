"""Ratings made ready for training: enclosing subgraphs of shuffled batches, chunks for looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import torch
from torch import Tensor

from graphdam.data import Ratings
from graphdam.data.enclosing import Enclosing, KnownRatings, Workload
from graphdam.data.graph import SplitName
from graphdam.data.raw import Array
from graphdam.objectives.prepared import Prepared

LOOKED_AT = 5_000
"""At most so many validation ratings are scored after an epoch."""

WATCHED = 1_000
"""So many of them are what student and teacher are compared on while an epoch lasts."""

CHUNK = 250
"""Pairs a pass where nothing is learnt."""


@dataclass(frozen=True)
class PreparedRatings(Prepared):
    """Some of a set's ratings, to be predicted from the training ratings.

    Attributes:
        ratings: the whole set, on the model's device.
        known: the training ratings, which subgraphs are made of.
        parts: the ratings that are meant here: indices by part of the split. Outputs stand in this
            order.
        batch_size: the most pairs of a step; None for all in one.
        step: the subgraphs of a step, made once for student and teacher alike; None for a look.
    """

    ratings: Ratings
    known: KnownRatings
    parts: Mapping[SplitName, Tensor]
    batch_size: int | None = None
    step: Enclosing | None = None

    is_whole = False

    @classmethod
    def of(
        cls, ratings: Ratings, *, batch_size: int | None = None, cap: int | None = None
    ) -> PreparedRatings:
        """All of a set; `cap` bounds the neighbours of a pair, see `KnownRatings`."""
        parts: dict[SplitName, Tensor] = {
            "train": ratings.train,
            "val": ratings.val,
            "test": ratings.test,
        }
        return cls(ratings, ratings.known(cap=cap), parts, batch_size)

    @property
    def num_batches(self) -> int:  # type: ignore[override]
        count = self.num_items("train")
        return 1 if self.batch_size is None else -(-count // self.batch_size)

    def batches(self) -> Iterator[PreparedRatings]:
        """Every training rating once, in a new order, in batches that differ by one at most.

        The order is drawn from torch's global generator.
        """
        train = self.parts["train"]
        shuffled = train[torch.randperm(len(train)).to(train.device)]
        for index in shuffled.tensor_split(self.num_batches):
            yield replace(self, parts={"train": index}, step=self.subgraphs(index))

    @property
    def watched(self) -> PreparedRatings:
        return replace(self, parts={"val": self.parts["val"][:WATCHED]})

    @property
    def looked_at(self) -> PreparedRatings:
        return replace(self, parts={"val": self.parts["val"][:LOOKED_AT]})

    @property
    def scored(self) -> PreparedRatings:
        return replace(self, parts={part: self.parts[part] for part in ("val", "test")})

    def num_items(self, split: SplitName) -> int:
        return len(self.parts[split])

    def inputs(self) -> Iterator[Enclosing]:
        """The subgraphs as models read them: a step's in one piece, others in chunks."""
        if self.step is not None:
            yield self.step
        else:
            index = torch.cat(list(self.parts.values()))
            yield from map(self.subgraphs, torch.split(index, CHUNK))

    def subgraphs(self, index: Tensor) -> Enclosing:
        """Those of the chosen ratings' pairs."""
        return self.known.enclose(*self._ends(index)).to(index.device)

    def is_warm(self, split: SplitName) -> Tensor:
        """Whether user and item of a part's ratings both have a training rating: bool."""
        index = self.parts[split]
        return torch.from_numpy(self.known.is_warm(*self._ends(index))).to(index.device)

    def _ends(self, index: Tensor) -> tuple[Array, Array]:
        users, items = self.ratings.users[index], self.ratings.items[index]
        return users.cpu().numpy(), items.cpu().numpy()

    @property
    def tested(self) -> Iterator[Enclosing]:
        """The subgraphs of the test ratings, in chunks."""
        return replace(self, parts={"test": self.parts["test"]}, step=None).inputs()

    @property
    def workload(self) -> Workload:
        """What predicting the test ratings takes."""
        return reduce(add, (each.workload for each in self.tested))

    def values(self, split: SplitName) -> Tensor:
        """The ratings of one part."""
        return self.ratings.values(self.parts[split])

    def rows(self, outputs: Tensor, split: SplitName) -> Tensor:
        """The outputs for one part."""
        sizes = [len(index) for index in self.parts.values()]
        begin = sum(sizes[: list(self.parts).index(split)])
        return outputs[begin : begin + self.num_items(split)]
