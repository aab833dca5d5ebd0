"""Images made ready for training: bytes that are standardised, and cropped, as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from typing_extensions import Self

from graphdam.data import Images
from graphdam.data.crops import crop_and_flip
from graphdam.data.graph import SplitName
from graphdam.objectives.prepared import Counted
from graphdam.objectives.prepared_batches import PreparedClasses


@dataclass(frozen=True, kw_only=True)
class PreparedImages(PreparedClasses):
    """Some of a set's images, which are bytes until a model reads them.

    Attributes:
        images: the whole set, on the model's device.
        augment: whether a step's images are cropped and mirrored at random.
        step: bytes of a step's images, once cropped for student and teacher alike, which are read
            in one piece; None for a look.
    """

    images: Images
    augment: bool = False
    step: Tensor | None = None

    @classmethod
    def of(cls, images: Images, *, batch_size: int | None = None, augment: bool = False) -> Self:
        """All of a set."""
        parts: dict[SplitName, Tensor] = {
            "train": images.train,
            "val": images.val,
            "test": images.test,
        }
        return cls(images=images, parts=parts, batch_size=batch_size, augment=augment)

    def batches(self) -> Iterator[Self]:
        """Every training image once, see `shuffled`; crops are drawn from the same generator."""
        for index in self.shuffled():
            pixels = self.images.pixels[index]
            step = crop_and_flip(pixels) if self.augment else pixels
            yield replace(self, parts={"train": index}, step=step)

    def moved(self, by: int) -> Self:
        """A step's images, each moved by up to so many pixels both ways at random."""
        assert self.step is not None
        return replace(self, step=crop_and_flip(self.step, padding=by, flips=False))

    def inputs(self) -> Iterator[Tensor]:
        """The images as models read them: a step's in one piece, others in chunks."""
        if self.step is not None:
            yield self.images.standardise(self.step)
        else:
            yield from map(self.images.standardised, self.chunks())

    def outputs(self, model: nn.Module) -> Tensor:
        return torch.cat([model(x) for x in self.inputs()])

    @property
    def counted(self) -> Counted:
        return Counted(1, (self.images.standardised(self.images.test[:1]),), {})

    def labels(self, split: SplitName) -> Tensor:
        return self.images.y[self.parts[split]]
