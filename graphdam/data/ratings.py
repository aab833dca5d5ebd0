"""A set of ratings, ready for training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphdam.data.enclosing import KnownRatings
from graphdam.data.graph import SplitName
from graphdam.data.own import choose_split
from graphdam.data.rating_files import OwnRatings, read_rating_csv, read_rating_set
from graphdam.data.rating_registry import RATING_SETS, RATING_SUFFIX
from graphdam.data.raw import Array
from graphdam.data.raw_ratings import RawRatings, require_pairs_once, validate_ratings
from graphdam.errors import DataError, unknown_choice

VALIDATION_SHARE = 0.05
"""Of a named set's training ratings."""

HELD_OUT = 0.1
"""Share of a user's own ratings that is chosen on, and that is tested on."""

MOST_LEVELS = 20
"""A graph of ratings has a relation for every value that they can have."""


@dataclass(frozen=True)
class Ratings:
    """Ratings with one split; those to learn from are known when others are predicted.

    Attributes:
        name: what the user calls the set.
        label: how tables and figures name it.
        shape: users and items.
        levels: float32 [R], the values that a rating can have, ascending.
        users: int64 [M] of every rating.
        items: int64 [M].
        level: int64 [M], the place of its value in `levels`.
        train: int64 indices of the ratings that are learnt from, ascending.
        val: those that are chosen on.
        test: those that are tested on.
        split_name: how the parts came about (`graphdam.data.rating_registry.RATING_SPLITS`).
        names: what users and items are called, where they are not numbers.
    """

    name: str
    label: str
    shape: tuple[int, int]
    levels: Tensor
    users: Tensor
    items: Tensor
    level: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    split_name: str
    names: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    @property
    def num_ratings(self) -> int:
        return self.users.numel()

    @property
    def num_levels(self) -> int:
        return self.levels.numel()

    @property
    def metric(self) -> str:
        """The score that predicted ratings are reported in."""
        return "rmse"

    def indices(self, split: SplitName) -> Tensor:
        """The ratings of one part of the split: int64."""
        return getattr(self, split)  # type: ignore[no-any-return]

    def values(self, index: Tensor) -> Tensor:
        """The chosen ratings: float32."""
        return self.levels[self.level[index]]

    @cached_property
    def mean(self) -> float:
        """Of the training ratings: the best guess about a pair of which nothing is known."""
        return float(self.values(self.train).double().mean())

    def known(self, *, cap: int | None = None, unseen: bool = False) -> KnownRatings:
        """The training ratings: what predictions are made from.

        Args:
            cap: see `KnownRatings`.
            unseen: make room for one user and one item more, who have no ratings.
        """
        arrays = (each[self.train].cpu().numpy() for each in (self.users, self.items, self.level))
        shape = (self.shape[0] + unseen, self.shape[1] + unseen)
        return KnownRatings(*arrays, shape=shape, num_levels=self.num_levels, cap=cap)

    def numbers_of(self, users: Sequence[str], items: Sequence[str]) -> tuple[Array, Array]:
        """Users and items by number; whoever was never heard of has the next free one.

        `known(unseen=True)` has room for those.
        """
        return tuple(  # type: ignore[return-value]
            np.array([table.get(word, size) for word in words], dtype=np.int64)
            for words, table, size in zip((users, items), self._tables, self.shape, strict=True)
        )

    @cached_property
    def _tables(self) -> tuple[dict[str, int], ...]:
        """The number of every user by what it is called, and of every item."""
        names = self.names or tuple(map(range, self.shape))
        return tuple({str(name): at for at, name in enumerate(each)} for each in names)

    def to(self, device: torch.device | str) -> Ratings:
        """On another device."""
        tensors = ("levels", "users", "items", "level", "train", "val", "test")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})


def load_ratings(
    name_or_path: str, *, split: str | None = None, data_root: str | Path | None = None
) -> Ratings:
    """A named set of ratings, or a CSV file of the user's own, checked, split and ready.

    Args:
        name_or_path: one of `graphdam.data.rating_registry.RATING_SETS`, or a path that ends in
            `.csv` (see `read_rating_csv`).
        split: of one's own ratings `seeded` (the default) or `time`; named sets have one.
        data_root: a folder with sets of ratings, such as `igmc/flixster`; it is only read. After
            it come the variable `GRAPHDAM_DATA` and the cache folder. Nothing is downloaded.

    Raises:
        DataError: an unknown name or split, or files that are missing, unreadable or no ratings
            that can be trained on.
    """
    key = name_or_path.strip().lower()
    if key in RATING_SETS:
        choose_split(split, ("published",), key)
        return _load_named(key, data_root=data_root)
    if key.endswith(RATING_SUFFIX):
        path = Path(name_or_path).expanduser()
        return _prepare_own(path, read_rating_csv(path), split)
    hint = f"Ratings of your own are the path of a {RATING_SUFFIX} file."
    raise DataError(unknown_choice("set of ratings", name_or_path, RATING_SETS, hint))


def _load_named(name: str, *, data_root: str | Path | None) -> Ratings:
    info = RATING_SETS[name]
    parts = read_rating_set(info, data_root=data_root)
    for part, count in zip(parts, info.parts, strict=True):
        validate_ratings(info, part, count)
    require_pairs_once(parts)
    pool, total = info.parts[0], sum(info.parts)
    order = np.random.default_rng(0).permutation(pool)
    val, train = np.split(order, [round(VALIDATION_SHARE * pool)])
    return _assemble(
        name,
        info.label,
        info.shape,
        np.array(info.levels),
        RawRatings(
            parts[0].source,
            *(
                np.concatenate([getattr(part, field) for part in parts])
                for field in ("users", "items", "values")
            ),
        ),
        (train, val, np.arange(pool, total)),
        "published",
    )


def _prepare_own(path: Path, own: OwnRatings, split: str | None) -> Ratings:
    chosen = choose_split(split, ("seeded", "time"), str(path))
    total = len(own.raw.values)
    held_out = round(HELD_OUT * total)
    if held_out == 0:
        raise DataError(
            f"{path}: {total} ratings leave none to test on; at least"
            f" {math.ceil(0.5 / HELD_OUT) + 1} are needed, a tenth of which is tested on."
        )
    levels = np.unique(own.raw.values)
    if not 2 <= len(levels) <= MOST_LEVELS:
        raise DataError(
            f"{path}: ratings have 2 to {MOST_LEVELS} different values, but {len(levels)} were"
            " found; round them to the steps of a scale."
        )
    order = np.random.default_rng(0).permutation(total)
    if chosen == "time":
        if own.times is None:
            raise DataError(
                f"{path}: a split by time needs the column timestamp; add it, or take"
                " split='seeded'."
            )
        order = np.argsort(-own.times, kind="stable")  # the latest first
    test, val, train = np.split(order, [held_out, 2 * held_out])
    shape = (len(own.user_names), len(own.item_names))
    made = _assemble(path.stem, path.stem, shape, levels, own.raw, (train, val, test), chosen)
    return replace(made, names=(own.user_names, own.item_names))


def _assemble(
    name: str,
    label: str,
    shape: tuple[int, int],
    levels: Array,
    raw: RawRatings,
    parts: tuple[Array, Array, Array],
    split: str,
) -> Ratings:
    train, val, test = (torch.from_numpy(np.sort(part)) for part in parts)
    return Ratings(
        name=name,
        label=label,
        shape=shape,
        levels=torch.from_numpy(levels.astype(np.float32)),
        users=torch.from_numpy(raw.users.astype(np.int64)),
        items=torch.from_numpy(raw.items.astype(np.int64)),
        level=torch.from_numpy(np.searchsorted(levels, raw.values)),
        train=train,
        val=val,
        test=test,
        split_name=split,
    )
