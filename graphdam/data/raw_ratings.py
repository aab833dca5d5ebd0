"""Ratings as they were read, and what is checked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphdam.data.rating_registry import RatingSetInfo
from graphdam.data.raw import Array
from graphdam.errors import DataError


@dataclass(frozen=True)
class RawRatings:
    """One array entry a rating, trusted in nothing yet.

    Attributes:
        source: how messages name it, usually the path.
        users: expected whole numbers from 0 on.
        items: likewise.
        values: the ratings.
    """

    source: str
    users: Array
    items: Array
    values: Array


def validate_ratings(info: RatingSetInfo, raw: RawRatings, count: int) -> None:
    """Refuse whatever is not `count` ratings of this set, each pair once.

    Raises:
        DataError: what is wrong, what is expected, and what to do.
    """
    sizes = {array.shape for array in (raw.users, raw.items, raw.values)}
    if sizes != {(count,)}:
        raise DataError(
            f"{raw.source}: '{info.name}' has {count:,} ratings here, each with a user, an item and"
            f" a value, but arrays of the shapes {sorted(map(list, sizes))} were found; use the set"
            " as it is published."
        )
    for kind, array, size in (
        ("users", raw.users, info.shape[0]),
        ("items", raw.items, info.shape[1]),
    ):
        if array.dtype.kind not in "iu" or (count and not 0 <= array.min() <= array.max() < size):
            raise DataError(
                f"{raw.source}: the {kind} of '{info.name}' are whole numbers from 0 to {size - 1},"
                f" but {array.dtype} from {array.min():g} to {array.max():g} was found; the file is"
                " damaged or of another set."
            )
    off = ~np.isin(raw.values, info.levels)
    if off.any():
        raise DataError(
            f"{raw.source}: '{info.name}' is rated {_listed(info.levels)}, but"
            f" {_listed(np.unique(raw.values[off]))} was found ({off.sum():,} of {count:,}"
            " ratings); the file is damaged or of another set."
        )


def require_pairs_once(parts: Sequence[RawRatings]) -> None:
    """Refuse a user's second rating of an item, in the same part or in another.

    Raises:
        DataError: one such pair, and how many there are.
    """
    pairs = np.concatenate([np.stack([part.users, part.items]) for part in parts], axis=1)
    unique, counts = np.unique(pairs, axis=1, return_counts=True)
    twice = unique[:, counts > 1]
    if twice.size:
        raise DataError(
            f"{parts[0].source}: user {twice[0, 0]} rates item {twice[1, 0]} more than once"
            f" ({twice.shape[1]:,} such pairs), so one rating would give the other away; keep one"
            " of each."
        )


def _listed(values: Sequence[float] | Array, most: int = 10) -> str:
    told = ", ".join(f"{value:g}" for value in values[:most])
    return f"{told}, …" if len(values) > most else told
