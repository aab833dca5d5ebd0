"""Images made ready for training: shuffled batches for steps, chunks for looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphdam.data import Images
from graphdam.data.crops import crop_and_flip
from graphdam.data.graph import SplitName
from graphdam.objectives.prepared import Prepared

LOOKED_AT = 5_000
"""At most so many validation images are scored after an epoch."""

WATCHED = 1_000
"""So many of them are what student and teacher are compared on while an epoch lasts."""

CHUNK = 500
"""Images a pass where nothing is learnt: what a cache or a small GPU holds."""


@dataclass(frozen=True)
class PreparedImages(Prepared):
    """Some of a set's images, which are bytes until a model reads them.

    Attributes:
        images: the whole set, on the model's device.
        parts: the images that are meant here: indices by part of the split. Outputs stand in this
            order.
        batch_size: the most images of a step; None for all in one.
        augment: whether a step's images are cropped and mirrored at random.
        step: bytes of a step's images, once cropped for student and teacher alike, which are read
            in one piece; None for a look.
    """

    images: Images
    parts: Mapping[SplitName, Tensor]
    batch_size: int | None = None
    augment: bool = False
    step: Tensor | None = None

    is_whole = False

    @classmethod
    def of(
        cls, images: Images, *, batch_size: int | None = None, augment: bool = False
    ) -> PreparedImages:
        """All of a set."""
        parts: dict[SplitName, Tensor] = {
            "train": images.train,
            "val": images.val,
            "test": images.test,
        }
        return cls(images, parts, batch_size, augment)

    @property
    def num_batches(self) -> int:  # type: ignore[override]
        count = self.num_items("train")
        return 1 if self.batch_size is None else -(-count // self.batch_size)

    def batches(self) -> Iterator[PreparedImages]:
        """Every training image once, in a new order, in batches that differ by one image at most.

        Order and crops are drawn from torch's global generator.
        """
        train = self.parts["train"]
        shuffled = train[torch.randperm(len(train)).to(train.device)]
        for index in shuffled.tensor_split(self.num_batches):
            pixels = self.images.pixels[index]
            step = crop_and_flip(pixels) if self.augment else pixels
            yield replace(self, parts={"train": index}, step=step)

    @property
    def watched(self) -> PreparedImages:
        return replace(self, parts={"val": self.parts["val"][:WATCHED]})

    @property
    def looked_at(self) -> PreparedImages:
        return replace(self, parts={"val": self.parts["val"][:LOOKED_AT]})

    @property
    def scored(self) -> PreparedImages:
        return replace(self, parts={part: self.parts[part] for part in ("val", "test")})

    def num_items(self, split: SplitName) -> int:
        return len(self.parts[split])

    def inputs(self) -> Iterator[Tensor]:
        """The images as models read them: a step's in one piece, others in chunks."""
        if self.step is not None:
            yield self.images.standardise(self.step)
        else:
            index = torch.cat(list(self.parts.values()))
            yield from map(self.images.standardised, torch.split(index, CHUNK))

    def labels(self, split: SplitName) -> Tensor:
        """The classes of the images of one part."""
        return self.images.y[self.parts[split]]

    def rows(self, outputs: Tensor, split: SplitName) -> Tensor:
        """The outputs of the images of one part."""
        sizes = [len(index) for index in self.parts.values()]
        begin = sum(sizes[: list(self.parts).index(split)])
        return outputs[begin : begin + self.num_items(split)]
