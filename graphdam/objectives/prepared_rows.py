"""Images or points made ready for an autoencoder: floats that are its inputs and its targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor
from typing_extensions import Self

from graphdam.data import Images, Points
from graphdam.data.graph import SplitName
from graphdam.objectives.prepared_batches import PreparedBatches


@dataclass(frozen=True, kw_only=True)
class PreparedRows(PreparedBatches):
    """Some rows of a set, all of which lie in memory as a model reads them.

    Attributes:
        x: float32 [N, …], the whole set, on the model's device.
        y: int64 [N] classes, which only the score of the code reads; None where there are none.
        variance: of the training rows, the mean over their numbers: the mean squared error of the
            best constant.
        step: the rows of a step, which are read in one piece; None for a look.
    """

    x: Tensor
    y: Tensor | None
    variance: float
    step: Tensor | None = None

    @classmethod
    def of(cls, data: Images | Points, *, batch_size: int | None = None) -> Self:
        """All of a set; pixels as −1 … 1, from black to the brightest of the training images."""
        if isinstance(data, Points):
            x, y = data.x, None
        else:
            brightest = int(data.pixels[data.train].max())
            x, y = scaled(data.pixels, brightest), data.y
        parts: dict[SplitName, Tensor] = {
            "train": data.indices("train"),
            "val": data.indices("val"),
            "test": data.indices("test"),
        }
        variance = float(x[parts["train"]].var(dim=0, correction=0).double().mean())
        return cls(x=x, y=y, parts=parts, variance=variance, batch_size=batch_size)

    def batches(self) -> Iterator[Self]:
        """Every training row once, see `shuffled`."""
        for index in self.shuffled():
            yield replace(self, parts={"train": index}, step=self.x[index])

    def inputs(self) -> Iterator[Tensor]:
        """The rows as models read them: a step's in one piece, others in chunks."""
        if self.step is not None:
            yield self.step
        else:
            yield from (self.x[index] for index in self.chunks())

    def targets(self, split: SplitName) -> Tensor:
        """What is to be rebuilt of one part: [n, D]."""
        rows = self.x[self.parts[split]] if self.step is None else self.step
        return rows.flatten(1)


def scaled(pixels: Tensor, brightest: int) -> Tensor:
    """Bytes from 0 to the brightest as float32 in −1 … 1, the range of a tanh.

    >>> import torch
    >>> scaled(torch.tensor([0, 51, 255], dtype=torch.uint8), 255)
    tensor([-1.0000, -0.6000,  1.0000])
    """
    return pixels.float().mul_(2 / brightest).sub_(1)
