"""A stack of graph convolutions with gates: how it is built and what it computes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import is_torch_sparse_tensor, trim_to_layer

from graphdam.compaction import ChannelGroup
from graphdam.data.csr import CSRMatrix
from graphdam.data.dropout import Dropout
from graphdam.errors import SettingsError
from graphdam.gates import Gate
from graphdam.nn.adjacency import Adjacency, edge_list
from graphdam.nn.exactness import (
    check_absorbs,
    check_activation,
    check_homogeneous,
    check_norm,
)
from graphdam.nn.gating import make_gate
from graphdam.nn.layers import (
    activated,
    hidden_widths,
    make_activation,
    make_jumping_knowledge,
    make_norm,
    takes_batch,
)
from graphdam.nn.layout import OUTPUT, Channels, Layout, channel_groups
from graphdam.nn.transformed import Tensors, Transformed


class ConvStack(nn.Module, ABC):
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

    kind: ClassVar[str]
    supports_edge_weight: ClassVar[bool]
    supports_edge_attr: ClassVar[bool]

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int | Sequence[int],
        num_layers: int,
        out_channels: int | None = None,
        dropout: float = 0.0,
        act: str | Callable[[Tensor], Tensor] | None = "relu",
        act_first: bool = False,
        act_kwargs: dict[str, Any] | None = None,
        norm: str | Callable[..., Tensor] | None = None,
        norm_kwargs: dict[str, Any] | None = None,
        jk: str | None = None,
        *,
        gate: str | None = None,
        gate_output: bool = False,
        act_output: bool = False,
        gate_kwargs: dict[str, Any] | None = None,
        output_is_embedding: bool | None = None,
        lstm_channels: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if output_is_embedding is None:
            output_is_embedding = out_channels is None or gate_output
        self.config: dict[str, Any] = {
            "in_channels": in_channels,
            "hidden_channels": hidden_widths(
                hidden_channels, num_layers, out_channels=out_channels, jk=jk
            ),
            "num_layers": num_layers,
            "out_channels": out_channels,
            "dropout": dropout,
            "act": act,
            "act_first": act_first,
            "act_kwargs": act_kwargs,
            "norm": norm,
            "norm_kwargs": norm_kwargs,
            "jk": jk,
            "gate": gate,
            "gate_output": gate_output,
            "act_output": act_output,
            "gate_kwargs": gate_kwargs,
            "output_is_embedding": output_is_embedding,
            "lstm_channels": lstm_channels,
            **kwargs,
        }
        if not isinstance(in_channels, int) or in_channels < 1:
            raise SettingsError(
                f"in_channels must be the number of features of a node, at least 1; received "
                f"{in_channels!r}. Lazy (-1) and bipartite inputs are not supported."
            )
        written_by_conv = jk is None and out_channels is None
        if act_output and not (written_by_conv and output_is_embedding):
            raise SettingsError(
                "act_output=True is for an embedding that the last convolution writes: leave jk "
                "and out_channels out."
            )
        self.in_channels = in_channels
        self.act_output = act_output
        self.hidden_channels: list[int] = self.config["hidden_channels"]
        self.num_layers = num_layers
        self.jk_mode = jk
        self.act_first = act_first
        self.output_is_embedding = output_is_embedding
        self.dropout = Dropout(dropout)
        self.act = make_activation(act, act_kwargs)

        sizes = list(self.hidden_channels)
        if out_channels is not None and jk is None:
            sizes.append(out_channels)
        self.out_channels = sizes[-1] if out_channels is None else out_channels
        self.convs = nn.ModuleList()
        self.norms = nn.ModuleList()
        for layer, size in enumerate(sizes):
            before = in_channels if layer == 0 else sizes[layer - 1]
            to_out = layer == num_layers - 1 and out_channels is not None and jk is None
            self.convs.append(self.init_conv(before, size, to_out=to_out, **kwargs))
            finished = self._is_finished(layer)
            self.norms.append(make_norm(norm, size, norm_kwargs) if finished else nn.Identity())
        if jk is not None:
            if jk != "last":
                self.jk = make_jumping_knowledge(jk, sizes, lstm_channels)
            self.lin = nn.Linear(sum(sizes) if jk == "cat" else sizes[-1], self.out_channels)

        self.norm_takes_batch = any(takes_batch(norm) for norm in self.norms)

        self.gates = nn.ModuleList()
        self.gate_of_layer: list[int | None] = [None] * num_layers
        self.output_gate: int | None = None
        if gate is not None:
            self._add_gates(gate, gate_kwargs or {}, gate_output=gate_output)
        elif gate_output:
            raise SettingsError("gate_output=True needs a gate: pass gate='dam' as well.")

    def _add_gates(self, kind: str, arguments: dict[str, Any], *, gate_output: bool) -> None:
        """A gate for every group of hidden channels, and for the output where asked."""
        for group in self.channel_groups():
            is_output = group.name == OUTPUT
            if is_output and not gate_output:
                continue
            gate, index = make_gate(kind, group.num_channels, arguments), len(self.gates)
            self.gates.append(gate)
            if is_output:
                self.output_gate = index
            for layer in [int(path[6:]) for path in group.producers if path.startswith("convs.")]:
                if self._is_finished(layer):
                    check_norm(self.norms[layer])
                    check_activation(self.act, group.num_channels)
                if is_output and self.act_output:
                    check_homogeneous(self.act)
                    check_absorbs(self.norms[layer], group.num_channels * group.repeats)
                if not is_output:
                    self.gate_of_layer[layer] = index
                self.gate_conv(self.conv(layer), gate)
        for conv in self.convs:
            self.check_conv(conv)

    def channel_groups(self) -> list[ChannelGroup]:
        """Which layers write, gate and read each set of channels."""
        hidden = [
            Channels(
                self.hidden_channels[layer],
                self.output_repeats(layer),
                _gate_path(self.gate_of_layer[layer]),
                normed=not isinstance(self.norms[layer], nn.Identity),
            )
            for layer in range(self.num_layers if self.jk_mode is not None else self.num_layers - 1)
        ]
        output = None
        if self.output_is_embedding:
            repeats = self.output_repeats(self.num_layers - 1) if self.jk_mode is None else 1
            normed = not isinstance(self.norms[-1], nn.Identity) and self.jk_mode is None
            output = Channels(self.out_channels, repeats, _gate_path(self.output_gate), normed)
        return channel_groups(Layout(hidden, self.num_layers, self.jk_mode, output))

    @property
    def widths(self) -> list[int]:
        """Open channels of every hidden layer, and of the output where it is the embedding."""
        groups = self.channel_groups()
        open_channels = [group.num_channels * group.repeats for group in groups]
        for index, group in enumerate(groups):
            if group.gate is not None:
                gate: Gate = self.get_submodule(group.gate)  # type: ignore[assignment]
                open_channels[index] = gate.width * group.repeats
        if self.jk_mode in ("max", "lstm"):  # one group stands for all hidden layers
            return open_channels[:1] * self.num_layers + open_channels[1:]
        return open_channels

    def _is_hidden(self, layer: int) -> bool:
        """Whether a later layer reads what this one writes."""
        return layer < self.num_layers - 1 or self.jk_mode is not None

    def _is_finished(self, layer: int) -> bool:
        """Whether norm and activation follow a convolution."""
        return self._is_hidden(layer) or self.act_output

    def conv(self, layer: int) -> MessagePassing:
        """The convolution of a layer."""
        return self.convs[layer]

    @abstractmethod
    def init_conv(
        self, in_channels: int, out_channels: int, *, to_out: bool, **kwargs: Any
    ) -> MessagePassing:
        """A plain PyG convolution; `to_out` where it writes the model's output."""

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

    def gate_conv(self, conv: MessagePassing, gate: Gate) -> None:
        """Put the gate inside a convolution too, where closed channels act before its end."""

    def check_conv(self, conv: MessagePassing) -> None:
        """Refuse options of a convolution from which channels cannot be removed exactly."""

    def output_repeats(self, layer: int) -> int:
        """How often a gate's channels stand side by side in a layer's output: its heads."""
        return 1

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


def _gate_path(index: int | None) -> str | None:
    return None if index is None else f"gates.{index}"
