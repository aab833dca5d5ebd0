"""VGG-16 with batch norm, at the size of CIFAR's images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from graphdam.nn.image_parts import checked_widths, draw_convolutions

WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
POOLED_AFTER = (1, 3, 6, 9)
"""The convolutions, counted from 0, that halve the image."""


class VGG16BN(nn.Module):
    """Thirteen convolutions of `"Very Deep Convolutional Networks for Large-Scale Image
    Recognition" <https://arxiv.org/abs/1409.1556>`_ with batch norm and one linear classifier.

    Every convolution is 3 × 3, keeps the image's size, and is followed by batch norm and ReLU.
    Departures, which are usual on CIFAR: batch norm; one linear layer in place of three; the last
    of five max poolings is the mean over what is left of the image.

    =================  =============  ==========
    layer              outputs        parameters
    =================  =============  ==========
    2 conv, max pool   64 × 16 × 16   38,976
    2 conv, max pool   128 × 8 × 8    221,952
    3 conv, max pool   256 × 4 × 4    1,476,864
    3 conv, max pool   512 × 2 × 2    5,902,848
    3 conv, mean       512            7,082,496
    linear             10             5,130
    =================  =============  ==========

    14,728,266 in all, batch norms among them. It holds no gates: `graphdam.attach_gates` gives
    it some.

    Args:
        in_channels: channels of an image.
        out_channels: outputs, one a class.
        widths: channels of the thirteen convolutions.

    Shapes: `x` [N, in_channels, H, W], H and W at least 16 → [N, out_channels].

    Raises:
        SettingsError: not thirteen widths, or one below 1.

    >>> import torch
    >>> VGG16BN()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 10,
        *,
        widths: Sequence[int] = WIDTHS,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = in_channels
        for index, width in enumerate(checked_widths("widths", widths, len(WIDTHS))):
            layers += [nn.Conv2d(before, width, kernel_size=3, padding=1)]
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
            if index in POOLED_AFTER:
                layers.append(nn.MaxPool2d(2))
            before = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, out_channels)
        )
        draw_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.features(x))
        return out
