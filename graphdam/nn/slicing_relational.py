"""How PyG's R-GCN loses channels: slicing rules, registered when this module is imported."""

from __future__ import annotations

from torch import Tensor
from torch_geometric.nn import RGCNConv

from graphdam.compaction import num_inputs, num_outputs, select, shallow, slice_in, slice_out
from graphdam.errors import InexactError
from graphdam.nn.slicing_convs import one_width


@num_inputs.register(RGCNConv)
def _(layer: RGCNConv) -> int:
    return one_width(layer)


@num_outputs.register(RGCNConv)
def _(layer: RGCNConv) -> int:
    return int(layer.out_channels)


@slice_out.register(RGCNConv)
def _(layer: RGCNConv, keep: Tensor, scale: Tensor | None = None) -> RGCNConv:
    _require_no_blocks(layer)
    new = shallow(layer)
    new.weight = select(layer.weight, 2, keep, scale)
    new.root = select(layer.root, 1, keep, scale)
    new.bias = select(layer.bias, 0, keep, scale)
    new.out_channels = keep.numel()
    return new


@slice_in.register(RGCNConv)
def _(layer: RGCNConv, keep: Tensor, scale: Tensor) -> RGCNConv:
    _require_no_blocks(layer)
    one_width(layer)
    new = shallow(layer)
    new.weight = select(layer.weight, 1, keep, scale)
    new.root = select(layer.root, 0, keep, scale)
    new.in_channels = new.in_channels_l = keep.numel()
    return new


def _require_no_blocks(layer: RGCNConv) -> None:
    if layer.num_blocks is not None:
        raise InexactError(
            f"An RGCNConv with num_blocks={layer.num_blocks} has blocks of one size, so single "
            f"channels cannot be removed: use num_bases."
        )
