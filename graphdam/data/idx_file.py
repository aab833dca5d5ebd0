"""IDX, the form in which MNIST is published: a magic number, the sizes, the bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from graphdam.data.raw import Array
from graphdam.errors import DataError

UNSIGNED_BYTES = 0x0800
"""The magic number of an array of bytes, to which the number of its dimensions is added."""


def read_idx(path: Path, num_dimensions: int) -> Array:
    """An array of unsigned bytes with this many dimensions, from a file that may be gzipped.

    The file begins with four big-endian bytes 0x0000 08 0d, d being the number of dimensions;
    d sizes of four bytes follow, then the entries, the last index fastest.

    Raises:
        DataError: the file is unreadable, of another form, or not as long as it says.
    """
    content = _content(path)
    magic, expected = content[:4].hex(), f"{UNSIGNED_BYTES + num_dimensions:08x}"
    header = 4 * (1 + num_dimensions)
    if len(content) >= 4 and magic != expected:
        raise DataError(
            f"{path}: the file begins with 0x{magic}, but an IDX file of bytes in {num_dimensions}"
            f" dimension{'s' if num_dimensions > 1 else ''} begins with 0x{expected}; it is of"
            " another kind, or images and labels have changed places."
        )
    if len(content) < header:
        raise DataError(
            f"{path}: the file holds {len(content)} bytes, but the header of an IDX file alone"
            f" takes {header}; it is truncated, fetch it again."
        )
    sizes = struct.unpack(f">{num_dimensions}I", content[4:header])
    if len(content) - header != math.prod(sizes):
        product = f"{' × '.join(map(str, sizes))} = " if num_dimensions > 1 else ""
        raise DataError(
            f"{path}: the header announces {product}{math.prod(sizes):,} bytes, but"
            f" {len(content) - header:,} follow; the file is truncated or damaged, fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: the file cannot be read and may be truncated ({error}); fetch it again."
        ) from error
