"""How convolutions lose channels: plain, grouped, depthwise and transposed, in 1 to 3 dimensions.

Every kernel is brought into one form, [groups, outputs a group, inputs a group, …], in which a rule
is one selection. Groups must stay of one size, so each must lose equally many channels. In a
depthwise convolution every input channel is a group of its own and goes with its outputs: such a
layer follows its channels and is cut by `slice_out` alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from graphdam.compaction.slicing import (
    even_blocks,
    num_inputs,
    num_outputs,
    select,
    shallow,
    slice_in,
    slice_out,
)
from graphdam.errors import InexactError


def is_depthwise(layer: _ConvNd) -> bool:
    """Whether every input channel is convolved alone."""
    return layer.groups == layer.in_channels > 1


@slice_out.register
def _(layer: _ConvNd, keep: Tensor, scale: Tensor | None = None) -> _ConvNd:
    kernel = _kernel(layer)
    groups, size = kernel.shape[:2]
    if scale is not None:
        factors = torch.ones(groups * size, dtype=scale.dtype).index_copy(0, keep, scale)
        kernel = kernel * factors.to(kernel).view(groups, size, *[1] * (kernel.dim() - 2))
    if is_depthwise(layer):
        kernel = kernel.index_select(0, _whole(layer, keep, size).to(kernel.device))
    else:
        kernel = _cut(kernel, 1, _split(layer, keep, groups, size))
    new = _with_kernel(layer, kernel)
    new.bias = select(layer.bias, 0, keep, scale)
    return new


@slice_in.register
def _(layer: _ConvNd, keep: Tensor, scale: Tensor) -> _ConvNd:
    if is_depthwise(layer):
        raise InexactError(
            f"A depthwise {type(layer).__name__} writes a channel for every channel it reads, and "
            f"loses both together: name it among the followers of a group, not its consumers."
        )
    kernel = _kernel(layer)
    groups, size = kernel.size(0), kernel.size(2)
    local = _split(layer, keep, groups, size)
    factors = scale.to(kernel).view(groups, 1, -1, *[1] * (kernel.dim() - 3))
    return _with_kernel(layer, _cut(kernel, 2, local) * factors)


@num_inputs.register
def _(layer: _ConvNd) -> int:
    return layer.in_channels


@num_outputs.register
def _(layer: _ConvNd) -> int:
    return layer.out_channels


@even_blocks.register
def _(layer: _ConvNd) -> tuple[int, int]:
    return (1, 1) if is_depthwise(layer) else (layer.groups, layer.groups)


def _kernel(layer: _ConvNd) -> Tensor:
    """The weight as [groups, outputs a group, inputs a group, …]."""
    blocks = layer.weight.detach().view(layer.groups, -1, *layer.weight.shape[1:])
    return blocks.transpose(1, 2) if layer.transposed else blocks


def _with_kernel(layer: _ConvNd, kernel: Tensor) -> _ConvNd:
    new = shallow(layer)
    new.groups, outputs, inputs = kernel.shape[:3]
    new.out_channels, new.in_channels = new.groups * outputs, new.groups * inputs
    blocks = kernel.transpose(1, 2) if layer.transposed else kernel
    weight = blocks.flatten(0, 1).contiguous().clone()
    new.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
    return new


def _cut(kernel: Tensor, dim: int, local: Tensor) -> Tensor:
    """Each group's own channels along `dim`; `local` [groups, kept] counts within the group."""
    index = local.to(kernel.device)
    return torch.stack([kernel[at].index_select(dim - 1, own) for at, own in enumerate(index)])


def _split(layer: _ConvNd, keep: Tensor, groups: int, size: int) -> Tensor:
    """The kept channels of each group, counted within it: [groups, kept a group]."""
    kept = torch.bincount(keep // size, minlength=groups)
    if bool((kept != kept[0]).any()):
        raise InexactError(
            f"The {groups} groups of a {type(layer).__name__} would keep {kept.tolist()} channels, "
            f"but groups are of one size: keep as many in each."
        )
    return (keep % size).view(groups, -1)


def _whole(layer: _ConvNd, keep: Tensor, size: int) -> Tensor:
    """The inputs whose outputs are kept, each with all `size` of them."""
    groups = keep[::size] // size
    blocks = groups.unsqueeze(1) * size + torch.arange(size)
    if not torch.equal(blocks.flatten(), keep):
        raise InexactError(
            f"A depthwise {type(layer).__name__} writes {size} channels for every one it reads, "
            f"and can only lose all of them together."
        )
    return groups
