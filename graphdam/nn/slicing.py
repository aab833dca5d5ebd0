"""How PyG's layers lose channels: slicing rules, registered when this module is imported."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GATv2Conv, GCNConv, JumpingKnowledge, SAGEConv
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.norm import (
    BatchNorm,
    DiffGroupNorm,
    GraphNorm,
    GraphSizeNorm,
    InstanceNorm,
    LayerNorm,
    MeanSubtractionNorm,
    MessageNorm,
    PairNorm,
)

from graphdam.compaction import (
    absorbs_nothing,
    mixing_norm,
    num_inputs,
    num_outputs,
    select,
    shallow,
    slice_in,
    slice_out,
)
from graphdam.errors import InexactError
from graphdam.nn.gated_linear import GatedLinear


@slice_out.register(Linear)
def _(layer: Linear, keep: Tensor, scale: Tensor | None = None) -> Linear:
    new = shallow(layer)
    new.weight = select(layer.weight, 0, keep, scale)
    new.bias = select(layer.bias, 0, keep, scale)
    new.out_channels = keep.numel()
    return new


@slice_in.register(Linear)
def _(layer: Linear, keep: Tensor, scale: Tensor) -> Linear:
    new = shallow(layer)
    new.weight = select(layer.weight, 1, keep, scale)
    new.in_channels = keep.numel()
    return new


@num_inputs.register(Linear)
@num_inputs.register(GCNConv)
@num_inputs.register(SAGEConv)
@num_inputs.register(GATConv)
@num_inputs.register(GATv2Conv)
def _(layer: Linear | GCNConv | SAGEConv | GATConv | GATv2Conv) -> int:
    return int(layer.in_channels)


@num_outputs.register(Linear)
@num_outputs.register(GCNConv)
@num_outputs.register(SAGEConv)
def _(layer: Linear | GCNConv | SAGEConv) -> int:
    return int(layer.out_channels)


@num_outputs.register(GATConv)
@num_outputs.register(GATv2Conv)
def _(layer: GATConv | GATv2Conv) -> int:
    return int(layer.out_channels) * (layer.heads if layer.concat else 1)


@slice_out.register(GCNConv)
def _(layer: GCNConv, keep: Tensor, scale: Tensor | None = None) -> GCNConv:
    new = shallow(layer)
    new.lin = slice_out(layer.lin, keep, scale)
    new.bias = select(layer.bias, 0, keep, scale)
    new.out_channels = keep.numel()
    return new


@slice_in.register(GCNConv)
def _(layer: GCNConv, keep: Tensor, scale: Tensor) -> GCNConv:
    new = shallow(layer)
    new.lin = slice_in(layer.lin, keep, scale)
    new.in_channels = keep.numel()
    return new


@slice_out.register(SAGEConv)
def _(layer: SAGEConv, keep: Tensor, scale: Tensor | None = None) -> SAGEConv:
    if layer.normalize:
        raise InexactError(
            "A SAGEConv with normalize=True divides by the norm over all channels, so removing "
            "some changes the others: use normalize=False."
        )
    new = shallow(layer)
    new.lin_l = slice_out(layer.lin_l, keep, scale)
    if layer.root_weight:
        new.lin_r = slice_out(layer.lin_r, keep, scale)
    new.out_channels = keep.numel()
    return new


@slice_in.register(SAGEConv)
def _(layer: SAGEConv, keep: Tensor, scale: Tensor) -> SAGEConv:
    if layer.project:
        raise InexactError(
            "A SAGEConv with project=True maps its inputs to as many channels of its own, which "
            "no gate rules: use project=False."
        )
    new = shallow(layer)
    new.lin_l = slice_in(layer.lin_l, keep, scale)
    if layer.root_weight:
        new.lin_r = slice_in(layer.lin_r, keep, scale)
    new.in_channels = keep.numel()
    return new


@slice_in.register(GATConv)
@slice_in.register(GATv2Conv)
def _(layer: GATConv | GATv2Conv, keep: Tensor, scale: Tensor) -> GATConv | GATv2Conv:
    new = shallow(layer)
    for name in ("lin", "lin_l", "lin_r", "res"):
        linear = getattr(layer, name, None)
        if isinstance(linear, GatedLinear):
            gated = shallow(linear)
            gated.linear = slice_in(linear.linear, keep, scale)
            setattr(new, name, gated)
        elif linear is not None:
            setattr(new, name, slice_in(linear, keep, scale))
    if getattr(layer, "share_weights", False):
        new.lin_r = new.lin_l
    new.in_channels = keep.numel()
    return new


@slice_out.register(GATConv)
@slice_out.register(GATv2Conv)
def _(layer: GATConv | GATv2Conv, keep: Tensor, scale: Tensor | None = None) -> GATConv | GATv2Conv:
    r"""Rows of all heads, with the inner gate folded into the linear maps.

    The inner gate's values g are constant factors of the transformed features, so they become
    factors of the rows. A further factor s on the outputs must not reach the attention: the rows
    take s too and the attention vectors 1/s, which cancels in GATConv because its scores are
    linear in the features and in GATv2Conv because LeakyReLU is positively homogeneous.
    """
    heads, channels = layer.heads, layer.out_channels
    per_head = _channels_per_head(keep, heads, channels) if layer.concat else keep
    rows = (torch.arange(heads).unsqueeze(1) * channels + per_head).flatten()
    factor = torch.ones(per_head.numel(), dtype=torch.float64)
    if scale is not None:
        factor = scale[: per_head.numel()].double()
    new = shallow(layer)
    for name in ("lin", "lin_edge", "lin_l", "lin_r"):
        linear = getattr(layer, name, None)
        if linear is None:
            continue
        of_rows = factor
        if isinstance(linear, GatedLinear):
            with torch.no_grad():
                of_rows = factor * linear.gate.final_values().double().cpu()[per_head]
            linear = linear.linear
        setattr(new, name, slice_out(linear, rows, of_rows.repeat(heads)))
    if getattr(layer, "share_weights", False):
        new.lin_r = new.lin_l
    for name in ("att", "att_src", "att_dst", "att_edge"):
        if getattr(layer, name, None) is not None:
            setattr(new, name, select(getattr(layer, name), 2, per_head, 1 / factor))
    if layer.res is not None:
        new.res = slice_out(layer.res, keep, scale)
    new.bias = select(layer.bias, 0, keep, scale)
    new.out_channels = per_head.numel()
    return new


def _channels_per_head(keep: Tensor, heads: int, channels: int) -> Tensor:
    """The kept channels of one head, the same in all of them."""
    grid = keep.view(heads, -1) if keep.numel() % heads == 0 else keep.view(1, -1)
    first = grid[0]
    expected = torch.arange(heads).unsqueeze(1) * channels + first
    if grid.size(0) != heads or not torch.equal(grid, expected):
        raise InexactError(
            f"The {heads} heads of an attention layer must keep the same channels: use one gate "
            f"for all heads."
        )
    return first


@slice_out.register(BatchNorm)
def _(layer: BatchNorm, keep: Tensor, scale: Tensor | None = None) -> BatchNorm:
    new = shallow(layer)
    new.module = slice_out(layer.module, keep, scale)
    new.in_channels = keep.numel()
    return new


@slice_out.register(GraphNorm)
@slice_out.register(InstanceNorm)
def _(
    layer: GraphNorm | InstanceNorm, keep: Tensor, scale: Tensor | None = None
) -> GraphNorm | InstanceNorm:
    if scale is not None and getattr(layer, "weight", None) is None:
        raise InexactError(absorbs_nothing(layer))
    new = shallow(layer)
    for name, parameter in layer.named_parameters(recurse=False):
        factor = scale if name in ("weight", "bias") else None
        setattr(new, name, select(parameter, 0, keep, factor))
    for name, buffer in layer.named_buffers(recurse=False):
        if buffer.dim() == 1:
            setattr(new, name, buffer.index_select(0, keep.to(buffer.device)).clone())
    new.in_channels = keep.numel()
    return new


@slice_out.register(GraphSizeNorm)
@slice_out.register(MeanSubtractionNorm)
def _(layer: nn.Module, keep: Tensor, scale: Tensor | None = None) -> nn.Module:
    if scale is not None:
        raise InexactError(absorbs_nothing(layer))
    return layer


@slice_out.register(LayerNorm)
@slice_out.register(PairNorm)
@slice_out.register(DiffGroupNorm)
@slice_out.register(MessageNorm)
def _(layer: nn.Module, keep: Tensor, scale: Tensor | None = None) -> nn.Module:
    raise InexactError(mixing_norm(type(layer).__name__, "over all channels of a node or graph"))


@slice_in.register(JumpingKnowledge)
def _(layer: JumpingKnowledge, keep: Tensor, scale: Tensor) -> JumpingKnowledge:
    if layer.mode != "lstm":
        return layer
    new = shallow(layer)
    lstm: nn.LSTM = shallow(layer.lstm)
    lstm._flat_weights = list(layer.lstm._flat_weights)  # an LSTM updates it as weights are set
    for suffix in ("l0", "l0_reverse"):
        name = f"weight_ih_{suffix}"
        setattr(lstm, name, select(getattr(layer.lstm, name), 1, keep, scale))
    lstm.input_size = keep.numel()
    new.lstm = lstm
    new.channels = keep.numel()
    return new


@num_inputs.register(JumpingKnowledge)
def _(layer: JumpingKnowledge) -> int:
    return int(layer.channels)
