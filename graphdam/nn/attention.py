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
    return _WeightedSum.apply(weight.to(x.dtype), x, structure, target)  # type: ignore[no-any-return, no-untyped-call]


class _WeightedSum(torch.autograd.Function):
    """Sparse products a head at a time: no [E, H, C] tensor of messages is ever made."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, x: Tensor, structure: CSRMatrix, target: Tensor
    ) -> Tensor:
        ctx.save_for_backward(weight, x, target)
        ctx.structure = structure
        heads = [
            _bag(structure.row_pointer, structure.column, weight[:, head], x[:, head])
            for head in range(x.size(1))
        ]
        return torch.stack(heads, dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        weight, x, target = ctx.saved_tensors
        pointer, column, order = ctx.structure.transposed
        source = ctx.structure.column.long()
        of_weight = torch.einsum("ehc,ehc->eh", gradient[target], x[source])
        of_x = [
            _bag(pointer, column, weight[:, head][order], gradient[:, head])
            for head in range(x.size(1))
        ]
        return of_weight, torch.stack(of_x, dim=1), None, None


def _bag(pointer: Tensor, column: Tensor, weight: Tensor, x: Tensor) -> Tensor:
    return F.embedding_bag(
        column,
        x.contiguous(),
        pointer,
        mode="sum",
        per_sample_weights=weight.contiguous(),
        include_last_offset=True,
    )
