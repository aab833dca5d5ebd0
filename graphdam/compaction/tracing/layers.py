"""What torch's layers do to channels: who writes, carries and reads them, by exact type."""

from __future__ import annotations

import re
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from graphdam.compaction.slicing_conv import is_depthwise
from graphdam.compaction.tracing import movement
from graphdam.compaction.tracing.call import Call
from graphdam.compaction.tracing.operations import (
    Rule,
    along,
    elementwise,
    halved,
    like_the_first,
    spatial,
)
from graphdam.compaction.tracing.ties import Axes, lasting


def linear(call: Call) -> Any:
    """Mixes the last axis."""
    assert isinstance(call.module, nn.Linear)
    call.records.read(call.path, -1, call.first.rows[-1])
    out = call.records.write(call.path, call.module.out_features)
    return call.first.with_row(len(call.first.rows) - 1, out)


def convolution(call: Call) -> Any:
    """Mixes its channel axis within groups; a depthwise one carries every channel along."""
    layer, records = call.module, call.records
    assert isinstance(layer, _ConvNd)
    dims = len(layer.kernel_size)
    rank = len(call.first.rows)
    at = rank - dims - 1
    row = call.first.rows[at]
    if is_depthwise(layer):
        out = row.repeat(layer.out_channels // layer.in_channels)
        records.follow(call.path, out)
    else:
        records.read(call.path, -dims - 1, row)
        out = records.write(call.path, layer.out_channels)
        for side in (row, out):
            # Groups stay of one size: the same channel of each goes with the others.
            records.ties.tie_blocks(side.reshape(layer.groups, -1))
    rows = list(call.first.rows)
    rows[at] = out
    for axis in range(at + 1, rank):
        call.fix(rows[axis], "runs over all of them")
        rows[axis] = lasting(call.value.size(axis))
    return Axes(tuple(rows))


def norm(call: Call) -> Any:
    """Batch and instance norm: every channel alone, with a weight or statistics for each."""
    assert isinstance(call.module, _NormBase)
    axis = 1
    if isinstance(call.module, nn.modules.instancenorm._InstanceNorm):
        dims = int(call.name[-2])
        axis = len(call.first.rows) - dims - 1
        for image in range(axis + 1, len(call.first.rows)):
            call.fix(call.first.rows[image], "runs over all of them")
    call.records.follow(call.path, call.first.rows[axis])
    return call.first


def group_norm(call: Call) -> Any:
    """Every channel alone where each is a group of its own."""
    layer = call.module
    assert isinstance(layer, nn.GroupNorm)
    row = call.first.rows[1]
    for image in call.first.rows[2:]:
        call.fix(image, "normalises over all of them")
    if layer.num_groups == layer.num_channels:
        call.records.follow(call.path, row)
    else:
        call.fix(
            row,
            f"normalises over groups of {layer.num_channels // layer.num_groups} channels, closed "
            f"ones included: give each channel a group of its own",
        )
    return call.first


def layer_norm(call: Call) -> Any:
    """Normalises over its last axes, whose channels must stay."""
    shape: Any = call.module.normalized_shape  # type: ignore[union-attr]
    for row in call.first.rows[-len(shape) :]:
        call.fix(row, "normalises each row over all of them, closed ones included")
    return call.first


def slopes(call: Call) -> Any:
    """`PReLU`: one slope for all channels, or one for each."""
    assert isinstance(call.module, nn.PReLU)
    if call.module.num_parameters > 1:
        call.records.follow(call.path, call.first.rows[1])
    return call.first


def embedding(call: Call) -> Any:
    """Writes a new last axis."""
    layer = call.module
    assert isinstance(layer, (nn.Embedding, nn.EmbeddingBag))
    if layer.max_norm is not None:
        return call.fix_all("shortens its vectors by their norm over all channels")
    out = call.records.write(call.path, layer.embedding_dim)
    if isinstance(layer, nn.EmbeddingBag):
        return Axes((lasting(call.value.size(0)), out))
    return Axes((*call.first.rows, out))


_ACTIVATIONS = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh,
    nn.LeakyReLU, nn.LogSigmoid, nn.Mish, nn.ReLU, nn.ReLU6, nn.RReLU, nn.SELU, nn.SiLU,
    nn.Sigmoid, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh, nn.Tanhshrink, nn.Threshold,
    nn.AlphaDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout,
)  # fmt: skip
_CONVOLUTIONS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
_NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
)  # fmt: skip

LAYERS: dict[type[nn.Module], Rule] = {
    nn.Identity: like_the_first,
    nn.Linear: linear,
    nn.Embedding: embedding,
    nn.EmbeddingBag: embedding,
    **dict.fromkeys(_CONVOLUTIONS, convolution),
    **dict.fromkeys(_NORMS, norm),
    nn.GroupNorm: group_norm,
    nn.LayerNorm: layer_norm,
    nn.RMSNorm: layer_norm,
    nn.PReLU: slopes,
    **dict.fromkeys(_ACTIVATIONS, elementwise),
    **dict.fromkeys((nn.Softmax, nn.LogSoftmax, nn.Softmin), along(None)),
    nn.GLU: halved,
    nn.Flatten: movement.moved,
    nn.Unflatten: movement.unflattened,
    nn.ChannelShuffle: movement.shuffled,
    **dict.fromkeys((nn.PixelShuffle, nn.PixelUnshuffle), movement.pixels_shuffled),
    **dict.fromkeys((nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d), spatial(None)),
}


OPAQUE: list[type[nn.Module]] = []
"""Base classes of another library's layers, which are not looked into though no rule knows them."""


def is_whole(layer: nn.Module) -> bool:
    """Whether a layer of another library is one operation, and not looked into."""
    return type(layer) in LAYERS or isinstance(layer, tuple(OPAQUE))


def rule_of(layer: nn.Module) -> Rule | None:
    """The rule of a layer's type; a subclass may compute something else, and has none."""
    kind = type(layer)
    if kind in LAYERS:
        return LAYERS[kind]
    image = re.fullmatch(r"\w*(?:Pool|Pad)([123])d", kind.__name__)
    if image and kind.__module__.startswith("torch.nn."):
        return spatial(int(image[1]))
    return None
