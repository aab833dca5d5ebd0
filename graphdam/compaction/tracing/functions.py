"""The functions and tensor methods that are understood, by name; any other fixes its channels."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from graphdam.compaction.tracing import movement
from graphdam.compaction.tracing.operations import (
    Rule,
    along,
    attribute,
    constant,
    elementwise,
    halved,
    item,
    like_the_first,
    reduced,
    selected,
    spatial,
)

_ELEMENTWISE = (
    "abs", "add", "addcmul", "alpha_dropout", "celu", "clamp", "clamp_max", "clamp_min", "clip",
    "cos", "div", "dropout", "dropout1d", "dropout2d", "dropout3d", "elu", "eq", "erf", "exp",
    "expand_as", "expm1", "feature_alpha_dropout", "ge", "gelu", "gt", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "iadd", "imul", "isub", "itruediv", "le",
    "leaky_relu", "lerp", "log", "log1p", "logical_and", "logical_not", "logical_or", "logit",
    "logsigmoid", "lt", "masked_fill", "maximum", "minimum", "mish", "mul", "multiply", "ne",
    "neg", "negative", "pow", "reciprocal", "relu", "relu6", "rrelu", "rsqrt", "rsub", "selu",
    "sigmoid", "sign", "silu", "sin", "softplus", "softshrink", "softsign", "sqrt", "square",
    "sub", "subtract", "tan", "tanh", "tanhshrink", "threshold", "true_divide", "truediv",
    "where",
)  # fmt: skip
_LIKE_FIRST = (
    "bfloat16", "bool", "clone", "contiguous", "cpu", "cuda", "detach", "double", "float",
    "half", "int", "long", "ones_like", "rand_like", "randn_like", "requires_grad_", "to",
    "type", "type_as", "zeros_like",
)  # fmt: skip
_MOVING = (
    "flatten", "flip", "moveaxis", "movedim", "permute", "repeat", "repeat_interleave",
    "reshape_as", "squeeze", "swapaxes", "swapdims", "t", "tile", "transpose", "unsqueeze",
    "view_as",
)  # fmt: skip

LIBRARY: dict[Callable[..., Any], Rule] = {}
"""Functions of other libraries, which are not looked into."""

LIBRARY_MODULES: list[ModuleType] = []
"""Where those are found by a model that names them by their module."""

FUNCTIONS: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE, elementwise),
    **dict.fromkeys([f"{name}_" for name in _ELEMENTWISE], elementwise),
    **dict.fromkeys(_LIKE_FIRST, like_the_first),
    **dict.fromkeys(("amax", "amin", "max", "mean", "min", "std", "sum", "var"), reduced),
    **dict.fromkeys(("softmax", "log_softmax", "softmin"), along(None)),
    "normalize": along(1),
    "glu": halved,
    **dict.fromkeys(("interpolate", "upsample"), spatial(None)),
    **{
        f"{kind}_pool{dims}d": spatial(dims)
        for kind in ("avg", "max", "lp", "adaptive_avg", "adaptive_max")
        for dims in (1, 2, 3)
    },
    "getitem": item,
    "index_select": selected,
    "getattr": attribute,
    **dict.fromkeys(("new_empty", "new_full", "new_ones", "new_zeros"), constant),
    **dict.fromkeys(("dim", "numel", "size", "is_floating_point", "_assert"), constant),
    **dict.fromkeys(_MOVING, movement.moved),
    **dict.fromkeys(("view", "reshape"), movement.reshaped),
    **dict.fromkeys(("select", "narrow"), movement.picked),
    **dict.fromkeys(("cat", "concat", "concatenate"), movement.concatenated),
    "channel_shuffle": movement.shuffled,
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), movement.pixels_shuffled),
    "unflatten": movement.unflattened,
    "expand": movement.expanded,
    "chunk": movement.chunked,
    "split": movement.split,
    "unbind": movement.unbound,
    "stack": movement.stacked,
    "pad": movement.padded,
}
