"""Which sets of images have a name, and what is known of each before it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ImageKind = Literal["embedded", "idx", "npz", "cifar-binary"]
ImageSplit = Literal["published", "seeded"]

IMAGE_SPLITS: dict[ImageSplit, str] = {
    "published": "the published test images; validation drawn with seed 0 from the training images",
    "seeded": "all three parts drawn with seed 0, as no test images are published",
}


@dataclass(frozen=True)
class ImageSetInfo:
    """What is known of a named set of images without reading it.

    Attributes:
        name: what the user calls it, in lower case.
        kind: the form of its files; `embedded` sets come with the installed packages.
        label: how tables and figures name it.
        description: one line for a list.
        shape: channels, height and width of an image.
        num_classes: classes, numbered from 0.
        parts: images to learn from, to choose on and to test on; a set that is read is refused
            if it has other numbers.
        split: how the parts come about (`IMAGE_SPLITS` describes each).
        folders: where its files may lie under a data root, the usual place first.
        files: their names there, those of the training images first; an IDX file may have
            `.gz` behind its name.
        pickled_folder: where the same images may lie in pickled form, which is not read.
    """

    name: str
    kind: ImageKind
    label: str
    description: str
    shape: tuple[int, int, int]
    num_classes: int
    parts: tuple[int, int, int]
    split: ImageSplit = "published"
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    pickled_folder: str = ""

    @property
    def num_pool(self) -> int:
        """Images that training and validation share; the test images are others."""
        return self.parts[0] + self.parts[1]


IMAGE_SETS: dict[str, ImageSetInfo] = {
    info.name: info
    for info in (
        ImageSetInfo(
            "digits-images",
            "embedded",
            "Digits",
            "scikit-learn's 1,797 handwritten digits as images",
            (1, 8, 8),
            10,
            (1077, 360, 360),
            split="seeded",
        ),
        ImageSetInfo(
            "mnist",
            "idx",
            "MNIST",
            "70,000 handwritten digits",
            (1, 28, 28),
            10,
            (55_000, 5_000, 10_000),
            folders=("MNIST/raw", "mnist/MNIST/raw"),
            files=(
                "train-images-idx3-ubyte",
                "train-labels-idx1-ubyte",
                "t10k-images-idx3-ubyte",
                "t10k-labels-idx1-ubyte",
            ),
        ),
        ImageSetInfo(
            "cifar10",
            "cifar-binary",
            "CIFAR-10",
            "60,000 small photographs of animals and vehicles",
            (3, 32, 32),
            10,
            (45_000, 5_000, 10_000),
            folders=("cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"),
            files=(*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"),
            pickled_folder="cifar-10-batches-py",
        ),
        ImageSetInfo(
            "cifar10-subset",
            "npz",
            "CIFAR-10 (JPEG, subset)",
            "a 10,000-image JPEG subset of CIFAR-10, and 2,000 of its test images",
            (3, 32, 32),
            10,
            (9_000, 1_000, 2_000),
            folders=("cifar10_jpeg_subset",),
            files=("cifar10_jpeg_subset.npz",),
        ),
    )
}
