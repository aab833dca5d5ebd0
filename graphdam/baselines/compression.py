"""A trained model made smaller without further training: fewer filters, or layers of low rank."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphdam.compaction import ChannelGroup, GatedModel, attach_gates
from graphdam.errors import InexactError, SettingsError


def largest_filters(
    model: nn.Module, groups: Sequence[ChannelGroup], *, removed: float
) -> dict[str, Tensor]:
    """The channels that stay where each group loses its filters of smallest L1 norm.

    A channel's norm is that of the weights which write it, over all producers of its group. At
    least one channel of a group stays.

    Args:
        model: which has these groups.
        groups: see `ChannelGroup`.
        removed: the share of each group's channels that goes, at least 0 and below 1.

    Returns:
        Indices in ascending order by group name, as `compact_model` and encoders take them.

    Raises:
        SettingsError: a share out of range.
        InexactError: a producer without weights that have a row for each channel.
    """
    keep = {}
    for group in groups:
        index = torch.arange(group.num_channels).repeat(group.repeats)
        norms = torch.zeros(group.num_channels)
        for path in group.producers:
            norms += _channel_norms(model, path, index, group.num_channels)
        keep[group.name] = _largest(norms, removed)
    return keep


def largest_gated_filters(
    model: GatedModel, *, removed: float, streams: bool = False
) -> dict[str, Tensor]:
    """The same for the groups of a model that `attach_gates` traced.

    Args:
        model: which has these groups.
        removed: the share of a group's channels that goes.
        streams: whether it goes as well where several layers write a channel together, as in a
            residual stream; there no one filter's size says what the channel is worth, and all of
            them stay otherwise.
    """
    keep, start = {}, 0
    _check_share(removed)
    for group in model.groups:
        norms = torch.zeros(group.num_channels)
        for path in group.producers:
            row = torch.from_numpy(model.layout.writes[path]) - start
            norms += _channel_norms(model.model, path, row, group.num_channels)
        is_stream = len(group.producers) > 1 and not streams
        keep[group.name] = _largest(norms, 0.0 if is_stream else removed)
        start += group.num_channels
    return keep


def without_filters(
    model: nn.Module,
    example_inputs: Tensor | Sequence[Any],
    *,
    removed: float,
    streams: bool = False,
) -> nn.Module:
    """A smaller model of the same class without the filters of smallest L1 norm.

    What is left is not trained further, and computes what the model would if the removed channels
    were 0 where they are read.

    Args:
        model: MLP, CNN or another model that `attach_gates` can trace; not changed.
        example_inputs: see `attach_gates`.
        removed: the share of channels that goes, alike in every group.
        streams: whether channels that several layers write lose it too, see
            `largest_gated_filters`.

    Raises:
        SettingsError: a share out of range.
        InexactError: see `attach_gates`.

    >>> net = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 2))
    >>> without_filters(net, torch.zeros(2, 4), removed=0.7)[0].out_features
    3
    """
    gated = attach_gates(model, example_inputs, gate="l1")  # every value is 1 at the start
    return gated.compact(keep=largest_gated_filters(gated, removed=removed, streams=streams))


def factorised(model: nn.Module, *, removed: float) -> nn.Module:
    r"""A model whose layers are two each: their weights' truncated singular value decomposition.

    .. math::
        W \approx U_r S_r V_r^\top = (U_r S_r^{1/2}) (S_r^{1/2} V_r^\top), \qquad
        r = \Big\lfloor (1 - q) \frac{m n}{m + n} \Big\rfloor

    for a matrix W [m, n] and the share q of its entries that goes; r is at least 1. A convolution
    is the matrix of its filters: r filters of its shape, then m of 1 × 1. Linear layers and
    convolutions (without groups) are split where that makes them smaller; others stay.

    Args:
        model: not changed.
        removed: q, at least 0 and below 1.

    Raises:
        SettingsError: a share out of range, or no layer that becomes smaller.

    >>> small = factorised(nn.Sequential(nn.Linear(30, 20)), removed=0.5)
    >>> [tuple(layer.weight.shape) for layer in small[0]]
    [(6, 30), (20, 6)]
    """
    _check_share(removed)
    small = copy.deepcopy(model)
    split = 0
    for path, layer in list(small.named_modules()):
        if type(layer) not in (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d):
            continue
        rank = low_rank(layer.weight, removed=removed)
        if rank is None or getattr(layer, "groups", 1) > 1:
            continue
        split += 1
        pair = _pair(layer, rank)
        if not path:
            return pair
        small.set_submodule(path, pair)
    if split == 0:
        raise SettingsError(
            f"No layer of this {type(model).__name__} becomes smaller as two layers of low rank: "
            f"linear layers and convolutions without groups are split, of two rows and columns or "
            f"more."
        )
    return small


def low_rank(weight: Tensor, *, removed: float) -> int | None:
    """The rank at which two layers hold that share less than a weight, or None if none does."""
    rows, columns = weight.size(0), weight[0].numel()
    rank = max(1, math.floor((1 - removed) * rows * columns / (rows + columns)))
    return rank if rank * (rows + columns) < rows * columns else None


@torch.no_grad()
def _pair(layer: nn.Module, rank: int) -> nn.Sequential:
    """The layer as one that makes `rank` channels and one that makes its own of them."""
    weight: Tensor = layer.weight  # type: ignore[assignment]
    left, sizes, right = torch.linalg.svd(weight.flatten(1).double(), full_matrices=False)
    root = sizes[:rank].sqrt()
    first_weight = (root.unsqueeze(1) * right[:rank]).to(weight.dtype)
    second_weight = (left[:, :rank] * root).to(weight.dtype)
    first, second = copy.deepcopy(layer), copy.deepcopy(layer)
    if isinstance(layer, nn.Linear):
        first = nn.Linear(layer.in_features, rank, bias=False)
        second = nn.Linear(rank, layer.out_features)
    else:
        assert isinstance(first, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        kind = type(first)
        first.out_channels = rank
        second = kind(rank, weight.size(0), 1)
    first.weight = nn.Parameter(first_weight.view(rank, *weight.shape[1:]))
    second.weight = nn.Parameter(
        second_weight.view(*second_weight.shape, *[1] * (weight.dim() - 2))
    )
    first.bias, second.bias = None, layer.bias  # type: ignore[assignment]
    return nn.Sequential(first, second).train(layer.training)


def _channel_norms(model: nn.Module, path: str, index: Tensor, count: int) -> Tensor:
    """L1 norms of the weights that write each channel; `index` says which one a row writes."""
    norms, mine = torch.zeros(count), (index >= 0) & (index < count)
    rows = [p for p in model.get_submodule(path).parameters() if p.dim() >= 2]
    rows = [p for p in rows if p.size(0) == len(index)]
    if not rows:
        raise InexactError(
            f"The filters of '{path}' cannot be told by their size: it has no weight with a row "
            f"for each of its {len(index)} outputs."
        )
    for weight in rows:
        sizes = weight.detach().abs().flatten(1).sum(1).float().cpu()
        norms.index_add_(0, index[mine], sizes[mine])
    return norms


def _largest(norms: Tensor, removed: float) -> Tensor:
    _check_share(removed)
    kept = max(1, len(norms) - round(removed * len(norms)))
    return norms.topk(kept).indices.sort().values


def _check_share(removed: float) -> None:
    if not 0 <= removed < 1:
        raise SettingsError(
            f"The share to remove lies at 0 or above and below 1, received {removed:g}."
        )
