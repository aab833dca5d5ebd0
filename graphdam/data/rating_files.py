"""The readers of ratings: a named set as arrays or as MATLAB's file, and the user's own CSV."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphdam.data.csv_folder import csv_rows
from graphdam.data.npz_file import read_arrays
from graphdam.data.rating_registry import RatingSetInfo
from graphdam.data.raw import Array
from graphdam.data.raw_ratings import RawRatings
from graphdam.data.sources import ROOT_VARIABLE, data_roots
from graphdam.errors import DataError

ARCHIVE = "ratings.npz"
"""Plain arrays: `train_user`, `train_item`, `train_rating` and the same of `test`."""

MATLAB = "raw/training_test_dataset.mat"
"""What PyG's `IGMCDataset` reads: HDF5 with the matrices M, Otraining and Otest."""

COLUMNS = ("user", "item", "rating")
PAIR = ("user", "item")


@dataclass(frozen=True)
class OwnRatings:
    """A user's own file: ratings, and what its users and items are called.

    Attributes:
        raw: users and items are numbered in the order in which they first appear.
        user_names: by number.
        item_names: by number.
        times: when each rating was given, where the file says so.
    """

    raw: RawRatings
    user_names: tuple[str, ...]
    item_names: tuple[str, ...]
    times: Array | None


def read_rating_set(
    info: RatingSetInfo, *, data_root: str | Path | None
) -> tuple[RawRatings, RawRatings]:
    """The set's published parts, to learn from and to test on, from the first root that has them.

    The order is `data_root`, the variable `GRAPHDAM_DATA`, the cache folder. Nothing is downloaded.

    Raises:
        DataError: the files are nowhere, unreadable, or need h5py, which is not installed.
    """
    roots = list(data_roots(data_root))
    for root in roots:
        for folder in info.folders:
            if (root / folder / ARCHIVE).is_file():
                return _read_archive(root / folder / ARCHIVE)
            if (root / folder / MATLAB).is_file():
                return _read_matlab(root / folder / MATLAB)
    raise DataError(
        f"The ratings '{info.name}' were not found under {', '.join(map(str, roots))}. Put"
        f" {ARCHIVE} or {MATLAB} at {info.folders[0]}/ under a folder of yours and name that folder"
        f" by --data-root or {ROOT_VARIABLE}; ratings of your own are a CSV file."
    )


def _read_archive(path: Path) -> tuple[RawRatings, RawRatings]:
    arrays = read_arrays(path)
    wanted = [f"{part}_{column}" for part in ("train", "test") for column in COLUMNS]
    missing = [key for key in wanted if key not in arrays]
    if missing:
        raise DataError(
            f"{path}: missing {', '.join(missing)}; the archive must hold {', '.join(wanted)}."
        )
    train, test = (
        RawRatings(str(path), *(arrays[f"{part}_{column}"] for column in COLUMNS))
        for part in ("train", "test")
    )
    return train, test


def _read_matlab(path: Path) -> tuple[RawRatings, RawRatings]:
    try:
        import h5py
    except ImportError:
        raise DataError(
            f"{path} is HDF5, which needs h5py: install graphdam[ratings], or put {ARCHIVE} beside"
            " the raw folder."
        ) from None
    try:
        with h5py.File(path) as file:
            # MATLAB writes its columns first, so the matrices arrive transposed
            values, *masks = (np.asarray(file[key]).T for key in ("M", "Otraining", "Otest"))
    except (OSError, KeyError) as error:
        raise DataError(
            f"{path}: M, Otraining and Otest cannot be read from this file ({error}); use it as it"
            " is published."
        ) from error
    train, test = (_where(path, values, mask) for mask in masks)
    return train, test


def _where(path: Path, values: Any, mask: Any) -> RawRatings:
    users, items = np.nonzero(mask)
    return RawRatings(str(path), users, items, values[users, items])


def read_rating_csv(path: Path) -> OwnRatings:
    """Ratings of the user's own: `user,item,rating[,timestamp]`, named in the first line.

    Users and items may be any words. Further columns are not looked at.

    Raises:
        DataError: no such file, or a line that cannot be read, or a pair rated twice; names the
            line.
    """
    rows = csv_rows(
        path,
        COLUMNS,
        missing="ratings of your own are a CSV file with the columns user, item, rating and, for a"
        " split by time, timestamp",
    )
    _, header = next(rows)
    at = {name: header.index(name) for name in (*COLUMNS, "timestamp") if name in header}
    users: dict[str, int] = {}
    items: dict[str, int] = {}
    lines: dict[tuple[int, int], int] = {}
    values, times = [], []
    for line, row in rows:
        pair = (
            users.setdefault(row[at["user"]], len(users)),
            items.setdefault(row[at["item"]], len(items)),
        )
        if pair in lines:
            raise DataError(
                f"{path}, line {line}: user '{row[at['user']]}' rates item '{row[at['item']]}' a"
                f" second time (line {lines[pair]} was the first), so one rating would give the"
                " other away; keep one of them."
            )
        lines[pair] = line
        values.append(_number(row[at["rating"]], path, line, "rating"))
        if "timestamp" in at:
            times.append(_number(row[at["timestamp"]], path, line, "timestamp"))
    pairs = np.array(list(lines), dtype=np.int64).reshape(-1, 2).T
    return OwnRatings(
        RawRatings(str(path), pairs[0], pairs[1], np.array(values)),
        tuple(users),
        tuple(items),
        np.array(times) if "timestamp" in at else None,
    )


def read_pairs_csv(path: Path, columns: tuple[str, str] = PAIR) -> tuple[list[str], list[str]]:
    """Pairs to be told of, as `user,item`, named in the first line; other columns are ignored.

    Args:
        path: the file.
        columns: what the first line names.

    Raises:
        DataError: no such file or column, no pair, or a line that cannot be read; names the line.
    """
    rows = csv_rows(
        path, columns, missing=f"pairs are a CSV file with the columns {' and '.join(columns)}"
    )
    _, header = next(rows)
    at = [header.index(name) for name in columns]
    pairs = [(row[at[0]], row[at[1]]) for _, row in rows]
    if not pairs:
        raise DataError(f"{path}: no pair stands below the first line; add one a line.")
    first, second = map(list, zip(*pairs, strict=True))
    return first, second


def _number(text: str, path: Path, line: int, column: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(
            f"{path}, line {line}: column {column} must hold a number, but holds '{text}'; correct"
            " or remove the line."
        )
    return number
