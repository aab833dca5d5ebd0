"""The readers of named sets of images: each gives what to learn from, and what to test on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from graphdam.data.idx_file import read_idx
from graphdam.data.image_registry import ImageKind, ImageSetInfo
from graphdam.data.npz_file import read_arrays
from graphdam.data.raw import Array
from graphdam.data.raw_images import RawImages
from graphdam.errors import DataError

Parts = tuple[RawImages, RawImages]


def read_mnist(info: ImageSetInfo, files: list[Path]) -> Parts:
    """Four IDX files: images and labels to learn from, images and labels to test on."""
    parts = []
    for images, labels in (files[:2], files[2:]):
        x = read_idx(images, 3)
        parts.append(RawImages(str(images), x[:, None], read_idx(labels, 1)))
    return parts[0], parts[1]


def read_cifar_binary(info: ImageSetInfo, files: list[Path]) -> Parts:
    """Files of records, each a label in one byte and the pixels channel by channel; test last."""
    *learnt, tested = (_records(info, path) for path in files)
    x, y = (np.concatenate(arrays) for arrays in zip(*learnt, strict=True))
    return RawImages(str(files[0].parent), x, y), RawImages(str(files[-1]), *tested)


def _records(info: ImageSetInfo, path: Path) -> tuple[Array, Array]:
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read ({error}).") from error
    length = 1 + int(np.prod(info.shape))
    if len(content) % length or not len(content):
        raise DataError(
            f"{path}: the file holds {len(content):,} bytes, but must hold a multiple of"
            f" {length:,}, a label and the pixels of an image; it is truncated, fetch it again."
        )
    records = content.reshape(-1, length)
    return records[:, 1:].reshape(-1, *info.shape), records[:, 0]


def read_image_npz(info: ImageSetInfo, files: list[Path]) -> Parts:
    """One archive with `x_train`, `x_test` [N, H, W, C] and `y_train`, `y_test` [N]."""
    arrays = read_arrays(files[0])
    keys = ("x_train", "y_train", "x_test", "y_test")
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(
            f"{files[0]}: missing {', '.join(missing)}; the images '{info.name}' are the arrays"
            f" {', '.join(keys)}, of which there are {', '.join(sorted(arrays)) or 'none'}."
        )
    for key in ("x_train", "x_test"):
        if arrays[key].ndim != 4:
            raise DataError(
                f"{files[0]}: `{key}` must have the shape [N, H, W, C], but has the shape"
                f" {list(arrays[key].shape)}; this is another set."
            )
    train, test = (
        RawImages(
            str(files[0]), arrays[f"x_{part}"].transpose(0, 3, 1, 2), np.ravel(arrays[f"y_{part}"])
        )
        for part in ("train", "test")
    )
    return train, test


def digits_images(info: ImageSetInfo, files: list[Path]) -> Parts:
    """scikit-learn's digits, 8 × 8 pixels from 0 to 16; the test images are drawn with seed 0."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    x = pixels.reshape(-1, *info.shape).astype(np.uint8)
    tested, learnt = np.split(order, [info.parts[2]])
    return (
        RawImages(info.name, x[learnt], labels[learnt]),
        RawImages(info.name, x[tested], labels[tested]),
    )


READERS: dict[ImageKind, Callable[[ImageSetInfo, list[Path]], Parts]] = {
    "embedded": digits_images,
    "idx": read_mnist,
    "cifar-binary": read_cifar_binary,
    "npz": read_image_npz,
}
