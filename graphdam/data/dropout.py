"""Dropout that is not the slowest step of a training epoch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = 2**16
"""Probabilities are rounded to multiples of one over this."""


def drop(x: Tensor, p: float, *, training: bool) -> Tensor:
    """`x` with each entry zero with probability `p` and divided by 1 − p otherwise.

    On CPU torch draws a random number of its own for every entry, which takes longer than the
    matrix products of a small graph convolution; here four entries share the bits of one 64-bit
    number (`benchmarks/speed.py` times both). The expected value is exactly `x`: the scale belongs
    to the rounded probability.
    """
    if not training or p == 0.0:
        return x
    # a compiler makes its own random numbers, and takes none that are drawn in place
    if x.device.type != "cpu" or p == 1.0 or torch.compiler.is_compiling():
        return F.dropout(x, p)
    closed = min(max(round(p * LEVELS), 1), LEVELS - 1)
    bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    level = bits.view(torch.int16)[: x.numel()].view(x.shape)
    kept = (level >= closed - LEVELS // 2).to(x.dtype)
    return x * kept.mul_(LEVELS / (LEVELS - closed))


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` by way of `drop`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        return drop(input, self.p, training=self.training)
