"""Residual networks with pre-activation, at the size of CIFAR's images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from graphdam.errors import SettingsError, unknown_choice
from graphdam.nn.image_parts import checked_widths, draw_convolutions

Block = Literal["basic", "bottleneck"]

BOTTLENECK_FROM = 164
"""The depth from which on a bottleneck is the default where both blocks fit."""

EXPANSION = 4

LAYERS: dict[Block, int] = {"basic": 6, "bottleneck": 9}
"""What one more block in each of the three stages adds to the depth."""


class PreResNet(nn.Module):
    r"""The network of `"Identity Mappings in Deep Residual Networks"
    <https://arxiv.org/abs/1603.05027>`_ for CIFAR.

    .. math::
        x^{(l+1)} = s(x^{(l)}) + F(x^{(l)})

    where batch norm and ReLU stand before every convolution of F, so that nothing but the sum
    touches the stream x. The shortcut s is the identity, or a 1 × 1 convolution where the stream
    changes its width or size. Departure: it reads x itself in the first block too, where the
    paper's reads x after norm and ReLU.

    ==============  =========================  ====================================
    block           F                          depth, and where it is the default
    ==============  =========================  ====================================
    `basic`         3 × 3, 3 × 3               6 n + 2: 8, 14, 20, 32, 44, 56, 110, …
    `bottleneck`    1 × 1, 3 × 3, 1 × 1 (4 ×)  9 n + 2: 11, 29, 47, 164, 1001, …
    ==============  =========================  ====================================

    A depth that fits one block takes it. One that fits both (18 n + 2) takes `basic` below 164
    and `bottleneck` from there on, as in the paper's tables; `block` says otherwise.

    ================  ============  =====================  =====================
    layer             image         depth 20, basic        depth 164, bottleneck
    ================  ============  =====================  =====================
    conv 3 × 3        32 × 32       16 · 432               16 · 432
    n blocks          32 × 32       16 · 14,016            64 · 81,952
    n blocks          16 × 16       32 · 51,552            128 · 326,272
    n blocks          8 × 8         64 · 205,504           256 · 1,291,520
    norm, ReLU, mean  1 × 1         64 · 128               256 · 512
    linear            1 × 1         10 · 650               10 · 2,570
    ================  ============  =====================  =====================

    (outputs · parameters): 272,282 and 1,703,258 in all. It holds no gates:
    `graphdam.attach_gates` gives it some.

    Args:
        depth: convolutions and linear layers on the longest way, shortcuts not counted.
        in_channels: channels of an image.
        out_channels: outputs, one a class.
        block: `basic` or `bottleneck`; by default what the depth takes.
        planes: channels of the 3 × 3 convolutions in the three stages; the first is the stem's.

    Shapes: `x` [N, in_channels, H, W] → [N, out_channels].

    Raises:
        SettingsError: a depth that the block does not fit, not three positive planes.

    >>> import torch
    >>> PreResNet(20)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        depth: int,
        in_channels: int = 3,
        out_channels: int = 10,
        *,
        block: Block | None = None,
        planes: Sequence[int] = (16, 32, 64),
    ) -> None:
        super().__init__()
        self.block: Block = block_of(depth, block)
        blocks_a_stage = (depth - 2) // LAYERS[self.block]
        planes = checked_widths("planes", planes, 3)
        make = _Bottleneck if self.block == "bottleneck" else _Basic
        stream = planes[0]
        self.stem = nn.Conv2d(in_channels, stream, kernel_size=3, padding=1, bias=False)
        blocks: list[nn.Module] = []
        for stage, width in enumerate(planes):
            for index in range(blocks_a_stage):
                blocks.append(make(stream, width, stride=2 if stage > 0 and index == 0 else 1))
                stream = width * make.expansion
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(
            nn.BatchNorm2d(stream),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(stream, out_channels),
        )
        draw_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.blocks(self.stem(x)))
        return out


def block_of(depth: int, block: str | None = None) -> Block:
    """The block that a network of this depth is made of.

    Raises:
        SettingsError: the depth is neither 6 n + 2 nor 9 n + 2, or does not fit the block.

    >>> block_of(20), block_of(29), block_of(164), block_of(56, "bottleneck")
    ('basic', 'bottleneck', 'bottleneck', 'bottleneck')
    """
    if block is not None and block not in LAYERS:
        raise SettingsError(unknown_choice("block", block, LAYERS))
    fitting = [
        name
        for name, layers in LAYERS.items()
        if depth > 2 and (depth - 2) % layers == 0 and block in (None, name)
    ]
    if not fitting:
        raise SettingsError(
            f"PreResNet has no depth {depth}{f' with {block} blocks' if block else ''}: basic"
            " blocks take 6 n + 2 (20, 32, 56, 110), bottlenecks 9 n + 2 (29, 56, 164)."
        )
    return fitting[-1] if depth >= BOTTLENECK_FROM else fitting[0]


class _Block(nn.Module):
    """`branch(x) + shortcut(x)`."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.branch(x) + self.shortcut(x)
        return out


class _Basic(_Block):
    expansion = 1

    def __init__(self, stream: int, planes: int, *, stride: int) -> None:
        branch = nn.Sequential(
            *_activated(stream, planes, kernel_size=3, stride=stride),
            *_activated(planes, planes, kernel_size=3),
        )
        super().__init__(branch, _shortcut(stream, planes, stride=stride))


class _Bottleneck(_Block):
    expansion = EXPANSION

    def __init__(self, stream: int, planes: int, *, stride: int) -> None:
        branch = nn.Sequential(
            *_activated(stream, planes, kernel_size=1),
            *_activated(planes, planes, kernel_size=3, stride=stride),
            *_activated(planes, planes * EXPANSION, kernel_size=1),
        )
        super().__init__(branch, _shortcut(stream, planes * EXPANSION, stride=stride))


def _activated(
    in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1
) -> tuple[nn.Module, ...]:
    """Batch norm, ReLU and a convolution without bias."""
    convolution = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False
    )
    return nn.BatchNorm2d(in_channels), nn.ReLU(), convolution


def _shortcut(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)
