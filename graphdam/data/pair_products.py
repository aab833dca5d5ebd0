"""Inner products of pairs of rows, without the copies that indexing makes of all of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphdam.blocks import row_blocks
from graphdam.data.csr_product import multiply
from graphdam.data.csr_tiles import pointer_of


def pair_products(z: Tensor, pairs: Tensor) -> Tensor:
    r"""The inner product :math:`z_i^\top z_j` of every pair (i, j): [E].

    The same as `(z[pairs[0]] * z[pairs[1]]).sum(1)`, which writes three matrices [E, C] on its way
    and more backwards. Here products are made in blocks of pairs, and the gradient

    .. math::
        \frac{\partial L}{\partial z} = (G + G^\top) z

    is one sparse product, where G [N, N] holds a pair's :math:`\partial L / \partial (z_i^\top
    z_j)` at (i, j).

    Args:
        z: [N, C].
        pairs: int64 [2, E], numbers of rows.

    >>> z = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> pair_products(z, torch.tensor([[0, 0], [0, 1]])).tolist()
    [5.0, 11.0]
    """
    return _PairProducts.apply(z, pairs)  # type: ignore[no-any-return, no-untyped-call]


class _PairProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, pairs: Tensor) -> Tensor:
        ctx.save_for_backward(z, pairs)
        out = z.new_empty(pairs.size(1))
        for first, second, part in row_blocks(*pairs, out, columns=z.size(1)):
            part.copy_(z[first].mul_(z[second]).sum(1))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        z, pairs = ctx.saved_tensors
        row, order = pairs.flatten().sort()
        pointer = pointer_of(row, len(z))
        column, value = pairs.flip(0).flatten()[order], gradient.repeat(2)[order]
        return multiply(pointer, column, value, (len(z), len(z)), z), None
