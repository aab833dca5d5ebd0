"""The product of a tall sparse matrix's transpose, read in tiles of rows that stay in a cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphdam.data.csr_product import NARROW, multiply

TILE_ROWS = 512
"""Rows of a tall matrix in a tile: so many of a wide gradient stay in a core's cache."""

TILED_FROM = 2**22
"""Entries of a gradient from which on it no longer stays in the cache that all cores share."""

TILE_ENTRIES = 16
"""Entries of a tile for each row of the product, below which adding tiles up costs more."""


class Tile(NamedTuple):
    """Some rows of a matrix, transposed: the entries by column, and where they stand in `value`."""

    start: int
    stop: int
    pointer: Tensor
    column: Tensor
    order: Tensor


def is_tiled(shape: tuple[int, int], num_entries: int, channels: int) -> bool:
    """Whether reading a gradient tile by tile is worth adding the tiles up, on CPU.

    Args:
        shape: of the matrix [M, N].
        num_entries: that are stored.
        channels: columns of the gradient [M, C].
    """
    sums = shape[1] * (shape[0] // TILE_ROWS)
    large = shape[0] * channels >= TILED_FROM and num_entries >= TILE_ENTRIES * sums
    return large and channels >= NARROW


def cut_tiles(pointer: Tensor, row: Tensor, column: Tensor, num_columns: int) -> Iterator[Tile]:
    """A matrix's compressed rows in tiles.

    Args:
        pointer: where each row begins among the entries [M + 1].
        row, column: of every entry, row by row.
        num_columns: N.
    """
    num_rows = pointer.numel() - 1
    for start in range(0, num_rows, TILE_ROWS):
        stop = min(start + TILE_ROWS, num_rows)
        first, last = int(pointer[start]), int(pointer[stop])
        order = first + torch.argsort(column[first:last], stable=True)
        by_column = pointer_of(column[order], num_columns).to(pointer.dtype)
        yield Tile(start, stop, by_column, (row[order] - start).to(pointer.dtype), order)


def times_by_tiles(tiles: Sequence[Tile], value: Tensor, other: Tensor, num_columns: int) -> Tensor:
    """The transpose times `other` [M, C]: the sum over tiles of what theirs are: [N, C]."""
    out = other.new_zeros(num_columns, other.size(1))
    for tile in tiles:
        shape, part = (num_columns, tile.stop - tile.start), other[tile.start : tile.stop]
        out += multiply(tile.pointer, tile.column, value[tile.order], shape, part)
    return out


def pointer_of(sorted_row: Tensor, num_rows: int) -> Tensor:
    """Where each row begins among the entries: [num_rows + 1], from 0 to the number of entries."""
    return torch.searchsorted(
        sorted_row.contiguous(), torch.arange(num_rows + 1, device=sorted_row.device), right=False
    )
