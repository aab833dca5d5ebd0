"""Large tensors read in blocks of rows that a core's cache holds."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK_ENTRIES = 2**18
"""Entries of a block on a CPU: so many stay in a core's cache, and cost no fresh memory."""


def row_blocks(
    first: Tensor, *others: Tensor, columns: int | None = None
) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of several tensors at a time; all of them at once where there is no such cache.

    Args:
        first, others: of as many rows each.
        columns: what is counted of a row; by default the columns of `first`.
    """
    rows = len(first)
    if first.device.type == "cpu":
        width = first[:1].numel() if columns is None else columns
        rows = max(1, BLOCK_ENTRIES // max(1, width))
    cut = (torch.split(each, max(1, rows)) for each in (first, *others))
    return zip(*cut, strict=True)
