"""A PReLU of one weight, in as few passes over its inputs as it takes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphdam.blocks import row_blocks


def prelu(h: Tensor, weight: Tensor) -> Tensor:
    r"""`torch.nn.functional.prelu` with a weight for all channels, in fewer passes on a CPU.

    .. math::
        y = \max(0, h) + a \min(0, h), \qquad
        \frac{\partial L}{\partial a} = \sum_i \frac{\partial L}{\partial y_i} \min(0, h_i)

    Args:
        h: [N, …].
        weight: a, [1].

    >>> prelu(torch.tensor([-2.0, 3.0]), torch.tensor([0.25])).tolist()
    [-0.5, 3.0]
    """
    return _PReLU.apply(h, weight)  # type: ignore[no-any-return, no-untyped-call]


class _PReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(h, weight)
        return F.leaky_relu(h, float(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        h, weight = ctx.saved_tensors
        slope = torch.zeros_like(weight)
        for block, wanted in row_blocks(h, gradient):
            slope += (block.clamp(max=0) * wanted).sum()
        of_h = torch.ops.aten.leaky_relu_backward(gradient, h, float(weight), False)
        return of_h, slope
