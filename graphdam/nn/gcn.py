"""GCN with gates."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv, MessagePassing

from graphdam.data.csr import CSRMatrix
from graphdam.errors import SettingsError
from graphdam.evaluation import cost
from graphdam.nn.adjacency import Adjacency, normalised_adjacency, summed_adjacency
from graphdam.nn.encoder import Encoder
from graphdam.nn.gated_linear import apply_linear
from graphdam.nn.transformed import Tensors, Transformed


class GCN(Encoder):
    r"""The network of `"Semi-supervised Classification with Graph Convolutional Networks"
    <https://arxiv.org/abs/1609.02907>`_ with learnable widths.

    .. math::
        \mathrm{conv}(H) = \hat D^{-1/2} \hat A \hat D^{-1/2} H \Theta + b

    Arguments: see `graphdam.nn.stack.ConvStack`; further ones go to `torch_geometric.nn.GCNConv`.

    >>> encoder = GCN(16, 64, 2, 7, gate="dam")
    >>> x, edge_index = torch.randn(3, 16), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> encoder(x, edge_index).shape
    torch.Size([3, 7])
    >>> encoder.gates[0].set_offset(encoder.gates[0].offset_of(8))
    >>> encoder.compact()
    GCN(16 → 8 → 7)
    """

    kind: ClassVar[str] = "gcn"
    supports_edge_weight: ClassVar[bool] = True
    supports_edge_attr: ClassVar[bool] = False

    def init_conv(
        self, in_channels: int, out_channels: int, *, to_out: bool, **kwargs: Any
    ) -> MessagePassing:
        del to_out
        if kwargs.get("cached"):
            raise SettingsError(
                "cached=True would silently reuse one graph's adjacency for another: call "
                "prepare(edge_index) once and pass its result in place of edge_index."
            )
        return GCNConv(in_channels, out_channels, **kwargs)

    @property
    def adjacency_kind(self) -> str:
        conv = self.conv(0)
        if not conv.normalize:
            return "gcn (not normalised)"
        improved = ", improved" if conv.improved else ""
        return f"gcn (normalised{improved}{', self-loops' if conv.add_self_loops else ''})"

    def prepare_matrix(
        self, edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int, dtype: torch.dtype
    ) -> CSRMatrix:
        conv = self.conv(0)
        if not conv.normalize:
            return summed_adjacency(edge_index, edge_weight, num_nodes, dtype=dtype)
        return normalised_adjacency(
            edge_index,
            edge_weight,
            num_nodes,
            dtype=dtype,
            improved=bool(conv.improved),
            self_loops=bool(conv.add_self_loops),
        )

    def transform(self, conv: MessagePassing, x: Tensor | CSRMatrix, receivers: int) -> Transformed:
        del receivers
        return Transformed((apply_linear(conv.lin, x),), ())

    def aggregate(
        self, conv: MessagePassing, sent: Tensors, own: Tensors, matrix: CSRMatrix
    ) -> Tensor:
        del own
        out = matrix.times(*sent)
        return out if conv.bias is None else out + conv.bias

    def outputs_of(self, nodes: Tensor, x: Tensor | CSRMatrix, adjacency: Adjacency) -> Tensor:
        """What `forward(x, adjacency)[nodes]` is, computed of the nodes that it depends on.

        A norm may look at all nodes, and jumping knowledge reads every layer of one node: there,
        everything is computed.
        """
        has_norm = any(not isinstance(norm, nn.Identity) for norm in self.norms)
        if has_norm or self.jk_mode is not None:
            return super().outputs_of(nodes, x, adjacency)
        return self(x, adjacency.reaching(nodes, self.num_layers))  # type: ignore[no-any-return]

    def conv_multiply_adds(
        self, conv: MessagePassing, *, num_nodes: int, input_entries: int, num_messages: int
    ) -> int:
        del num_nodes
        width: int = conv.out_channels
        return cost.gcn_layer(input_entries, num_messages, width)
