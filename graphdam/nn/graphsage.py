"""GraphSAGE with gates."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing, SAGEConv

from graphdam.data.csr import CSRMatrix
from graphdam.errors import InexactError
from graphdam.evaluation import cost
from graphdam.nn.adjacency import mean_adjacency, summed_adjacency
from graphdam.nn.encoder import Encoder
from graphdam.nn.exactness import check_aggregation
from graphdam.nn.gated_linear import apply_linear
from graphdam.nn.transformed import Tensors, Transformed, first_rows


class GraphSAGE(Encoder):
    r"""The network of `"Inductive Representation Learning on Large Graphs"
    <https://arxiv.org/abs/1706.02216>`_ with learnable widths.

    .. math::
        \mathrm{conv}(h)_i = W_1 \, \mathrm{aggr}_{j \to i} h_j + b + W_2 h_i

    Arguments: see `graphdam.nn.stack.ConvStack`; further ones go to
    `torch_geometric.nn.SAGEConv`. On a prepared adjacency, with "mean" or "sum", W₁ is applied
    before the aggregation, which is the same and aggregates at the narrow side.

    >>> GraphSAGE(16, 64, 2, 7, gate="dam").widths
    [64]
    """

    kind: ClassVar[str] = "graphsage"
    supports_edge_weight: ClassVar[bool] = False
    supports_edge_attr: ClassVar[bool] = False

    def init_conv(
        self, in_channels: int, out_channels: int, *, to_out: bool, **kwargs: Any
    ) -> MessagePassing:
        del to_out
        return SAGEConv(in_channels, out_channels, **kwargs)

    def check_conv(self, conv: MessagePassing) -> None:
        check_aggregation(conv.aggr)
        for option, why in {
            "normalize": "divides by the norm over all channels",
            "project": "maps its inputs to channels of its own, which no gate rules",
        }.items():
            if getattr(conv, option):
                raise InexactError(
                    f"GraphSAGE with {option}=True {why}, so the outputs would change when closed "
                    f"channels are removed: use {option}=False, or gate=None."
                )

    @property
    def adjacency_kind(self) -> str:
        return f"graphsage ({self.conv(0).aggr})"

    @property
    def _is_linear(self) -> bool:
        """Whether transforming and aggregating commute."""
        return self.conv(0).aggr in ("mean", "sum", "add")

    def prepare_matrix(
        self, edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int, dtype: torch.dtype
    ) -> CSRMatrix:
        del edge_weight  # SAGEConv takes none
        if self.conv(0).aggr == "mean":
            return mean_adjacency(edge_index, num_nodes, dtype=dtype)
        return summed_adjacency(edge_index, None, num_nodes, dtype=dtype)

    def _transforms_first(self, conv: MessagePassing) -> bool:
        return self._is_linear and not conv.project and not conv.normalize

    def transform(self, conv: MessagePassing, x: Tensor | CSRMatrix, receivers: int) -> Transformed:
        if not self._transforms_first(conv):
            dense = x.to_dense() if isinstance(x, CSRMatrix) else x
            return Transformed((dense,), (dense[:receivers],))
        lin_l: Any = conv.lin_l
        if isinstance(x, CSRMatrix):
            sent = x.times(lin_l.weight.t())
        else:
            sent = nn.functional.linear(x, lin_l.weight)
        if not conv.root_weight:
            return Transformed((sent,), ())
        return Transformed((sent,), (apply_linear(conv.lin_r, first_rows(x, receivers)),))

    def aggregate(
        self, conv: MessagePassing, sent: Tensors, own: Tensors, matrix: CSRMatrix
    ) -> Tensor:
        if not self._transforms_first(conv):
            edges = torch.stack([matrix.column.long(), matrix.row_of_entry()])
            whole: Tensor = conv((*sent, *own), edges)
            return whole
        lin_l: Any = conv.lin_l
        out = matrix.times(*sent)
        if lin_l.bias is not None:
            out = out + lin_l.bias
        return out + own[0] if own else out

    def conv_multiply_adds(
        self, conv: MessagePassing, *, num_nodes: int, input_entries: int, num_messages: int
    ) -> int:
        del num_nodes
        width: int = conv.out_channels
        return cost.graphsage_layer(
            input_entries, num_messages, width, root_weight=bool(conv.root_weight)
        )
