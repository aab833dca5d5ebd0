"""What every gate promises: soft values in training, a set of open channels at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

Self = TypeVar("Self", bound="Gate")


class Gate(nn.Module, ABC):
    r"""Multiplies each channel of its input by a learnable value :math:`g_j \ge 0`.

    A channel with :math:`g_j > 0` is open, one with :math:`g_j = 0` is closed. A closed channel
    is exactly zero for every input, so whatever reads it linearly can drop it.

    A model in half precision has its gates in single precision, and their values rounded where
    they multiply: which channels are open is decided at thresholds that lie closer together than
    the numbers of bfloat16.

    Args:
        num_channels: number of channels, open ones and closed ones, at construction.
        dim: the channel dimension of the input.
    """

    min_width: int = 1

    def __init__(self, num_channels: int, *, dim: int = -1) -> None:
        super().__init__()
        if num_channels < 1:
            raise ValueError(f"A gate needs at least one channel, received {num_channels}.")
        self.num_channels = num_channels
        self.dim = dim

    @abstractmethod
    def values(self) -> Tensor:
        """The soft values g [num_channels], differentiable in the gate's parameters."""

    @abstractmethod
    def penalty(self) -> Tensor:
        """A scalar whose descent closes channels."""

    @abstractmethod
    def reset_parameters(self) -> None:
        """Back to the values at construction, every channel open."""

    def final_values(self) -> Tensor:
        """The values in evaluation mode, whichever mode the gate is in: what compaction folds."""
        return self.values()

    def allow_closing(self) -> None:
        """Let go of the last channel too, as the gate of a residual branch may.

        Only where something else carries the signal on. Once all are closed, a DAM gate gets no
        gradient from the task, so its branch never comes back.
        """
        self.min_width = 0

    def draw_sample(self) -> None:
        """Draw what is random in the values, and keep it until the next call.

        A model in which one gate acts at several places calls this at the start of its forward
        pass, so that all of them see the same values. Without it a random gate draws at every
        call of `values`. Nothing happens where nothing is random.
        """

    def keep(self) -> Tensor:
        """Indices of the open channels, ascending: int64 [width]."""
        with torch.no_grad():
            return self.final_values().nonzero().squeeze(-1)

    def ranking(self) -> Tensor:
        """All channels, the most important first and equals by index: int64 [num_channels]."""
        with torch.no_grad():
            return self.final_values().argsort(descending=True, stable=True)

    @property
    def width(self) -> int:
        """Number of open channels."""
        return self.keep().numel()

    def forward(self, x: Tensor) -> Tensor:
        """`x` with every channel along `dim` multiplied by its value; same shape."""
        if x.size(self.dim) != self.num_channels:
            raise ValueError(
                f"The gate has {self.num_channels} channels, but dimension {self.dim} of the "
                f"input has {x.size(self.dim)} (shape {tuple(x.shape)})."
            )
        shape = [1] * x.dim()
        shape[self.dim] = self.num_channels
        return x * self.values().to(x.dtype).view(shape)

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Moved and cast as any module is (`to`, `half`), but not below single precision."""

        def at_least_single(value: Tensor) -> Tensor:
            moved = fn(value)
            if not moved.is_floating_point() or moved.dtype.itemsize >= 4:
                return moved
            return value.to(device=moved.device, dtype=torch.float32)

        return super()._apply(at_least_single, recurse)  # type: ignore[no-any-return, no-untyped-call]

    def extra_repr(self) -> str:
        return f"{self.num_channels}, width={self.width}"


def gate_dtype() -> torch.dtype:
    """What a new gate's parameters are: torch's default, but at least single precision."""
    return torch.promote_types(torch.get_default_dtype(), torch.float32)


def check_min_width(min_width: int, num_channels: int) -> None:
    """Refuse a minimum width that a gate of so many channels cannot keep."""
    if not 1 <= min_width <= num_channels:
        raise ValueError(
            f"min_width must lie in 1 … {num_channels} (the number of channels), "
            f"received {min_width}."
        )


def first_of(ranking: Tensor, count: int) -> Tensor:
    """The boolean support of the first `count` channels of a ranking: [num_channels].

    >>> first_of(torch.tensor([2, 0, 1]), 2)
    tensor([ True, False,  True])
    """
    return torch.zeros_like(ranking, dtype=torch.bool).index_fill(0, ranking[:count], True)
