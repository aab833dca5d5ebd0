"""The encoder that GCN, GraphSAGE and GAT share: what can be asked of a stack with gates."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch_geometric.nn.models.basic_gnn import BasicGNN

from graphdam.compaction import CompactionPlan, num_outputs, slice_in
from graphdam.data.csr import CSRMatrix
from graphdam.gates import Gate, width_penalty
from graphdam.nn import pretrained, surgery
from graphdam.nn.adjacency import Adjacency
from graphdam.nn.stack import ConvStack

Self = TypeVar("Self", bound="Encoder")


class Encoder(ConvStack):
    """A `ConvStack` that knows its widths, can be made smaller, and can be saved.

    Arguments and shapes: see `ConvStack`.
    """

    classes: ClassVar[dict[str, type[Encoder]]] = {}
    """Every kind of encoder by its name: what a saved model may name as its class."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        Encoder.classes[cls.__name__] = cls

    @torch.no_grad()
    def inference_per_layer(
        self, layer: int, x: Tensor, edge_index: Tensor, batch_size: int
    ) -> Tensor:
        """One layer's output for the first `batch_size` nodes, as `forward` computes it."""
        h = self._conv(layer, x, edge_index, None, None)[:batch_size]
        if self._is_finished(layer):
            h = self._finish_layer(layer, h)
        if layer < self.num_layers - 1:
            return h
        return self._gate_output(self.lin(h) if self.jk_mode is not None else h)

    # Layer by layer over a NeighborLoader's batches: PyG's own, which calls the method above.
    inference = BasicGNN.inference

    def outputs_of(self, nodes: Tensor, x: Tensor | CSRMatrix, adjacency: Adjacency) -> Tensor:
        """The outputs of some nodes: what `forward(x, adjacency)[nodes]` is.

        Args:
            nodes: int64 [M], all different.
            x: node features [N, in_channels].
            adjacency: from `prepare`.
        """
        return self(x, adjacency)[nodes]  # type: ignore[no-any-return]

    def penalty(self) -> Tensor:
        """The mean of the gates' penalties: add it to the loss, times λ."""
        return width_penalty(self)

    def multiply_adds(self, x: Tensor | CSRMatrix, adjacency: Adjacency) -> int:
        """Multiply-adds of one forward pass without closed channels removed."""
        entries = x.num_entries if isinstance(x, CSRMatrix) else x.numel()
        num_nodes, total = x.size(0), 0
        for conv in self.convs:
            total += self.conv_multiply_adds(
                conv,
                num_nodes=num_nodes,
                input_entries=entries,
                num_messages=adjacency.num_messages,
            )
            entries = num_nodes * num_outputs(conv)
        if self.jk_mode is not None:
            total += num_nodes * self.lin.in_features * self.lin.out_features
        return total

    def scale_inputs(self, factor: float) -> None:
        """Make the first layer read `factor * x` where it read x: its weights take the factor."""
        keep = torch.arange(self.in_channels)
        scale = torch.full((self.in_channels,), factor, dtype=torch.float64)
        self.convs[0] = slice_in(self.conv(0), keep, scale)

    def compaction_plan(self) -> CompactionPlan:
        """What `compact` will do, printable."""
        return surgery.plan(self)

    @property
    def open_outputs(self) -> Tensor:
        """The columns of the output that `compact` keeps: all, unless the output is gated."""
        if self.output_gate is None:
            return torch.arange(self.out_channels)
        gate: Gate = self.gates[self.output_gate]  # type: ignore[assignment]
        starts = torch.arange(0, self.out_channels, gate.num_channels)
        return (starts.unsqueeze(1) + gate.keep().cpu()).flatten()

    def compact(self: Self) -> Self:
        """A new, physically smaller encoder of plain PyG layers with the same outputs.

        The gates' values are folded into the layers that read them; self is not changed. A gated
        output loses its closed columns.
        """
        return surgery.compact(self)

    def truncate(self: Self, width: int | Sequence[int]) -> Self:
        """A new plain encoder with only the most important channels of every layer in `widths`.

        Not exact, unless the removed channels are closed. Importance is the gate's word
        (`Gate.ranking`): DAM orders channels by their value to the network, so there, and without
        a gate, it is the first channels that stay. L1 and L0 gates keep those with the largest
        scales and probabilities, in the order in which they stood: the plain encoder no longer
        knows which of them matter, so it must not be cut again.

        Args:
            width: how many to keep, for all layers or one number a layer.
        """
        return surgery.truncate(self, width)

    def to_pyg(self) -> nn.Module:
        """The compact model as `torch_geometric.nn.GCN`, `GraphSAGE` or `GAT`, free of graphdam.

        Unequal widths are padded with zeros to the largest, which changes no output. Stock
        models take dense features and an edge list. They are what
        `torch_geometric.nn.to_hetero` can trace, GraphSAGE and GAT at least (its layers must take
        two kinds of nodes); it draws fresh weights for every kind, so the widths come through.
        """
        return surgery.to_pyg(self)

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write `config.json` and `model.safetensors`, each whole or not at all."""
        pretrained.save_encoder(self, folder)

    @classmethod
    def from_pretrained(cls: type[Self], source: str | PathLike[str]) -> Self:
        """The encoder that `save_pretrained` wrote, from a folder or a Hugging Face hub id.

        Called on `Encoder`, it returns whichever class was saved.

        Raises:
            ModelFileError: nothing there, corrupted, another class or version, other shapes.
        """
        return pretrained.load_encoder(cls, source, known=cls.classes)

    def reset_parameters(self) -> None:
        """Fresh weights; gates open."""
        for module in (*self.convs, *self.norms, *self.gates):
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        for name in ("jk", "lin"):
            if hasattr(self, name):
                getattr(self, name).reset_parameters()

    def __repr__(self) -> str:
        sizes = [self.in_channels, *self.hidden_channels]
        if self.jk_mode is not None or self.config["out_channels"] is not None:
            sizes.append(self.out_channels)
        widths = " → ".join(map(str, sizes))
        gate = f", gate={self.config['gate']}, open={self.widths}" if len(self.gates) else ""
        return f"{type(self).__name__}({widths}{gate})"
