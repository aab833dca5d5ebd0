"""How PyG's convolutions that are linear maps and messages lose channels: rules, by their maps.

Such a layer reads its inputs, or sums of them over neighbours, through linear maps, and what these
write is added, or passed on channel by channel. So it loses channels where its maps do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import (
    ChebConv,
    ClusterGCNConv,
    GATConv,
    GATv2Conv,
    GCNConv,
    GraphConv,
    LEConv,
    ResGatedGraphConv,
    SAGEConv,
    SGConv,
    SSGConv,
    TAGConv,
    TransformerConv,
)

from graphdam.compaction import num_inputs, num_outputs, select, shallow, slice_in, slice_out
from graphdam.errors import InexactError

LINEAR_CONVOLUTIONS: dict[type[nn.Module], tuple[str, ...]] = {
    GCNConv: ("lin",),
    SAGEConv: ("lin_l", "lin_r"),
    GraphConv: ("lin_rel", "lin_root"),
    SGConv: ("lin",),
    SSGConv: ("lin",),
    TAGConv: ("lins",),
    ChebConv: ("lins",),
    ClusterGCNConv: ("lin_out", "lin_root"),
    LEConv: ("lin1", "lin2", "lin3"),
    ResGatedGraphConv: ("lin_key", "lin_query", "lin_value", "lin_skip"),
}
"""The linear maps of each type, or lists of them, by the names that they have in it."""

ENDS: dict[type[nn.Module], tuple[tuple[str, ...], tuple[str, ...]]] = {
    SAGEConv: (("lin_l",), ("lin_r",)),
    GraphConv: (("lin_rel",), ("lin_root",)),
    LEConv: (("lin1",), ("lin2", "lin3")),
    GATConv: (("lin_src",), ("lin_dst", "res")),
    GATv2Conv: (("lin_l",), ("lin_r", "res")),
    TransformerConv: (("lin_key", "lin_value"), ("lin_query", "lin_skip")),
}
"""Which maps read the nodes that messages come from, and which those that they go to, in layers
between two kinds of nodes."""

_SQUASHED = {ResGatedGraphConv: ("lin_key", "lin_query")}
"""Maps that a factor on the outputs must not reach: what they write goes through a sigmoid."""


def one_width(layer: nn.Module) -> int:
    """The input channels of a layer that reads one kind of nodes.

    Raises:
        InexactError: it reads two kinds, with channels of their own.
    """
    if not isinstance(layer.in_channels, int):
        raise InexactError(
            f"A {type(layer).__name__} with in_channels={layer.in_channels} reads two kinds of "
            f"nodes, and a gate rules the channels of one: use one number."
        )
    return layer.in_channels


def _register(kind: type[nn.Module], names: tuple[str, ...]) -> None:
    squashed = _SQUASHED.get(kind, ())

    def sliced(layer: Any, cut: Callable[[nn.Module, str], nn.Module]) -> Any:
        new = shallow(layer)
        for name in names:
            found = getattr(layer, name, None)
            if isinstance(found, nn.ModuleList):
                setattr(new, name, nn.ModuleList(cut(linear, name) for linear in found))
            elif found is not None:
                setattr(new, name, cut(found, name))
        return new

    def without_outputs(layer: Any, keep: Tensor, scale: Tensor | None = None) -> Any:
        _refuse_normalised(layer)
        new = sliced(
            layer, lambda linear, of: slice_out(linear, keep, None if of in squashed else scale)
        )
        if isinstance(getattr(layer, "bias", None), Tensor):
            new.bias = select(layer.bias, 0, keep, scale)
        new.out_channels = keep.numel()
        return new

    def without_inputs(layer: Any, keep: Tensor, scale: Tensor) -> Any:
        refuse_inner_maps(layer)
        one_width(layer)
        new = sliced(layer, lambda linear, _: slice_in(linear, keep, scale))
        new.in_channels = keep.numel()
        return new

    slice_out.register(kind, without_outputs)
    slice_in.register(kind, without_inputs)
    num_inputs.register(kind, one_width)
    num_outputs.register(kind, lambda layer: int(layer.out_channels))


def _refuse_normalised(layer: nn.Module) -> None:
    if isinstance(layer, SAGEConv) and layer.normalize:
        raise InexactError(
            "A SAGEConv with normalize=True divides by the norm over all channels, so removing "
            "some changes the others: use normalize=False."
        )


def refuse_inner_maps(layer: nn.Module) -> None:
    """Refuse what reads its inputs through a map that no gate rules.

    Raises:
        InexactError: it is projected, or beside edges.
    """
    if isinstance(layer, SAGEConv) and layer.project:
        raise InexactError(
            "A SAGEConv with project=True maps its inputs to as many channels of its own, which "
            "no gate rules: use project=False."
        )
    if isinstance(layer, ResGatedGraphConv) and layer.edge_dim is not None:
        raise InexactError(
            f"A ResGatedGraphConv with edge_dim={layer.edge_dim} reads edges and nodes through one "
            f"matrix: use edge_dim=None."
        )


for _kind, _names in LINEAR_CONVOLUTIONS.items():
    _register(_kind, _names)
