"""GAT, versions 1 and 2, with gates."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn import GATConv, GATv2Conv, MessagePassing

from graphdam.data.csr import CSRMatrix
from graphdam.data.dropout import drop
from graphdam.errors import SettingsError
from graphdam.evaluation import cost
from graphdam.gates import Gate
from graphdam.nn.adjacency import attention_adjacency
from graphdam.nn.attention import softmax_of_messages, weighted_sum
from graphdam.nn.encoder import Encoder
from graphdam.nn.gated_linear import GatedLinear, apply_linear
from graphdam.nn.transformed import Tensors, Transformed, first_rows


class GAT(Encoder):
    r"""The networks of `"Graph Attention Networks" <https://arxiv.org/abs/1710.10903>`_ and, with
    `v2=True`, `"How Attentive are Graph Attention Networks?"
    <https://arxiv.org/abs/2105.14491>`_ with learnable widths.

    .. math::
        \mathrm{conv}(h)_i = \Vert_h \sum_{j \to i} \alpha^h_{ij} \, (g \odot W^h h_j) + b

    One gate rules the channels of all heads, on the transformed features, so that closed channels
    do not vote in the attention, and again at the end of the layer, where bias, norm and
    activation have made them non-zero. `hidden_channels` counts the channels of all heads
    together, as in PyG, and so does `widths`.

    Arguments: see `graphdam.nn.stack.ConvStack`; `v2`, `heads`, `concat`, `edge_dim`, `residual`
    and so on go to `torch_geometric.nn.GATConv` or `GATv2Conv`.

    >>> GAT(16, 64, 2, 7, heads=8, gate="dam").channel_groups()[0].num_channels
    8
    """

    kind: ClassVar[str] = "gat"
    supports_edge_weight: ClassVar[bool] = False
    supports_edge_attr: ClassVar[bool] = True

    def init_conv(
        self,
        in_channels: int,
        out_channels: int,
        *,
        to_out: bool,
        v2: bool = False,
        heads: int = 1,
        concat: bool = True,
        **kwargs: Any,
    ) -> MessagePassing:
        concat = concat and not to_out
        if concat and out_channels % heads != 0:
            raise SettingsError(
                f"With heads side by side the hidden width must be a multiple of their number; "
                f"received width {out_channels} and {heads} heads. concat=False averages them."
            )
        kind = GATv2Conv if v2 else GATConv
        return kind(
            in_channels,
            out_channels // heads if concat else out_channels,
            heads=heads,
            concat=concat,
            dropout=self.dropout.p,
            **kwargs,
        )

    def gate_conv(self, conv: MessagePassing, gate: Gate) -> None:
        heads: int = conv.heads
        for name in ("lin", "lin_edge", "lin_l", "lin_r"):
            linear = getattr(conv, name, None)
            if linear is not None:
                setattr(conv, name, GatedLinear(linear, gate, heads))

    def output_repeats(self, layer: int) -> int:
        conv = self.conv(layer)
        return int(conv.heads) if conv.concat else 1

    @property
    def adjacency_kind(self) -> str:
        return f"gat ({'self-loops' if self.conv(0).add_self_loops else 'as given'})"

    def prepare_matrix(
        self, edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int, dtype: torch.dtype
    ) -> CSRMatrix:
        del edge_weight  # attention decides; edge attributes take the edge list
        if self.conv(0).edge_dim is not None:
            raise SettingsError(
                "A GAT with edge_dim reads the attributes of every edge, which a prepared "
                "adjacency does not hold: pass edge_index and edge_attr."
            )
        return attention_adjacency(
            edge_index, num_nodes, dtype=dtype, self_loops=bool(self.conv(0).add_self_loops)
        )

    def transform(self, conv: MessagePassing, x: Tensor | CSRMatrix, receivers: int) -> Transformed:
        heads, channels = int(conv.heads), int(conv.out_channels)
        residual: Tensors = ()
        if conv.res is not None:
            residual = (apply_linear(conv.res, first_rows(x, receivers)),)
        if isinstance(conv, GATv2Conv):
            both = apply_linear(conv.lin_l, x).view(-1, heads, channels)
            read = both[:receivers]
            if not conv.share_weights:
                read = apply_linear(conv.lin_r, first_rows(x, receivers)).view(-1, heads, channels)
            return Transformed((both,), (read, *residual))
        sent = apply_linear(conv.lin, x).view(-1, heads, channels)
        of_source, of_target = (sent * conv.att_src).sum(-1), (sent * conv.att_dst).sum(-1)
        return Transformed((sent, of_source), (of_target[:receivers], *residual))

    def aggregate(
        self, conv: MessagePassing, sent: Tensors, own: Tensors, matrix: CSRMatrix
    ) -> Tensor:
        target, source = matrix.row_of_entry(), matrix.column.long()
        if isinstance(conv, GATv2Conv):
            pair = F.leaky_relu(own[0][target] + sent[0][source], conv.negative_slope)
            score = (pair * conv.att).sum(-1)
        else:
            score = F.leaky_relu(sent[1][source] + own[0][target], conv.negative_slope)
        attention = softmax_of_messages(score, target, matrix.size(0))
        attention = drop(attention, conv.dropout, training=conv.training)
        out = weighted_sum(attention, sent[0], matrix, target)
        out = out.flatten(1) if conv.concat else out.mean(1)
        if conv.res is not None:
            out = out + own[1]
        return out if conv.bias is None else out + conv.bias

    def conv_multiply_adds(
        self, conv: MessagePassing, *, num_nodes: int, input_entries: int, num_messages: int
    ) -> int:
        return cost.gat_layer(
            input_entries,
            num_messages,
            num_nodes,
            int(conv.heads) * int(conv.out_channels),
            v2=isinstance(conv, GATv2Conv),
        )
