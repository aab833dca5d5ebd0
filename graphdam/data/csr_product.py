"""Compressed sparse rows times a dense matrix: fast kernels, and operators for `torch.compile`."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NARROW = 24
"""Columns from which on a weighted sum of rows beats torch's CSR product on CPU."""


def multiply(
    pointer: Tensor, column: Tensor, value: Tensor, shape: tuple[int, int], other: Tensor
) -> Tensor:
    """The matrix of these compressed rows times `other`, without a gradient."""
    if value.numel() == 0:
        return value.new_zeros(shape[0], other.size(1))
    # The fast kernels take nothing else; under autocast `other` may be of a lower precision.
    other = other.to(value.dtype).contiguous()
    if other.size(1) < NARROW and other.device.type == "cpu" and _has_mkl():
        _meet_beta_warning()
        rows = torch.sparse_csr_tensor(pointer, column, value, shape, check_invariants=False)
        if torch.is_autocast_enabled("cpu"):  # which would call the kernel with what it cannot take
            with torch.autocast("cpu", enabled=False):
                return rows @ other
        return rows @ other
    return F.embedding_bag(
        column, other, pointer, mode="sum", per_sample_weights=value, include_last_offset=True
    )


@cache
def _has_mkl() -> bool:
    return bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]


@cache
def _meet_beta_warning() -> None:
    """Let torch say once, unheard, that its CSR tensors are in beta: users can do nothing here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.eye(1).to_sparse_csr()


# A compiler cannot look into the kernels above, nor carry a `CSRMatrix` through a graph: for it the
# product is one operator on tensors. Calling an operator of Python adds up to half of what a small
# product takes, so eager code goes without.


@torch.library.custom_op(
    "graphdam::csr_multiply",
    mutates_args=(),
    schema="(Tensor other, Tensor pointer, Tensor column, Tensor value) -> Tensor",
)
def _multiply(other: Tensor, pointer: Tensor, column: Tensor, value: Tensor) -> Tensor:
    return multiply(pointer, column, value, (pointer.numel() - 1, other.size(0)), other)


@torch.library.custom_op(
    "graphdam::csr_product",
    mutates_args=(),
    schema="(Tensor other, Tensor pointer, Tensor column, Tensor value, Tensor by_column, "
    "Tensor row, Tensor order) -> Tensor",
)
def compiled_product(
    other: Tensor,
    pointer: Tensor,
    column: Tensor,
    value: Tensor,
    by_column: Tensor,
    row: Tensor,
    order: Tensor,
) -> Tensor:
    """`multiply` with a gradient for `other`, as one operator.

    Args:
        other: [N, C].
        pointer, column, value: the compressed rows of the matrix [M, N].
        by_column, row, order: those of its transpose, and where each entry stands in `value`.
    """
    return multiply(pointer, column, value, (pointer.numel() - 1, other.size(0)), other)


@_multiply.register_fake
@compiled_product.register_fake
def _(other: Tensor, pointer: Tensor, column: Tensor, value: Tensor, *transposed: Tensor) -> Tensor:
    return value.new_empty(pointer.numel() - 1, other.size(1))


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    other, _, _, value, *transposed = inputs
    ctx.dtype = other.dtype
    ctx.save_for_backward(value, *transposed)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    value, by_column, row, order = ctx.saved_tensors
    of_other = _multiply(gradient.contiguous(), by_column, row, value[order])
    return of_other.to(ctx.dtype), *[None] * 6


compiled_product.register_autograd(_backward, setup_context=_setup_context)
