"""Attention over a prepared adjacency: softmax over each node's messages, weighted sums."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphdam.data.csr import CSRMatrix


def softmax_of_messages(score: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    r""":math:`\exp(s_e) / \sum_{e' \to i} \exp(s_{e'})` over the messages that reach one node.

    Args:
        score: s [E, H].
        target: the node each message reaches: int64 [E].
        num_nodes: N.
    """
    index = target.unsqueeze(-1).expand_as(score)
    largest = score.detach().new_full((num_nodes, score.size(1)), -torch.inf)
    largest = largest.scatter_reduce(0, index, score.detach(), "amax")
    exponential = (score - largest[target]).exp()
    total = score.new_zeros(num_nodes, score.size(1)).index_add(0, target, exponential)
    return exponential / (total[target] + 1e-16)


def weighted_sum(weight: Tensor, x: Tensor, structure: CSRMatrix, target: Tensor) -> Tensor:
    r""":math:`y_{ih} = \sum_{e = (j \to i)} w_{eh} x_{jh}`.

    Args:
        weight: w [E, H], in the order of the structure's entries.
        x: [N, H, C].
        structure: who sends to whom; its entries are not used.
        target: the row of every entry, int64 [E].

    Returns:
        [N, H, C].
    """
    weight = weight.to(x.dtype)
    if torch.compiler.is_compiling():
        rows = (structure.row_pointer, structure.column)
        return _compiled_sum(weight, x, *rows, target, *structure.transposed)  # type: ignore[no-any-return]
    return _WeightedSum.apply(weight, x, structure, target)  # type: ignore[no-any-return, no-untyped-call]


class _WeightedSum(torch.autograd.Function):
    """Sparse products a head at a time: no [E, H, C] tensor of messages is ever made."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, x: Tensor, structure: CSRMatrix, target: Tensor
    ) -> Tensor:
        ctx.save_for_backward(weight, x, target)
        ctx.structure = structure
        return _sum(weight, x, structure.row_pointer, structure.column)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        weight, x, target = ctx.saved_tensors
        structure = ctx.structure
        of_both = _gradients(gradient, weight, x, structure.column, target, *structure.transposed)
        return *of_both, None, None


def _sum(weight: Tensor, x: Tensor, pointer: Tensor, column: Tensor) -> Tensor:
    heads = range(x.size(1))
    return torch.stack([_bag(pointer, column, weight[:, h], x[:, h]) for h in heads], dim=1)


def _gradients(
    gradient: Tensor,
    weight: Tensor,
    x: Tensor,
    column: Tensor,
    target: Tensor,
    by_column: Tensor,
    row: Tensor,
    order: Tensor,
) -> tuple[Tensor, Tensor]:
    of_weight = torch.einsum("ehc,ehc->eh", gradient[target], x[column.long()])
    return of_weight.contiguous(), _sum(weight[order], gradient, by_column, row)


def _bag(pointer: Tensor, column: Tensor, weight: Tensor, x: Tensor) -> Tensor:
    return F.embedding_bag(
        column,
        x.contiguous(),
        pointer,
        mode="sum",
        per_sample_weights=weight.contiguous(),
        include_last_offset=True,
    )


# For `torch.compile`: see `graphdam.data.csr_product`.

_GRAPH = "Tensor column, Tensor target, Tensor by_column, Tensor row, Tensor order"

_compiled_gradients = torch.library.custom_op(
    "graphdam::weighted_sum_gradients",
    _gradients,
    mutates_args=(),
    schema=f"(Tensor gradient, Tensor weight, Tensor x, {_GRAPH}) -> (Tensor, Tensor)",
)


@torch.library.custom_op(
    "graphdam::weighted_sum",
    mutates_args=(),
    schema=f"(Tensor weight, Tensor x, Tensor pointer, {_GRAPH}) -> Tensor",
)
def _compiled_sum(
    weight: Tensor, x: Tensor, pointer: Tensor, column: Tensor, *others: Tensor
) -> Tensor:
    return _sum(weight, x, pointer, column)


@_compiled_gradients.register_fake
def _(gradient: Tensor, weight: Tensor, x: Tensor, *graph: Tensor) -> tuple[Tensor, Tensor]:
    return weight.new_empty(weight.shape), x.new_empty(x.shape)


@_compiled_sum.register_fake
def _(weight: Tensor, x: Tensor, pointer: Tensor, *graph: Tensor) -> Tensor:
    return x.new_empty(pointer.numel() - 1, *x.shape[1:])


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    weight, x, _, *graph = inputs
    ctx.save_for_backward(weight, x, *graph)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    return *_compiled_gradients(gradient, *ctx.saved_tensors), *[None] * 6


_compiled_sum.register_autograd(_backward, setup_context=_setup_context)
