"""Random crops and flips of images, all of a batch at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PADDING = 4
"""Black pixels around an image of CIFAR's size, as is usual there."""


def crop_and_flip(pixels: Tensor, *, padding: int = PADDING, flips: bool = True) -> Tensor:
    r"""Each image moved by up to `padding` pixels both ways, and mirrored with probability ½.

    What comes in at the edges is black. Drawn from torch's global generator, three numbers an
    image, two without mirrors.

    Args:
        pixels: [N, C, H, W], bytes or floats.
        padding: the farthest move.
        flips: whether images are mirrored.

    Shapes: [N, C, H, W] → the same.
    """
    count, channels, height, width = pixels.shape
    padded = F.pad(pixels, (padding,) * 4)
    top, left = torch.randint(2 * padding + 1, (2, count, 1))
    across = torch.arange(width)
    if flips:
        across = torch.where(torch.rand(count, 1) < 0.5, across.flip(0), across)
    rows = top + torch.arange(height)
    columns = left + across
    device = pixels.device
    return padded[
        torch.arange(count, device=device)[:, None, None, None],
        torch.arange(channels, device=device)[:, None, None],
        rows.to(device)[:, None, :, None],
        columns.to(device)[:, None, None, :],
    ]
