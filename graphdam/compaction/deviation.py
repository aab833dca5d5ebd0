"""How far two models' outputs lie apart."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


def deviation(
    a: nn.Module,
    b: nn.Module,
    *inputs: Any,
    relative: bool = False,
    keep: Tensor | None = None,
) -> float:
    """The largest absolute difference of the outputs of `a` and `b`, both in evaluation mode.

    Where the output of `a` has more channels (last dimension), as a gated output embedding has,
    those that `b` has not must be zero: they count as differences from 0.

    Args:
        a: the larger model; its training mode is left as it was.
        b: the smaller model; likewise.
        inputs: what both are called with.
        relative: divide by the largest absolute output of `a`.
        keep: the channels of `a` that `b` has, int64; by default the first ones.

    >>> deviation(nn.Identity(), nn.ReLU(), torch.tensor([-2.0, 4.0]))
    2.0
    >>> deviation(nn.Identity(), nn.ReLU(), torch.tensor([-2.0, 4.0]), relative=True)
    0.5
    """
    out_a, out_b = _evaluate(a, inputs), _evaluate(b, inputs)
    return difference(out_a, out_b, relative=relative, keep=keep)


def difference(
    out_a: Tensor, out_b: Tensor, *, relative: bool = False, keep: Tensor | None = None
) -> float:
    """`deviation` of outputs that are there already."""
    if keep is None:
        keep = torch.arange(out_b.size(-1), device=out_a.device)
    if (
        out_a.size(-1) < out_b.size(-1)
        or keep.numel() != out_b.size(-1)
        or out_a.shape[:-1] != out_b.shape[:-1]
    ):
        raise ValueError(
            f"The outputs have shapes {tuple(out_a.shape)} and {tuple(out_b.shape)}: they may "
            f"differ only in the last dimension, and there the first must be the larger and "
            f"keep name as many channels as the second has."
        )
    padded = torch.zeros_like(out_a).index_copy(-1, keep, out_b)
    largest = _largest(out_a - padded)
    if relative:
        return largest / max(_largest(out_a), torch.finfo(out_a.dtype).tiny)
    return largest


@torch.no_grad()
def _evaluate(model: nn.Module, inputs: tuple[Any, ...]) -> Tensor:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        return model(*inputs)  # type: ignore[no-any-return]
    finally:
        for module, training in modes.items():
            module.training = training


def _largest(values: Tensor) -> float:
    # A NaN on either side is as far away as can be, not a comparison that quietly fails.
    largest = float(values.abs().max()) if values.numel() else 0.0
    return math.inf if math.isnan(largest) else largest
