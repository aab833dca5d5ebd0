"""Which sets of ratings have a name, and what is known of each before it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RatingSplit = Literal["published", "seeded", "time"]

RATING_SPLITS: dict[RatingSplit, str] = {
    "published": "the published test ratings; validation drawn with seed 0 from the training ones",
    "seeded": "a tenth to test on and a tenth to choose on, both drawn with seed 0",
    "time": "the latest tenth to test on, the tenth before it to choose on",
}

RATING_SUFFIX = ".csv"
"""A file that ends so holds ratings of the user's own; a graph in CSV is a folder."""


@dataclass(frozen=True)
class RatingSetInfo:
    """What is known of a named set of ratings without reading it.

    Attributes:
        name: what the user calls it, in lower case.
        label: how tables and figures name it.
        description: one line for a list.
        shape: users and items.
        levels: the values that a rating can have, ascending.
        parts: published ratings to learn from (and choose on), and to test on.
        folders: where its files may lie under a data root, the usual place first.
    """

    name: str
    label: str
    description: str
    shape: tuple[int, int]
    levels: tuple[float, ...]
    parts: tuple[int, int]
    folders: tuple[str, ...]


RATING_SETS: dict[str, RatingSetInfo] = {
    info.name: info
    for info in (
        RatingSetInfo(
            "flixster",
            "Flixster",
            "26,173 ratings of films, from 0.5 to 5",
            (3000, 3000),
            tuple(level / 2 for level in range(1, 11)),
            (23_556, 2_617),
            ("igmc/flixster", "flixster"),
        ),
        RatingSetInfo(
            "douban",
            "Douban",
            "136,891 ratings of films, from 1 to 5",
            (3000, 3000),
            (1.0, 2.0, 3.0, 4.0, 5.0),
            (123_202, 13_689),
            ("igmc/douban", "douban"),
        ),
    )
}


def is_ratings(name: str) -> bool:
    """Whether a word means ratings: a named set, or a CSV file of the user's own.

    >>> is_ratings("Flixster"), is_ratings("my/ratings.csv"), is_ratings("cora")
    (True, True, False)
    """
    key = name.strip().lower()
    return key in RATING_SETS or key.endswith(RATING_SUFFIX)
