"""How PyG's attention layers lose channels: slicing rules, registered on import."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv

from graphdam.compaction import (
    even_blocks,
    num_inputs,
    num_outputs,
    select,
    shallow,
    slice_in,
    slice_out,
)
from graphdam.errors import InexactError
from graphdam.nn.gated_linear import GatedLinear
from graphdam.nn.slicing_convs import one_width

ATTENTION: dict[type[nn.Module], tuple[str, ...]] = {
    GATConv: ("lin", "lin_src", "lin_dst", "lin_edge"),
    GATv2Conv: ("lin_l", "lin_r", "lin_edge"),
    TransformerConv: ("lin_query", "lin_key", "lin_value", "lin_edge"),
}
"""The maps of each type whose outputs its attention reads."""


@num_inputs.register(GATConv)
@num_inputs.register(GATv2Conv)
@num_inputs.register(TransformerConv)
def _(layer: GATConv | GATv2Conv | TransformerConv) -> int:
    return one_width(layer)


@num_outputs.register(GATConv)
@num_outputs.register(GATv2Conv)
@num_outputs.register(TransformerConv)
def _(layer: GATConv | GATv2Conv | TransformerConv) -> int:
    return int(layer.out_channels) * (layer.heads if layer.concat else 1)


@even_blocks.register(GATConv)
@even_blocks.register(GATv2Conv)
@even_blocks.register(TransformerConv)
def _(layer: GATConv | GATv2Conv | TransformerConv) -> tuple[int, int]:
    return 1, layer.heads if layer.concat else 1


@slice_in.register(GATConv)
@slice_in.register(GATv2Conv)
def _(layer: GATConv | GATv2Conv, keep: Tensor, scale: Tensor) -> GATConv | GATv2Conv:
    one_width(layer)
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
    per_head, rows, factor = _of_heads(layer, keep, scale)
    new = shallow(layer)
    for name in ("lin", "lin_src", "lin_dst", "lin_edge", "lin_l", "lin_r"):
        linear = getattr(layer, name, None)
        if linear is None:
            continue
        of_rows = factor
        if isinstance(linear, GatedLinear):
            with torch.no_grad():
                of_rows = factor * linear.gate.final_values().double().cpu()[per_head]
            linear = linear.linear
        setattr(new, name, slice_out(linear, rows, of_rows.repeat(layer.heads)))
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


@slice_in.register(TransformerConv)
def _(layer: TransformerConv, keep: Tensor, scale: Tensor) -> TransformerConv:
    one_width(layer)
    new = shallow(layer)
    for name in ("lin_query", "lin_key", "lin_value", "lin_skip"):
        setattr(new, name, slice_in(getattr(layer, name), keep, scale))
    new.in_channels = keep.numel()
    return new


@slice_out.register(TransformerConv)
def _(layer: TransformerConv, keep: Tensor, scale: Tensor | None = None) -> TransformerConv:
    r"""Rows of all heads; the scores' divisor :math:`\sqrt{C}` stays what it was.

    It would follow the number of channels, so the queries take
    :math:`\sqrt{C_\mathrm{kept} / C}`. A factor s on the outputs goes into values, keys and edges,
    and 1/s into the queries.
    """
    if layer.beta:
        raise InexactError(
            "A TransformerConv with beta=True weighs its skip by all channels: use beta=False."
        )
    per_head, rows, factor = _of_heads(layer, keep, scale)
    queries = math.sqrt(per_head.numel() / layer.out_channels) / factor
    new = shallow(layer)
    new.lin_query = slice_out(layer.lin_query, rows, queries.repeat(layer.heads))
    for name in ("lin_key", "lin_value", "lin_edge"):
        if getattr(layer, name) is not None:
            setattr(new, name, slice_out(getattr(layer, name), rows, factor.repeat(layer.heads)))
    new.lin_skip = slice_out(layer.lin_skip, keep, scale)
    new.out_channels = per_head.numel()
    return new


def _of_heads(
    layer: GATConv | GATv2Conv | TransformerConv, keep: Tensor, scale: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The kept channels of a head, the rows that write them in all heads, a head's factors."""
    heads, channels = layer.heads, layer.out_channels
    per_head = _channels_per_head(keep, heads, channels) if layer.concat else keep
    rows = (torch.arange(heads).unsqueeze(1) * channels + per_head).flatten()
    factor = torch.ones(per_head.numel(), dtype=torch.float64)
    if scale is not None:
        factor = scale[: per_head.numel()].double()
    return per_head, rows, factor


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
