"""LeNet-5 in the form that pruning papers use."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from graphdam.errors import SettingsError
from graphdam.nn.image_parts import checked_widths

SMALLEST_IMAGE = 16
"""Pixels a side that leave one value a channel after both convolutions and poolings."""


class LeNet5(nn.Module):
    """The 20-50-500 network that descends from `"Gradient-based learning applied to document
    recognition" <https://doi.org/10.1109/5.726791>`_.

    The widths are those of Caffe's example, on which pruning papers report. Departures: a ReLU
    follows each convolution too, where Caffe's has none.

    =========================  ============  ==========
    layer                      outputs       parameters
    =========================  ============  ==========
    conv 5 × 5, ReLU           20 × 24 × 24  520
    max pooling 2              20 × 12 × 12
    conv 5 × 5, ReLU           50 × 8 × 8    25,050
    max pooling 2              50 × 4 × 4
    linear, ReLU               500           400,500
    linear                     10            5,010
    =========================  ============  ==========

    431,080 in all. It holds no gates: `graphdam.attach_gates` gives it some.

    Args:
        in_channels: channels of an image, 1 if it is grey.
        out_channels: outputs, one a class.
        image_size: height and width of an image, or one number for both, at least 16.
        widths: channels of the two convolutions and of the hidden linear layer.

    Shapes: `x` [N, in_channels, H, W] → [N, out_channels].

    Raises:
        SettingsError: images that are too small, a width below 1.

    >>> import torch
    >>> LeNet5()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 10,
        *,
        image_size: int | tuple[int, int] = 28,
        widths: Sequence[int] = (20, 50, 500),
    ) -> None:
        super().__init__()
        height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
        if min(height, width) < SMALLEST_IMAGE:
            raise SettingsError(
                f"LeNet5 reads images of at least {SMALLEST_IMAGE} × {SMALLEST_IMAGE} pixels, but"
                f" image_size is {height} × {width}; an MLP reads images of any size."
            )
        first, second, hidden = checked_widths("widths", widths, 3)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, first, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(second * _side_left(height) * _side_left(width), hidden),
            nn.ReLU(),
            nn.Linear(hidden, out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.features(x))
        return out


def _side_left(pixels: int) -> int:
    return ((pixels - 4) // 2 - 4) // 2
