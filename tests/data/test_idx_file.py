from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from graphdam.data.idx_file import read_idx
from graphdam.errors import DataError

IMAGES = struct.pack(">IIII", 0x803, 2, 3, 4) + bytes(range(24))


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_bytes_worked_by_hand(tmp_path: Path) -> None:
    """Two images of 3 × 4 pixels; the last index runs fastest."""
    images = read_idx(_write(tmp_path / "images", IMAGES), 3)
    assert images.shape == (2, 3, 4)
    assert images.dtype == np.uint8
    assert images[0, 0].tolist() == [0, 1, 2, 3]
    assert images[1, 2].tolist() == [20, 21, 22, 23]
    labels = read_idx(_write(tmp_path / "labels", bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])), 1)
    assert labels.tolist() == [7, 9]


def test_a_compressed_file_is_the_same(tmp_path: Path) -> None:
    plain = read_idx(_write(tmp_path / "images", IMAGES), 3)
    compressed = read_idx(_write(tmp_path / "images.gz", gzip.compress(IMAGES, mtime=0)), 3)
    assert np.array_equal(plain, compressed)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (IMAGES[:-1], "announces 2 × 3 × 4 = 24 bytes, but 23 follow; the file is truncated"),
        (IMAGES + b"!", "announces 2 × 3 × 4 = 24 bytes, but 25 follow"),
        (struct.pack(">IIII", 0x803, *[2**32 - 1] * 3), r"4294967295 .* bytes, but 0 follow"),
        (IMAGES[:10], "holds 10 bytes, but the header of an IDX file alone takes 16; it is trunc"),
        (b"", "holds 0 bytes, but the header"),
        (struct.pack(">II", 0x801, 0), "begins with 0x00000801, but .* in 3 dimensions begins "),
        (struct.pack(">IIII", 0xD03, 0, 0, 0), "0x00000d03, but .* begins with 0x00000803; it is"),
        (gzip.compress(IMAGES, mtime=0), "begins with 0x1f8b"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = _write(tmp_path / "images", content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)


BROKEN_ARCHIVES = [gzip.compress(IMAGES, mtime=0)[:-9], IMAGES, b"\x1f\x8b\x08" + b"1" * 40]


@pytest.mark.parametrize("content", BROKEN_ARCHIVES)
def test_damaged_archives_are_refused(tmp_path: Path, content: bytes) -> None:
    path = _write(tmp_path / "images.gz", content)
    with pytest.raises(DataError, match=r"images.gz: the file cannot be read and may be truncated"):
        read_idx(path, 3)


def test_labels_where_images_belong_are_told(tmp_path: Path) -> None:
    path = _write(tmp_path / "labels", IMAGES)
    with pytest.raises(DataError, match=r"in 1 dimension begins with 0x00000801; .* changed"):
        read_idx(path, 1)


def test_truncated_labels_are_told_in_bytes(tmp_path: Path) -> None:
    path = _write(tmp_path / "labels", struct.pack(">II", 0x801, 60000) + bytes(7))
    with pytest.raises(DataError, match="header announces 60,000 bytes, but 7 follow; the file is"):
        read_idx(path, 1)
