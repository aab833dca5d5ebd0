"""R-GCN on enclosing subgraphs: a node's neighbours by rating, all levels in one product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import RGCNConv

from graphdam.data.csr_product import multiply
from graphdam.data.enclosing import Enclosing


@dataclass(frozen=True)
class Relations:
    """The edges of subgraphs as compressed rows, one for each node and level of rating.

    Attributes:
        num_nodes: N.
        num_levels: R.
        pointer: int64 [N·R + 1], where the edges of each row begin.
        row: int64 [E] the row of each edge, ascending.
        source: int64 [E] the node that each edge comes from.
        weight: [E] one over the number of edges that lead to the same node.
    """

    num_nodes: int
    num_levels: int
    pointer: Tensor
    row: Tensor
    source: Tensor
    weight: Tensor

    @classmethod
    def of(cls, subgraphs: Enclosing, *, dtype: torch.dtype, dropout: float = 0.0) -> Relations:
        """All edges, or those that are left where each rating is forgotten by chance.

        Both edges of a rating go together. Drawn from torch's global generator.
        """
        row, source = subgraphs.row, subgraphs.source
        if dropout > 0:
            drawn = torch.rand(source.numel() // 2).to(row.device)
            kept = (drawn >= dropout)[subgraphs.rating]
            row, source = row[kept], source[kept]
        num_nodes, num_levels = sum(subgraphs.num_nodes), subgraphs.num_levels
        lengths = torch.bincount(row, minlength=num_nodes * num_levels)
        pointer = torch.zeros(lengths.numel() + 1, dtype=torch.int64, device=row.device)
        torch.cumsum(lengths, 0, out=pointer[1:])
        degree = lengths.view(num_nodes, num_levels).sum(dim=1)
        weight = degree[row // num_levels].to(dtype).reciprocal_()
        return cls(num_nodes, num_levels, pointer, row, source, weight)

    def gather(self, x: Tensor, num_nodes: int) -> Tensor:
        """The sum of x [N, C] over the neighbours at each level, over the number of all neighbours.

        Only the first `num_nodes` nodes have a row: [num_nodes, R · C].
        """
        rows = num_nodes * self.num_levels
        pointer = self.pointer[: rows + 1]
        length = self.source.numel() if num_nodes == self.num_nodes else int(pointer[-1])
        parts = (each[:length] for each in (self.row, self.source, self.weight))
        gathered: Tensor = _Gather.apply(x, pointer, *parts)  # type: ignore[no-untyped-call]
        return gathered.view(num_nodes, self.num_levels * x.size(1))


class _Gather(torch.autograd.Function):
    """Weighted sums of rows of x, and their gradient without a sorted transpose."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, pointer: Tensor, row: Tensor, source: Tensor, weight: Tensor
    ) -> Tensor:
        ctx.save_for_backward(row, source, weight)
        ctx.num_nodes = x.size(0)
        return multiply(pointer, source, weight, (pointer.numel() - 1, x.size(0)), x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        row, source, weight = ctx.saved_tensors
        of_x = gradient.new_zeros(ctx.num_nodes, gradient.size(1))
        if ctx.needs_input_grad[0]:
            of_x.index_add_(0, source, gradient[row] * weight[:, None])
        return of_x, None, None, None, None


def level_weights(conv: RGCNConv) -> Tensor:
    """The matrix of every level of rating, made of its bases: [R, in, out]."""
    combined: Tensor = conv.comp @ conv.weight.flatten(1)
    return combined.view(conv.num_relations, *conv.weight.shape[1:])


def convolve(conv: RGCNConv, x: Tensor, relations: Relations, num_nodes: int) -> Tensor:
    r"""R-GCN with the parameters of `conv` at the first nodes.

    .. math::
        h_i = x_i W_0 + \frac{1}{|N(i)|} \sum_r \sum_{j \in N_r(i)} x_j W_r + b, \qquad
        W_r = \sum_b a_{rb} V_b

    with the neighbours N_r(i) of node i over ratings of level r, all its neighbours N(i) and the
    bases V of `"Modeling Relational Data with Graph Convolutional Networks"
    <https://arxiv.org/abs/1703.06103>`_. Departure: the paper takes a mean for every relation.
    Where relations are levels of rating that would hide what tells most, the share of each level
    among a node's ratings. Neighbours are summed before they are transformed, all levels in one
    dense product.

    Args:
        conv: PyG's, with bases.
        x: [N, in].
        relations: the edges among the N nodes.
        num_nodes: so many first nodes have an output: [num_nodes, out].
    """
    gathered = relations.gather(x, num_nodes)
    out: Tensor = torch.addmm(conv.bias, gathered, level_weights(conv).flatten(0, 1))
    return out.addmm(x[:num_nodes], conv.root)
