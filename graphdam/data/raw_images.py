"""Images as they were read, and what is checked of them."""

from __future__ import annotations

from dataclasses import dataclass

from graphdam.data.image_registry import ImageSetInfo
from graphdam.data.raw import Array
from graphdam.errors import DataError


@dataclass(frozen=True)
class RawImages:
    """Images and labels of one part of a set, trusted in nothing yet.

    Attributes:
        source: how messages name it, usually the path.
        x: expected bytes [N, C, H, W].
        y: expected classes [N].
    """

    source: str
    x: Array
    y: Array


def validate_images(info: ImageSetInfo, raw: RawImages, count: int) -> None:
    """Refuse whatever is not `count` labelled images of this set.

    Raises:
        DataError: what is wrong, what is expected, and what to do.
    """
    if raw.x.dtype.kind != "u" or raw.x.dtype.itemsize != 1 or raw.x.shape[1:] != info.shape:
        raise DataError(
            f"{raw.source}: the images of '{info.name}' are bytes of the shape"
            f" {_product(info.shape)}, but {raw.x.dtype} of the shape {_product(raw.x.shape[1:])}"
            " was found; this is another set."
        )
    if raw.y.shape != (len(raw.x),):
        raise DataError(
            f"{raw.source}: there are {len(raw.x):,} images but labels of the shape"
            f" {list(raw.y.shape)}; the two must be of one part, a label for each image."
        )
    if len(raw.x) != count:
        raise DataError(
            f"{raw.source}: '{info.name}' has {count:,} images here, but {len(raw.x):,} were found;"
            " use the whole set as it is published."
        )
    if raw.y.dtype.kind not in "iu" or raw.y.min() < 0 or raw.y.max() >= info.num_classes:
        raise DataError(
            f"{raw.source}: the labels of '{info.name}' are whole numbers from 0 to"
            f" {info.num_classes - 1}, but {raw.y.dtype} from {raw.y.min():g} to {raw.y.max():g}"
            " was found; the file is damaged or of another set."
        )


def _product(sizes: tuple[int, ...]) -> str:
    return " × ".join(map(str, sizes))
