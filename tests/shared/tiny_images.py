"""Few small images whose class can be seen, and quick settings for runs on them."""

from __future__ import annotations

from typing import Any

import torch

from graphdam.data import Images
from graphdam.data.images import channel_statistics
from graphdam.training import Settings

QUICK: dict[str, Any] = {
    "dataset": "digits-images",
    "device": "cpu",
    "threads": 1,
    "epochs": 4,
    "batch_size": 16,
    "gate_begin": 0.0,
    "gate_end": 0.5,
}


def quick_settings(recipe: str, **given: Any) -> dict[str, Any]:
    """What `quick_images` gives to `Settings.of`."""
    own = {} if "model" in given else {"mlp_widths": (24, 12)}
    return {"recipe": recipe, **QUICK, **own, **given}


def quick_images(recipe: str = "default", **given: Any) -> Settings:
    """Settings of a run of four epochs on images; a small MLP unless another model is named."""
    return Settings.of(**quick_settings(recipe, **given))


def tiny_images(*, channels: int = 1, size: int = 16, count: int = 60) -> Images:
    """Seeded noise with a bright row that stands where the class says; three classes.

    `count` images are to learn from, half as many to choose on, and to test on.
    """
    generator = torch.Generator().manual_seed(0)
    total = 2 * count
    pixels = torch.randint(
        100, (total, channels, size, size), dtype=torch.uint8, generator=generator
    )
    y = torch.arange(total) % 3
    pixels[torch.arange(total), :, 2 + 4 * y] = 250
    train = torch.arange(count)
    mean, std = channel_statistics(pixels[train], source="tiny")
    return Images(
        name="tiny",
        label="Tiny",
        pixels=pixels,
        y=y,
        num_classes=3,
        mean=mean,
        std=std,
        train=train,
        val=torch.arange(count, count + count // 2),
        test=torch.arange(count + count // 2, total),
        split_name="seeded",
    )
