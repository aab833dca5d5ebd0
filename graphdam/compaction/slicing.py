"""How each type of layer loses output channels and input channels: rules by layer type.

A rule returns a new layer and leaves the given one as it was. Here are the rules of the layers that
are one matrix; `slicing_conv` and `slicing_norm` register theirs. Rules for further types are added
with `slice_out.register` and `slice_in.register`; a type without a rule is refused by name.
"""

from __future__ import annotations

import copy
from functools import singledispatch
from typing import TypeVar

from torch import Tensor, nn

from graphdam.errors import InexactError

Layer = TypeVar("Layer", bound=nn.Module)


@singledispatch
def slice_out(layer: nn.Module, keep: Tensor, scale: Tensor | None = None) -> nn.Module:
    """The layer reduced to some of its outputs, and these multiplied by `scale`.

    Args:
        layer: the layer to slice; not changed.
        keep: indices of the outputs that survive, ascending: int64 [K].
        scale: factors [K] of the surviving outputs; None for 1.

    Raises:
        InexactError: the type has no rule, or cannot be sliced exactly.
    """
    raise InexactError(_no_rule(layer))


@singledispatch
def slice_in(layer: nn.Module, keep: Tensor, scale: Tensor) -> nn.Module:
    """The layer reduced to some of its inputs, with a gate's values folded in.

    The new layer computes from the surviving inputs v what the given one computes from inputs
    that hold `scale · v` at `keep` and 0 elsewhere.

    Args:
        layer: the layer to slice; not changed.
        keep: indices of the inputs that survive, ascending: int64 [K].
        scale: factors [K] of the surviving inputs.

    Raises:
        InexactError: the type has no rule, or cannot be sliced exactly.
    """
    raise InexactError(_no_rule(layer))


@singledispatch
def num_inputs(layer: nn.Module) -> int:
    """How many input channels the layer reads."""
    raise InexactError(_no_rule(layer))


@singledispatch
def num_outputs(layer: nn.Module) -> int:
    """How many output channels the layer writes."""
    raise InexactError(_no_rule(layer))


@singledispatch
def even_blocks(layer: nn.Module) -> tuple[int, int]:
    """Into how many blocks its inputs and its outputs fall that must stay of one size.

    Groups of a convolution, heads of an attention layer: the same channels of each block stay.
    """
    return 1, 1


def _no_rule(layer: nn.Module) -> str:
    return (
        f"No rule says how a {type(layer).__name__} loses channels without changing the model's "
        f"outputs: leave the channels it touches ungated, or register a rule with "
        f"graphdam.compaction.slice_out.register and slice_in.register."
    )


def select(
    parameter: Tensor | None, dim: int, keep: Tensor, scale: Tensor | None = None
) -> nn.Parameter | None:
    """A new parameter with the kept indices along `dim`, times `scale` along it."""
    if parameter is None:
        return None
    kept = parameter.detach().index_select(dim, keep.to(parameter.device))
    if scale is not None:
        shape = [1] * kept.dim()
        shape[dim] = -1
        kept = kept * scale.to(kept).view(shape)
    return nn.Parameter(kept.clone(), requires_grad=parameter.requires_grad)


def shallow(layer: Layer) -> Layer:
    """A copy whose parameters, buffers and children can be replaced without touching the layer."""
    twin = copy.copy(layer)
    for name in ("_parameters", "_buffers", "_modules"):
        twin.__dict__[name] = dict(layer.__dict__[name])
    return twin


@slice_out.register
def _(layer: nn.Linear, keep: Tensor, scale: Tensor | None = None) -> nn.Linear:
    new = shallow(layer)
    new.weight = select(layer.weight, 0, keep, scale)  # type: ignore[assignment]
    new.bias = select(layer.bias, 0, keep, scale)  # type: ignore[assignment]
    new.out_features = keep.numel()
    return new


@slice_in.register
def _(layer: nn.Linear, keep: Tensor, scale: Tensor) -> nn.Linear:
    new = shallow(layer)
    new.weight = select(layer.weight, 1, keep, scale)  # type: ignore[assignment]
    new.in_features = keep.numel()
    return new


@num_inputs.register
def _(layer: nn.Linear) -> int:
    return layer.in_features


@num_outputs.register
def _(layer: nn.Linear) -> int:
    return layer.out_features


@slice_out.register(nn.Embedding)
@slice_out.register(nn.EmbeddingBag)
def _(
    layer: nn.Embedding | nn.EmbeddingBag, keep: Tensor, scale: Tensor | None = None
) -> nn.Embedding | nn.EmbeddingBag:
    if layer.max_norm is not None:
        raise InexactError(
            f"{type(layer).__name__} with max_norm shortens its vectors by their norm over all "
            f"channels, so removing some changes the others: use max_norm=None."
        )
    new = shallow(layer)
    new.weight = select(layer.weight, 1, keep, scale)  # type: ignore[assignment]
    new.embedding_dim = keep.numel()
    return new


@num_outputs.register(nn.Embedding)
@num_outputs.register(nn.EmbeddingBag)
def _(layer: nn.Embedding | nn.EmbeddingBag) -> int:
    return layer.embedding_dim
