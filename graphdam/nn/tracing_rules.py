"""What PyG's layers and functions do to channels: what lets `attach_gates` into somebody's own GNN.

Registered when this module is imported. A convolution is one operation, whatever its code: it reads
the channels of its nodes, and writes others, wherever its slicing rules know how to lose them. One
without rules, as of somebody's own, keeps its channels and is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric import utils
from torch_geometric.nn import aggr
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.dense.linear import Linear

from graphdam.compaction import even_blocks, num_outputs, slice_in, slice_out
from graphdam.compaction.tracing.call import Call, held, without_channels
from graphdam.compaction.tracing.functions import LIBRARY, LIBRARY_MODULES
from graphdam.compaction.tracing.layers import LAYERS, OPAQUE
from graphdam.compaction.tracing.operations import like_the_first
from graphdam.compaction.tracing.ties import Axes, Reason, Row, lasting
from graphdam.errors import InexactError
from graphdam.nn import slicing, slicing_relational  # noqa: F401  (register how layers are cut)
from graphdam.nn.exactness import FOLDABLE_AGGREGATIONS, check_activation
from graphdam.nn.slicing_attention import ATTENTION
from graphdam.nn.slicing_convs import ENDS, LINEAR_CONVOLUTIONS, refuse_inner_maps


def convolution(call: Call) -> Any:
    """Reads the last axis of its nodes' features, writes another; edges hold no channels."""
    features = _features(call)
    if not features or not isinstance(call.value, Tensor):
        return call.fix_all()
    for axes in call.given:
        if not any(axes is known for known in features):
            for other in axes.rows:
                call.fix(other, "reads them beside the features of its nodes")
    layer = _module(call)
    if type(layer) in ENDS and isinstance(layer.in_channels, tuple):
        return _between_kinds(call, features)
    row = _one_row(call, features)
    ones = torch.ones(row.size)
    refusal = _mixing(layer) or _refusal(lambda: slice_in(layer, torch.arange(row.size), ones))
    if refusal is None:
        call.records.read(call.path, -1, row)
    else:
        call.records.ties.fix(row, Reason(refusal))
    return _written(call)


def _between_kinds(call: Call, features: list[Axes]) -> Any:
    """A layer between two kinds of nodes: each end is read by maps of its own."""
    layer = _module(call)
    refusal = _mixing(layer) or _refusal(refuse_inner_maps, layer)
    seen: dict[int, Row] = {}
    for names, axes in zip(ENDS[type(layer)], (features[0], features[-1]), strict=True):
        for row in axes.rows[:-1]:
            call.fix(row, "runs over all of them")
        for name in names:
            inner, row = getattr(layer, name, None), axes.rows[-1]
            if refusal is not None:
                call.records.ties.fix(row, Reason(refusal))
            elif inner is not None and id(inner) in seen:
                call.records.ties.tie(seen[id(inner)], row)  # one map for both ends
            elif inner is not None:
                seen[id(inner)] = row
                call.records.read(f"{call.path}.{name}", -1, row)
    return _written(call)


def attention(call: Call) -> Any:
    """Likewise; its own attention reads the channels that it writes."""
    out = convolution(call)
    layer: Any = call.module
    if isinstance(out, Axes) and call.path in call.records.writes:
        row = out.rows[-1] if layer.concat else np.tile(out.rows[-1], layer.heads)
        found = {name: getattr(layer, name, None) for name in ATTENTION[type(layer)]}
        # A map that serves both ends of an edge has two names.
        once = {id(linear): name for name, linear in found.items() if linear is not None}
        call.records.inside |= {f"{call.path}.{name}": row for name in once.values()}
    return out


def isomorphism(call: Call) -> Any:
    """GIN: sums over neighbours, every channel alone, which a module of its own reads."""
    features = _features(call)
    if not features:
        return call.fix_all()
    row = _one_row(call, features)
    added = _axes_of(call, 2, "edge_attr")
    if isinstance(call.module, pyg.GINEConv) and isinstance(added, Axes):
        edges = added.rows[-1]
        if call.module.lin is not None:
            call.records.read(f"{call.path}.lin", -1, edges)
            edges = call.records.write(f"{call.path}.lin", num_outputs(call.module.lin))
        call.records.ties.tie(row, edges)
    return _through_child(call, row)


def edge_convolution(call: Call) -> Any:
    """EdgeConv: a module of its own reads a node beside its difference from a neighbour."""
    features = _features(call)
    if not features:
        return call.fix_all()
    row = _one_row(call, features)
    return _through_child(call, np.concatenate([row, row]))


def propagation(call: Call) -> Any:
    """Messages without weights: every channel alone."""
    features = _features(call)
    if not features or not isinstance(call.value, Tensor) or _mixing(_module(call)):
        return call.fix_all()
    row = _one_row(call, features)
    return Axes((*(lasting(size) for size in call.value.shape[:-1]), row))


def linear(call: Call) -> Any:
    """Mixes the last axis."""
    call.records.read(call.path, -1, call.first.rows[-1])
    out = call.records.write(call.path, num_outputs(_module(call)))
    return call.first.with_row(len(call.first.rows) - 1, out)


def norm(call: Call) -> Any:
    """Every channel alone with weights for it, or the channels stay."""
    row = call.first.rows[-1]
    layer = _module(call)
    refusal = _refusal(lambda: slice_out(layer, torch.arange(row.size)))
    if refusal is None:
        call.records.follow(call.path, row)
    else:
        call.records.ties.fix(row, Reason(refusal))
    return call.first


def pooled(call: Call) -> Any:
    """`global_mean_pool`, `scatter` and aggregations: over nodes, every channel alone."""
    value, rows = call.value, call.first.rows
    if not isinstance(value, Tensor) or value.dim() != len(rows) or len(rows) < 2:
        return call.fix_all()
    for row in rows[:-1]:
        call.fix(row, "runs over all of them")
    return Axes((*(lasting(size) for size in value.shape[:-1]), rows[-1]))


def scattered(call: Call) -> Any:
    """`scatter` along another axis than the last, by an index that all channels share."""
    dim, index = call.argument(2, "dim", 0), call.argument(1, "index")
    is_last = dim in (-1, len(call.first.rows) - 1)
    return call.fix_all() if is_last or index.dim() != 1 else pooled(call)


def edges(call: Call) -> Any:
    """What is done to edges alone: there are no channels in it."""
    if any(axes.live() for axes in call.given):
        return call.fix_all()
    return without_channels(call.value)


def _written(call: Call) -> Any:
    layer = _module(call)
    refusal = _mixing(layer) or _refusal(lambda: slice_out(layer, torch.arange(num_outputs(layer))))
    if refusal is not None:
        return _unruled(call, refusal)
    out = call.records.write(call.path, num_outputs(layer))
    call.records.ties.tie_blocks(out.reshape(even_blocks(layer)[1], -1))
    return Axes((*(lasting(size) for size in call.value.shape[:-1]), out))


def _through_child(call: Call, row: Row) -> Any:
    """What the layer's own module `nn` makes of the channels in `row`."""
    layer: Any = call.module
    taken: list[Tensor] = []
    handle = layer.nn.register_forward_pre_hook(lambda _, args: taken.append(args[0]))
    try:
        layer(*call.args, **call.kwargs)
    finally:
        handle.remove()
    refusal = _mixing(layer)
    if refusal is not None:
        return _unruled(call, refusal)
    inner = Axes((*(lasting(size) for size in taken[0].shape[:-1]), row))
    out = call.within("nn", inner, taken[0])
    return Axes((*(lasting(size) for size in call.value.shape[:-1]), out.rows[-1]))


def _unruled(call: Call, why: str) -> Any:
    """The layer keeps the channels that it writes, for a reason that is told."""
    call.records.unruled[call.path] = why
    return held(call.value, call.records.ties, Reason(why))


def _axes_of(call: Call, position: int, name: str) -> Any:
    args, kwargs = call.axes
    return args[position] if len(args) > position else kwargs.get(name)


def _features(call: Call) -> list[Axes]:
    """What is known of the nodes' features: of one tensor, or of a pair for two kinds of nodes."""
    found = _axes_of(call, 0, "x")
    parts = found if isinstance(found, tuple) else (found,)
    return [axes for axes in parts if isinstance(axes, Axes) and len(axes.rows) > 1]


def _one_row(call: Call, features: list[Axes]) -> Row:
    """The channels of the nodes' features, the same at both ends of an edge."""
    call.records.ties.tie_blocks([axes.rows[-1] for axes in features])
    for axes in features:
        for row in axes.rows[:-1]:
            call.fix(row, "runs over all of them")
    return features[0].rows[-1]


def _mixing(layer: Any) -> str | None:
    """Why a layer's messages do not treat every channel alone."""
    if layer.aggr in FOLDABLE_AGGREGATIONS:
        return _refusal(check_activation, getattr(layer, "act", None), 2)
    return (
        f"the messages of a {type(layer).__name__} are gathered by {layer.aggr!r}: it is exact "
        f"with {', '.join(FOLDABLE_AGGREGATIONS)}"
    )


def _refusal(check: Callable[..., object], *arguments: Any) -> str | None:
    """The sentence with which an exact operation is refused, or None."""
    try:
        check(*arguments)
    except InexactError as error:
        return str(error).rstrip(".")
    return None


def _module(call: Call) -> nn.Module:
    assert call.module is not None
    return call.module


_NORMS = (
    pyg.BatchNorm, pyg.GraphNorm, pyg.InstanceNorm, pyg.LayerNorm, pyg.PairNorm,
    pyg.DiffGroupNorm, pyg.MessageNorm,
)  # fmt: skip
_POOLING = (
    pyg.global_add_pool, pyg.global_max_pool, pyg.global_mean_pool, utils.softmax,
)  # fmt: skip
_AGGREGATIONS = (
    aggr.MaxAggregation, aggr.MeanAggregation, aggr.MedianAggregation, aggr.MinAggregation,
    aggr.MulAggregation, aggr.StdAggregation, aggr.SumAggregation, aggr.VarAggregation,
)  # fmt: skip
_EDGES = (
    gcn_norm, utils.add_remaining_self_loops, utils.add_self_loops, utils.coalesce, utils.degree,
    utils.dropout_edge, utils.dropout_node, utils.remove_self_loops, utils.sort_edge_index,
    utils.to_undirected,
)  # fmt: skip

OPAQUE += [pyg.MessagePassing, aggr.Aggregation, pyg.TopKPooling, pyg.SAGPooling, pyg.ASAPooling]
LAYERS |= {
    **dict.fromkeys((*LINEAR_CONVOLUTIONS, pyg.RGCNConv), convolution),
    **dict.fromkeys(ATTENTION, attention),
    **dict.fromkeys((pyg.GINConv, pyg.GINEConv), isomorphism),
    pyg.EdgeConv: edge_convolution,
    **dict.fromkeys((pyg.APPNP, pyg.LGConv, pyg.SimpleConv), propagation),
    Linear: linear,
    **dict.fromkeys(_NORMS, norm),
    **dict.fromkeys((pyg.GraphSizeNorm, pyg.MeanSubtractionNorm), like_the_first),
    **dict.fromkeys(_AGGREGATIONS, pooled),
}
LIBRARY |= {
    **dict.fromkeys(_POOLING, pooled),
    utils.scatter: scattered,
    **dict.fromkeys(_EDGES, edges),
}
LIBRARY_MODULES += [pyg, utils]
