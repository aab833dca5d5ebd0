"""Operations that only move entries: where the channels of each axis come to stand.

The operation itself is carried out on the indices of an axis, and where they arrive is read off.
No rule has to know what `permute` or `flatten` means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from graphdam.compaction.tracing.call import Call
from graphdam.compaction.tracing.ties import Axes, Row, lasting

HARD_CODED = (
    "names sizes as numbers, which would no longer be true of fewer channels: take them from "
    "x.size(), or write -1"
)
PART = "takes a part of them by numbers, which would be other channels once some are gone"


def moved(call: Call) -> Any:
    """An operation that works for any number of channels."""
    return _follow(call, lambda dim: True)


def reshaped(call: Call) -> Any:
    """`view`, `reshape`: a size that is a number holds only for what is no channel."""
    sizes = call.node.args[1:]
    if not sizes:
        sizes = (call.node.kwargs.get("shape", call.node.kwargs.get("size")),)
    return _follow(call, _computed(sizes))


def unflattened(call: Call) -> Any:
    """`unflatten(x, dim, sizes)`, as a layer too."""
    sizes: Any
    if call.module is not None:
        dim, sizes = int(call.module.dim), call.module.unflattened_size  # type: ignore[arg-type]
    else:
        dim, sizes = call.argument(1, "dim"), call.node.kwargs.get("sizes", call.node.args[-1])
    computed = _computed((sizes,))
    first = dim % len(call.first.rows)
    count = call.value.dim() - len(call.first.rows) + 1
    return _follow(call, lambda at: computed(at - first) if first <= at < first + count else True)


def expanded(call: Call) -> Any:
    """`expand`: a size that is a number keeps the channels of its axis."""
    return _follow(call, _computed(call.node.args[1:]))


def picked(call: Call) -> Any:
    """`x[…]`, `select`, `narrow`: an axis that holds channels must be taken whole."""
    result = _follow(call, lambda dim: True)
    for axis in call.first.live():
        row = call.first.rows[axis]
        if not any(np.array_equal(row, other) for other in result.rows):
            call.fix(row, PART)
    return result


def chunked(call: Call) -> Any:
    """`chunk`: the parts stay of one size, so their channels go together, index by index."""
    return _parts(call, call.argument(2, "dim", 0), even=True)


def split(call: Call) -> Any:
    """`split`: likewise where the size is computed; a number would no longer be true."""
    size = call.node.args[1] if len(call.node.args) > 1 else None
    return _parts(call, call.argument(2, "dim", 0), even=isinstance(size, fx.Node))


def unbound(call: Call) -> Any:
    """`unbind`: the parts lose an axis, which must hold no channels."""
    dim = call.argument(1, "dim", 0) % len(call.first.rows)
    call.fix(call.first.rows[dim], PART)
    rows = tuple(row for axis, row in enumerate(call.first.rows) if axis != dim)
    return tuple(Axes(rows) for _ in call.value)


def concatenated(call: Call) -> Any:
    """`cat`: rows one after the other along its dimension, tied on every other axis."""
    parts = call.given
    dim = call.argument(1, "dim", call.kwargs.get("axis", 0)) % call.value.dim()
    for part in parts[1:]:
        for axis, (one, other) in enumerate(zip(parts[0].rows, part.rows, strict=True)):
            if axis != dim:
                call.records.ties.tie(one, other)
    return parts[0].with_row(dim, np.concatenate([part.rows[dim] for part in parts]))


def stacked(call: Call) -> Any:
    """`stack`: tied on every axis, beside a new one."""
    parts = call.given
    dim = call.argument(1, "dim", 0) % call.value.dim()
    for part in parts[1:]:
        for one, other in zip(parts[0].rows, part.rows, strict=True):
            call.records.ties.tie(one, other)
    rows = list(parts[0].rows)
    rows.insert(dim, lasting(len(parts)))
    return Axes(tuple(rows))


def padded(call: Call) -> Any:
    """`pad` with a constant: what is added at either end of an axis is no channel."""
    sizes = call.argument(1, "pad")
    mode = call.argument(2, "mode", "constant")
    rows = list(call.first.rows)
    for pair in range(len(sizes) // 2):
        axis = len(rows) - 1 - pair
        before, after = sizes[2 * pair : 2 * pair + 2]
        if not before and not after:
            continue
        if mode == "constant" and min(before, after) >= 0:
            rows[axis] = np.concatenate([lasting(before), rows[axis], lasting(after)])
        else:
            call.fix(rows[axis], "copies or cuts some of them")
            rows[axis] = lasting(call.value.size(axis))
    return Axes(tuple(rows))


def shuffled(call: Call) -> Any:
    """`ChannelShuffle`: its groups stay of one size, so their channels go together."""
    groups = int(call.argument(1, "groups", getattr(call.module, "groups", 1)))
    call.records.ties.tie_blocks(call.first.rows[1].reshape(groups, -1))
    return moved(call)


def pixels_shuffled(call: Call) -> Any:
    """`PixelShuffle` and its inverse: what becomes one channel goes together."""
    axis = len(call.first.rows) - 3
    return _follow(call, lambda dim: dim == axis)


def _computed(sizes: Iterable[Any]) -> Callable[[int], bool]:
    """Which output axes have a size that follows the tensor's own: -1, or computed."""
    flat: list[Any] = []
    for size in sizes:
        if isinstance(size, (tuple, list)):
            flat += size
        else:
            flat.append(size)
    if len(flat) == 1 and isinstance(flat[0], fx.Node):  # another tensor's whole shape
        return lambda dim: True
    return lambda dim: dim < len(flat) and (isinstance(flat[dim], fx.Node) or flat[dim] == -1)


def _follow(call: Call, computed: Callable[[int], bool]) -> Any:
    """Carry the operation out on each axis's indices, and see along which axes they vary."""
    value: Tensor = call.value
    claimed: dict[int, Row] = {}
    for axis in call.first.live():
        row = call.first.rows[axis]
        arrived = _indices(call, axis)
        channels = torch.from_numpy(call.records.ties.find(row))[arrived]
        # Where channels repeat, as in a flattened image, they may vary along fewer axes.
        varying = _varying(arrived)
        following = [dim for dim in _varying(channels) if computed(dim)]
        following = following or [dim for dim in varying if computed(dim)]
        if not following:
            call.fix(row, HARD_CODED if varying else PART)
        if not varying:
            continue
        dim = (following or varying)[-1]
        # One index along `dim` may hold several channels, a head's and the next: they go together.
        lines = row[arrived.movedim(dim, 0).reshape(value.size(dim), -1).numpy()]
        call.records.ties.tie_blocks(np.unique(lines, axis=1).T)
        here = lines[:, 0]
        if dim in claimed:
            for both in (here, claimed[dim]):
                call.fix(both, "merges them with other channels into one axis")
        claimed[dim] = here
    return Axes(tuple(claimed.get(dim, lasting(size)) for dim, size in enumerate(value.shape)))


def _indices(call: Call, axis: int) -> Tensor:
    """The operation's result on a tensor that holds at every entry its index along `axis`."""
    shape = call.first.shape
    view = [1] * len(shape)
    view[axis] = -1
    indices = torch.arange(shape[axis]).view(view).expand(shape)
    if call.module is not None:
        moved_indices = call.module(indices.double()).long()
    else:
        rest, kwargs = call.args[1:], call.kwargs
        target: Any = call.node.target
        function = getattr(Tensor, target) if isinstance(target, str) else target
        # a view of an expanded tensor need not exist
        moved_indices = function(indices.contiguous(), *rest, **kwargs)
    assert isinstance(moved_indices, Tensor)
    return moved_indices


def _varying(indices: Tensor) -> list[int]:
    """The axes along which entries differ."""
    return [
        dim for dim in range(indices.dim()) if bool((indices != indices.narrow(dim, 0, 1)).any())
    ]


def _parts(call: Call, dim: int, *, even: bool) -> Any:
    dim %= len(call.first.rows)
    row = call.first.rows[dim]
    sizes = [part.size(dim) for part in call.value]
    stops = np.cumsum(sizes)
    pieces = [row[stop - size : stop] for stop, size in zip(stops, sizes, strict=True)]
    if bool(row.any()):
        if even and len(set(sizes)) == 1:
            call.records.ties.tie_blocks(np.stack(pieces))
        else:
            call.fix(row, PART)
    return tuple(call.first.with_row(dim, piece) for piece in pieces)
