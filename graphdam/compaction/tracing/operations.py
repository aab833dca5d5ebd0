"""What functions and tensor methods do to channels that they do not move: one rule a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphdam.compaction.tracing import movement
from graphdam.compaction.tracing.call import Call, without_channels
from graphdam.compaction.tracing.ties import Axes, Row, lasting

Rule = Callable[[Call], Any]

COMPUTED = "picks entries by an index that is computed"


def elementwise(call: Call) -> Any:
    """Every entry by itself; tensors that meet are tied, index by index, as they are broadcast."""
    if not isinstance(call.value, Tensor):
        return call.fix_all()
    shape = tuple(call.value.shape)
    rows: list[Row] = [lasting(size) for size in shape]
    for back in range(1, len(shape) + 1):
        met = [axes.rows[-back] for axes in call.given if len(axes.rows) >= back]
        met = [row for row in met if row.size == shape[-back] != 1]
        for other in met[1:]:
            call.records.ties.tie(met[0], other)
        if met:
            rows[-back] = met[0]
    return Axes(tuple(rows))


def like_the_first(call: Call) -> Any:
    """The first tensor's entries, or as many: in another type, or elsewhere."""
    return call.first if isinstance(call.value, Tensor) else call.fix_all()


def reduced(call: Call) -> Any:
    """`mean`, `sum`, `max` …: the axes that vanish must hold no channels."""
    value = call.value
    results = value if isinstance(value, tuple) else (value,)
    dims = call.argument(1, "dim", call.kwargs.get("axis"))
    if isinstance(dims, Tensor):  # the larger of two
        return elementwise(call)
    rank = len(call.first.rows)
    if isinstance(value, tuple) and not isinstance(dims, int):
        return call.fix_all()
    if dims is None or dims in ((), []):
        dims = range(rank)
    gone = {dim % rank for dim in ([dims] if isinstance(dims, int) else dims)}
    rows: list[Row] = []
    for axis, row in enumerate(call.first.rows):
        if axis in gone:
            call.fix(row, "runs over all of them")
        if axis not in gone or results[0].dim() == rank:
            rows.append(lasting(1) if axis in gone else row)
    out = Axes(tuple(rows))
    return tuple(out for _ in results) if isinstance(value, tuple) else out


def along(default: int | None) -> Rule:
    """Operations like `softmax`, in which the entries along one axis depend on each other."""

    def rule(call: Call) -> Any:
        dim = call.argument(1, "dim", getattr(call.module, "dim", default))
        if call.name == "normalize":
            dim = call.argument(2, "dim", default)
        if not isinstance(dim, int):
            return call.fix_all()
        call.fix(call.first.rows[dim], "runs over all of them")
        return call.first

    return rule


def halved(call: Call) -> Any:
    """`glu`: both halves of an axis go together."""
    dim = call.argument(1, "dim", getattr(call.module, "dim", -1))
    row = call.first.rows[dim]
    half = row.size // 2
    call.records.ties.tie(row[:half], row[half:])
    return call.first.with_row(dim % len(call.first.rows), row[:half])


def spatial(dims: int | None) -> Rule:
    """Pooling and resizing: the last `dims` axes (by default all but two) are an image's."""

    def rule(call: Call) -> Any:
        if not isinstance(call.value, Tensor) or call.value.dim() != len(call.first.rows):
            return call.fix_all()
        rank = call.value.dim()
        count = rank - 2 if dims is None else dims
        rows = list(call.first.rows)
        for axis in range(rank - count, rank):
            call.fix(rows[axis], "runs over all of them")
            rows[axis] = lasting(call.value.size(axis))
        return Axes(tuple(rows))

    return rule


def item(call: Call) -> Any:
    """`x[…]` of a tensor, or one of several values."""
    if isinstance(call.args[0], Tensor):
        if isinstance(call.args[1], Tensor):
            return selected(call)
        if any(isinstance(part, Tensor) for part in _flat(call.args[1])):
            return call.fix_all(COMPUTED)
        return movement.picked(call)
    found = call.axes[0][0]
    key = call.args[1]
    return found[key] if isinstance(found, (tuple, dict)) else None


def selected(call: Call) -> Any:
    """`x[index]`, as for the nodes at the ends of edges, and `index_select`: other axes whole."""
    key = call.args[1]
    dim, gone = 0, key.dim() if isinstance(key, Tensor) and key.dtype == torch.bool else 1
    if call.name == "index_select":
        dim = call.argument(1, "dim") % len(call.first.rows)
    rows = list(call.first.rows)
    for row in rows[dim : dim + gone]:
        call.fix(row, COMPUTED)
    new = call.value.dim() - len(rows) + gone
    rows[dim : dim + gone] = [lasting(size) for size in call.value.shape[dim : dim + new]]
    return Axes(tuple(rows))


def attribute(call: Call) -> Any:
    """`x.shape` is no tensor; `x.max(1).values` is one of several."""
    name = call.args[1]
    if name in ("values", "indices") and isinstance(call.axes[0][0], tuple):
        return call.axes[0][0][name == "indices"]
    if isinstance(call.value, Tensor):
        return movement.moved(call) if name in ("T", "mT") else call.fix_all()
    return None


def constant(call: Call) -> Any:
    """Depends on no entry: sizes, types, checks, a new tensor."""
    return without_channels(call.value)


def _flat(index: Any) -> tuple[Any, ...]:
    return tuple(index) if isinstance(index, (tuple, list)) else (index,)
