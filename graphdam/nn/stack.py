"""What a stack of graph convolutions with gates computes, and how it reads a graph."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import is_torch_sparse_tensor, trim_to_layer

from graphdam.data.csr import CSRMatrix
from graphdam.errors import SettingsError
from graphdam.gates import Gate
from graphdam.nn.adjacency import Adjacency, edge_list
from graphdam.nn.layers import activated
from graphdam.nn.stack_parts import StackParts
from graphdam.nn.transformed import Tensors, Transformed


class ConvStack(StackParts):
    r"""A stack of graph convolutions whose layers learn how wide they have to be.

    Layer l computes :math:`H_l = g_l \odot \sigma(\mathrm{norm}(\mathrm{conv}(H_{l-1})))` with
    the gate :math:`g_l` as its last step (dropout may follow), so that a closed channel reaches
    every reader as zero and can be removed. Arguments, their order and `forward` are those of
    `torch_geometric.nn.models.BasicGNN`; the keyword-only ones are added.

    Args:
        in_channels: features of a node.
        hidden_channels: width of every hidden layer, or a list with one width a layer.
        num_layers: number of convolutions.
        out_channels: outputs of a node; None to end with the last hidden width.
        dropout: probability after every hidden layer (and on attention weights, in GAT).
        act: activation, by PyG's names or as a callable.
        act_first: activation before the norm instead of after it.
        act_kwargs: arguments of the activation.
        norm: normalisation, by PyG's names or as a callable.
        norm_kwargs: arguments of the norm.
        jk: jumping knowledge: None, "last", "cat", "max" or "lstm"; "max" and "lstm" tie the
            hidden layers to one shared gate.
        gate: None for a plain encoder; the gate on every hidden layer: "dam" (`DAMGate`), "l1"
            (`L1Gate`) or "l0" (`HardConcreteGate`).
        gate_output: gate the output embedding too.
        act_output: norm and activation after the last convolution too, where what it writes is an
            embedding. A gate on it needs an activation that takes factors through (relu, prelu),
            and a norm with weights that take them (batch_norm), or none.
        gate_kwargs: arguments of the gates, see their classes in `graphdam.gates`.
        output_is_embedding: whether `embed` returns the output; by default, if `out_channels` is
            None or `gate_output` is set. Otherwise the output is a classifier's, and `embed`
            returns what the last layer reads.
        lstm_channels: hidden size of the LSTM of `jk="lstm"`, where it is not PyG's.
        kwargs: arguments of the convolution.

    Shapes: `x` [N, in_channels] → [N, out_channels].

    Raises:
        SettingsError: widths that do not fit the number of layers, an unknown name.
        InexactError: with gates, a norm, activation or option that mixes channels.
    """

    @abstractmethod
    def prepare_matrix(
        self, edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int, dtype: torch.dtype
    ) -> CSRMatrix:
        """The structure that `aggregate` multiplies with."""

    @abstractmethod
    def transform(self, conv: MessagePassing, x: Tensor | CSRMatrix, receivers: int) -> Transformed:
        """What a convolution makes of every node alone, before anything is sent.

        Args:
            conv: one of this encoder's.
            x: [N, in_channels].
            receivers: the first so many nodes are sent something.
        """

    @abstractmethod
    def aggregate(
        self, conv: MessagePassing, sent: Tensors, own: Tensors, matrix: CSRMatrix
    ) -> Tensor:
        """What a convolution makes of what the nodes send: [M, out_channels].

        Args:
            conv: one of this encoder's.
            sent, own: see `Transformed`.
            matrix: [M, N], of a prepared adjacency, or some rows of it.
        """

    def convolve(self, conv: MessagePassing, x: Tensor | CSRMatrix, adjacency: Adjacency) -> Tensor:
        """What `conv` computes, on a prepared adjacency."""
        matrix = adjacency.matrix
        sent, own = self.transform(conv, x, matrix.size(0))
        return self.aggregate(conv, sent, own, matrix)

    @abstractmethod
    def conv_multiply_adds(
        self, conv: MessagePassing, *, num_nodes: int, input_entries: int, num_messages: int
    ) -> int:
        """Multiply-adds of one convolution, see `graphdam.evaluation.cost`."""

    @property
    def adjacency_kind(self) -> str:
        """What an adjacency must have been prepared for to fit this encoder."""
        return self.kind

    def prepare(
        self,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        *,
        num_nodes: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> Adjacency:
        """The graph's structure as this encoder multiplies with it, made once for many calls.

        Args:
            edge_index: int64 [2, E], or a `torch.sparse` adjacency whose row i holds the edges
                that reach node i.
            edge_weight: [E], where the encoder supports weights.
            num_nodes: N, where isolated nodes have higher numbers than any edge tells.
            dtype: of the entries; by default that of the parameters.
        """
        edges = edge_list(edge_index, edge_weight, num_nodes)
        matrix = self.prepare_matrix(*edges, dtype or next(self.parameters()).dtype)
        return Adjacency(self.adjacency_kind, matrix)

    def forward(
        self,
        x: Tensor | CSRMatrix,
        edge_index: Tensor | Adjacency,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        num_sampled_nodes_per_hop: list[int] | None = None,
        num_sampled_edges_per_hop: list[int] | None = None,
    ) -> Tensor:
        """The output of every node: [N, out_channels].

        Args:
            x: node features [N, in_channels], dense, `torch.sparse` or `CSRMatrix`.
            edge_index: an edge list [2, E], an `EdgeIndex`, a `torch.sparse` adjacency (row i
                holds the edges that reach node i), or what `prepare` returned: the fast path.
            edge_weight: [E], where the convolution supports it.
            edge_attr: [E, D], where the convolution supports it.
            batch: the graph of every node, for norms that need it.
            batch_size: the number of graphs.
            num_sampled_nodes_per_hop, num_sampled_edges_per_hop: of `NeighborLoader`.
        """
        sampled = (num_sampled_nodes_per_hop, num_sampled_edges_per_hop)
        edges = (edge_index, edge_weight, edge_attr)
        return self._run(x, edges, (batch, batch_size), sampled, embed=False)

    def embed(
        self,
        x: Tensor | CSRMatrix,
        edge_index: Tensor | Adjacency,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
    ) -> Tensor:
        """The node embeddings [N, widths[-1]]: the output, or what a classifier's last layer reads.

        With gates, closed channels are columns of zeros. `compact()` removes them, and folds the
        gate's values into the layer that reads a hidden embedding: its columns are then those of
        the gated encoder divided by the gate's values.
        """
        edges = (edge_index, edge_weight, edge_attr)
        return self._run(x, edges, (None, None), (None, None), embed=not self.output_is_embedding)

    def _run(
        self,
        x: Tensor | CSRMatrix,
        edges: tuple[Tensor | Adjacency, Tensor | None, Tensor | None],
        batch: tuple[Tensor | None, int | None],
        sampled: tuple[list[int] | None, list[int] | None],
        *,
        embed: bool,
    ) -> Tensor:
        edge_index, edge_weight, edge_attr = edges
        if isinstance(x, Tensor) and x.layout != torch.strided:
            x = CSRMatrix.from_torch(x)
        sparse = isinstance(x, CSRMatrix) or is_torch_sparse_tensor(edge_index)
        if sparse and isinstance(edge_index, Tensor):
            edge_index = self.prepare(edge_index, edge_weight, num_nodes=x.size(0))
            edge_weight = None
        if isinstance(edge_index, Adjacency):
            edge_index.check_fits(self.adjacency_kind, x.size(0))
            if edge_weight is not None:
                raise SettingsError(
                    "A prepared adjacency holds the edge weights already: give them to prepare()."
                )

        for gate in self.gates:
            gate.draw_sample()  # type: ignore[operator]
        hidden: list[Tensor] = []
        h: Any = x
        for layer in range(self.num_layers):
            if embed and not self._is_hidden(layer):
                return h  # type: ignore[no-any-return]
            if sampled[0] is not None:
                weighted = edge_weight is not None
                value = edge_weight if weighted else edge_attr
                h, edge_index, value = trim_to_layer(layer, *sampled, h, edge_index, value)
                edge_weight, edge_attr = (value, None) if weighted else (None, value)
            h = self._conv(layer, h, edge_index, edge_weight, edge_attr)
            if self._is_finished(layer):
                h = self._finish_layer(layer, h, *batch)
            if self._is_hidden(layer):
                h = self.dropout(h)
                hidden.append(h)
        if self.jk_mode is not None:
            if hasattr(self, "jk"):  # of a sample, every layer reaches fewer nodes than the last
                h = self.jk([each[: h.size(0)] for each in hidden])
            if embed:
                return h  # type: ignore[no-any-return]
            h = self.lin(h)
        return self._gate_output(h)

    def _conv(
        self,
        layer: int,
        x: Tensor | CSRMatrix,
        edge_index: Tensor | Adjacency,
        edge_weight: Tensor | None,
        edge_attr: Tensor | None,
    ) -> Tensor:
        conv = self.conv(layer)
        if isinstance(edge_index, Adjacency):
            return self.convolve(conv, x, edge_index.at(layer))
        if self.supports_edge_weight:
            return conv(x, edge_index, edge_weight=edge_weight)  # type: ignore[no-any-return]
        if self.supports_edge_attr:
            return conv(x, edge_index, edge_attr=edge_attr)  # type: ignore[no-any-return]
        return conv(x, edge_index)  # type: ignore[no-any-return]

    def _finish_layer(
        self, layer: int, h: Tensor, batch: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        """Norm, activation and, of a hidden layer, gate."""
        if self.act is not None and self.act_first:
            h = activated(self.act, h)
        norm = self.norms[layer]
        h = norm(h, batch, batch_size) if self.norm_takes_batch else norm(h)
        if self.act is not None and not self.act_first:
            h = activated(self.act, h)
        return self._apply_gate(self.gate_of_layer[layer], h)

    def _gate_output(self, h: Tensor) -> Tensor:
        return self._apply_gate(self.output_gate, h)

    def _apply_gate(self, index: int | None, h: Tensor) -> Tensor:
        if index is None:
            return h
        gate: Gate = self.gates[index]  # type: ignore[assignment]
        if h.size(-1) == gate.num_channels:
            return gate(h)  # type: ignore[no-any-return]
        return gate(h.view(h.size(0), -1, gate.num_channels)).view_as(h)  # type: ignore[no-any-return]
