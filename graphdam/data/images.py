"""A set of labelled images, ready for training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphdam.data.graph import SplitName
from graphdam.data.image_files import READERS
from graphdam.data.image_registry import ImageSetInfo
from graphdam.data.image_sources import find_image_files
from graphdam.data.raw_images import RawImages, validate_images
from graphdam.data.registry import find_image_set
from graphdam.errors import DataError

VALIDATION_SEED = 0


@dataclass(frozen=True)
class Images:
    """Labelled images with one split; pixels stay bytes and are standardised as they are read.

    Attributes:
        name: what the user calls the set.
        label: how tables and figures name it.
        pixels: uint8 [N, C, H, W], those of the training and validation images first.
        y: int64 [N] class of every image.
        num_classes: number of classes.
        mean: float32 [C], the mean pixel of every channel over the training images.
        std: float32 [C], their standard deviation.
        train: int64 indices of the images that are learnt from, ascending.
        val: those that are chosen on, drawn with a fixed seed from the training images.
        test: those that are tested on.
        split_name: how the parts came about (`graphdam.data.image_registry.IMAGE_SPLITS`).
    """

    name: str
    label: str
    pixels: Tensor
    y: Tensor
    num_classes: int
    mean: Tensor
    std: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    split_name: str

    @property
    def num_images(self) -> int:
        return self.pixels.size(0)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    @property
    def metric(self) -> str:
        """The score that classifiers of images are reported in."""
        return "accuracy"

    def indices(self, split: SplitName) -> Tensor:
        """The images of one part of the split: int64."""
        return getattr(self, split)  # type: ignore[no-any-return]

    def standardised(self, index: Tensor) -> Tensor:
        r"""The chosen images as float32 [len(index), C, H, W]: (pixel − mean) / std by channel."""
        return self.standardise(self.pixels[index])

    def standardise(self, pixels: Tensor) -> Tensor:
        """Bytes [N, C, H, W] as the float32 that models read."""
        return pixels.float().sub_(self.mean[:, None, None]).div_(self.std[:, None, None])

    def to(self, device: torch.device | str) -> Images:
        """On another device."""
        return replace(
            self,
            pixels=self.pixels.to(device),
            y=self.y.to(device),
            mean=self.mean.to(device),
            std=self.std.to(device),
            train=self.train.to(device),
            val=self.val.to(device),
            test=self.test.to(device),
        )


def load_images(name: str, *, data_root: str | Path | None = None) -> Images:
    """A named set of images, checked, split and ready for training.

    Args:
        name: one of `graphdam.data.image_registry.IMAGE_SETS`.
        data_root: a folder with sets of images, such as `MNIST/raw`; it is only read. After it
            come the variable `GRAPHDAM_DATA` and the cache folder. Nothing is downloaded.

    Raises:
        DataError: an unknown name, the name of a graph, or files that are missing, unreadable or
            not the named set.

    >>> images = load_images("digits-images")
    >>> images.shape, [len(images.indices(part)) for part in ("train", "val", "test")]
    ((1, 8, 8), [1077, 360, 360])
    """
    info = find_image_set(name)
    files = [] if info.kind == "embedded" else find_image_files(info, data_root=data_root)
    train, test = READERS[info.kind](info, files)
    validate_images(info, train, info.num_pool)
    validate_images(info, test, info.parts[2])
    return _prepare(info, train, test)


def _prepare(info: ImageSetInfo, learnt: RawImages, tested: RawImages) -> Images:
    order = np.random.default_rng(VALIDATION_SEED).permutation(info.num_pool)
    val, train = np.sort(order[: info.parts[1]]), np.sort(order[info.parts[1] :])
    # the arrays may hold the channels last
    pixels = torch.from_numpy(np.ascontiguousarray(np.concatenate([learnt.x, tested.x])))
    mean, std = channel_statistics(pixels[train], source=learnt.source)
    return Images(
        name=info.name,
        label=info.label,
        pixels=pixels,
        y=torch.from_numpy(np.concatenate([learnt.y, tested.y]).astype(np.int64)),
        num_classes=info.num_classes,
        mean=mean,
        std=std,
        train=torch.from_numpy(train),
        val=torch.from_numpy(val),
        test=torch.arange(info.num_pool, info.num_pool + info.parts[2]),
        split_name=info.split,
    )


def channel_statistics(pixels: Tensor, *, source: str) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of bytes [N, C, H, W] by channel, float32 [C] both.

    They are counted by value first, so that the images need not be held as floats.

    Raises:
        DataError: all pixels of a channel are one value.

    >>> channel_statistics(torch.tensor([[[[0, 4]]]], dtype=torch.uint8), source="two pixels")
    (tensor([2.]), tensor([2.]))
    """
    counts = [torch.bincount(channel.flatten(), minlength=256) for channel in pixels.unbind(1)]
    share = torch.stack(counts).double() * pixels.size(1) / pixels.numel()
    value = torch.arange(256, dtype=torch.float64)
    mean = share @ value
    std = (share * (value - mean[:, None]).square()).sum(dim=1).sqrt()
    constant = [channel for channel, share_of in enumerate(share) if share_of.max() == 1]
    if constant:
        raise DataError(
            f"{source}: all pixels of channel {constant[0]} have the value {mean[constant[0]]:g} in"
            " the training images, so they cannot be standardised; the file is damaged or of"
            " another set."
        )
    return mean.float(), std.float()
