"""Few ratings that follow from who rates and what is rated, and quick settings for runs on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphdam.data import Ratings
from graphdam.training import Settings

QUICK: dict[str, Any] = {
    "dataset": "flixster",
    "device": "cpu",
    "threads": 1,
    "epochs": 4,
    "batch_size": 64,
    "hidden_channels": 16,
    "conv_channels": 6,
    "gate_begin": 0.0,
    "gate_end": 0.5,
}


def quick_ratings(recipe: str = "default", **given: Any) -> Settings:
    """Settings of a run of four epochs on ratings, with a small IGMC."""
    return Settings.of(**{"recipe": recipe, **QUICK, **given})


def rating_table(*, users: int = 30, items: int = 24, share: float = 0.4) -> np.ndarray:
    """Rows of user, item and rating from 1 to 5: half of the users are generous, half of the items
    good."""
    generator = np.random.default_rng(0)
    user, item = np.nonzero(generator.random((users, items)) < share)
    noise = generator.choice([-1, 0, 0, 1], size=len(user))
    value = np.clip(1 + 2 * (user % 2) + 2 * (item % 2) + noise, 1, 5)
    return np.stack([user, item, value], axis=1).astype(np.float64)


def tiny_ratings() -> Ratings:
    """Those of `rating_table`, eight tenths to learn from; nobody has rated the last item.

    The last user's and the last item's only ratings are test ones, one of both together.
    """
    table = rating_table()
    table = table[(table[:, 0] != 29) & (table[:, 1] != 23)]
    last = np.array([[29, 23, 4.0], [29, 0, 2.0], [0, 23, 5.0]])
    order = np.random.default_rng(1).permutation(len(table))
    val, train = np.split(order, [len(order) // 5])
    test, val = np.array_split(val, 2)
    users, items, values = np.concatenate([table, last]).T
    levels = np.arange(1.0, 6.0)
    held = np.concatenate([test, len(table) + np.arange(3)])
    part_of = {"train": train, "val": val, "test": held}
    parts = {name: torch.from_numpy(np.sort(part)) for name, part in part_of.items()}
    return Ratings(
        name="tiny",
        label="Tiny",
        shape=(30, 24),
        levels=torch.from_numpy(levels).float(),
        users=torch.from_numpy(users).long(),
        items=torch.from_numpy(items).long(),
        level=torch.from_numpy(np.searchsorted(levels, values)),
        split_name="seeded",
        names=None,
        **parts,
    )


def write_rating_csv(path: Path, *, times: bool = False) -> Path:
    """The table as a user would have it: words for users and items, and a time if asked."""
    lines = ["user,item,rating" + (",timestamp" if times else "")]
    for at, (user, item, value) in enumerate(rating_table()):
        line = f"user {user:.0f},film {item:.0f},{value:g}"
        lines.append(f"{line},{1000 + (7 * at) % 1009}" if times else line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
