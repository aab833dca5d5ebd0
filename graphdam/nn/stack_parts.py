"""The parts of a stack of graph convolutions: layers, norms and gates, and how wide they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from graphdam.compaction import ChannelGroup
from graphdam.data.dropout import Dropout
from graphdam.errors import SettingsError
from graphdam.gates import Gate
from graphdam.nn.exactness import (
    check_absorbs,
    check_activation,
    check_homogeneous,
    check_norm,
)
from graphdam.nn.gating import make_gate
from graphdam.nn.layers import (
    hidden_widths,
    make_activation,
    make_jumping_knowledge,
    make_norm,
    takes_batch,
)
from graphdam.nn.layout import OUTPUT, Channels, Layout, channel_groups


class StackParts(nn.Module, ABC):
    """What a `ConvStack` is built of; its arguments are told there."""

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

    def gate_conv(self, conv: MessagePassing, gate: Gate) -> None:
        """Put the gate inside a convolution too, where closed channels act before its end."""

    def check_conv(self, conv: MessagePassing) -> None:
        """Refuse options of a convolution from which channels cannot be removed exactly."""

    def output_repeats(self, layer: int) -> int:
        """How often a gate's channels stand side by side in a layer's output: its heads."""
        return 1


def _gate_path(index: int | None) -> str | None:
    return None if index is None else f"gates.{index}"
