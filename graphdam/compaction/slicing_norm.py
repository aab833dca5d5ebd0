"""How norms and other layers that treat each channel alone lose channels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.modules.pooling import (
    _AdaptiveAvgPoolNd,
    _AdaptiveMaxPoolNd,
    _AvgPoolNd,
    _MaxPoolNd,
)

from graphdam.compaction.slicing import num_outputs, select, shallow, slice_out
from graphdam.errors import InexactError


@slice_out.register(_BatchNorm)
@slice_out.register(_InstanceNorm)
def _(layer: _NormBase, keep: Tensor, scale: Tensor | None = None) -> _NormBase:
    if scale is not None and layer.weight is None:
        raise InexactError(absorbs_nothing(layer))
    new = shallow(layer)
    new.weight = select(layer.weight, 0, keep, scale)  # type: ignore[assignment]
    new.bias = select(layer.bias, 0, keep, scale)  # type: ignore[assignment]
    for name in ("running_mean", "running_var"):
        buffer = getattr(layer, name)
        if buffer is not None:
            setattr(new, name, buffer.index_select(0, keep.to(buffer.device)).clone())
    new.num_features = keep.numel()
    return new


@num_outputs.register(_BatchNorm)
@num_outputs.register(_InstanceNorm)
def _(layer: _NormBase) -> int:
    return layer.num_features


@slice_out.register
def _(layer: nn.GroupNorm, keep: Tensor, scale: Tensor | None = None) -> nn.GroupNorm:
    if layer.num_groups != layer.num_channels:
        raise InexactError(mixing_norm("GroupNorm", "over groups of channels"))
    if scale is not None and not layer.affine:
        raise InexactError(absorbs_nothing(layer))
    new = shallow(layer)
    new.weight = select(layer.weight, 0, keep, scale)  # type: ignore[assignment]
    new.bias = select(layer.bias, 0, keep, scale)  # type: ignore[assignment]
    new.num_channels = new.num_groups = keep.numel()
    return new


@num_outputs.register
def _(layer: nn.GroupNorm) -> int:
    return layer.num_channels


@slice_out.register
def _(layer: nn.LayerNorm, keep: Tensor, scale: Tensor | None = None) -> nn.Module:
    raise InexactError(mixing_norm("LayerNorm", "each row over all channels"))


@slice_out.register
def _(layer: nn.PReLU, keep: Tensor, scale: Tensor | None = None) -> nn.PReLU:
    if scale is not None:
        raise InexactError(absorbs_nothing(layer))
    new = shallow(layer)
    if layer.num_parameters > 1:  # one slope for all channels is every channel's
        new.weight = select(layer.weight, 0, keep)  # type: ignore[assignment]
        new.num_parameters = keep.numel()
    return new


@num_outputs.register
def _(layer: nn.PReLU) -> int:
    return layer.num_parameters


@slice_out.register(nn.Identity)
@slice_out.register(_DropoutNd)
@slice_out.register(_MaxPoolNd)
@slice_out.register(_AvgPoolNd)
@slice_out.register(_AdaptiveMaxPoolNd)
@slice_out.register(_AdaptiveAvgPoolNd)
def _(layer: nn.Module, keep: Tensor, scale: Tensor | None = None) -> nn.Module:
    if scale is not None:
        raise InexactError(absorbs_nothing(layer))
    return layer


def absorbs_nothing(layer: nn.Module) -> str:
    """The sentence that refuses a layer without a weight for every channel as the last before a
    gate that nothing reads.
    """
    return (
        f"{type(layer).__name__} without a weight for every channel cannot absorb a gate's "
        f"values, and no layer reads what it writes: use a norm with weights, such as a batch norm "
        f"with affine=True, or none."
    )


def mixing_norm(name: str, over: str) -> str:
    """The sentence that refuses a norm whose statistics mix channels."""
    return (
        f"{name} normalises {over}, closed ones included, so removing channels changes its "
        f"outputs: use a batch norm, which treats every channel alone."
    )
