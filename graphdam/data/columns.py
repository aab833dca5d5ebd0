"""Columns of words, as tables of nodes hold them, turned into classes and masks."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from graphdam.data.raw import Array, Masks
from graphdam.errors import DataError

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}(\.0*)?")
SPLIT_WORDS = ("train", "val", "test")


def classes_of(labels: Sequence[str]) -> tuple[Array, tuple[str, ...] | None]:
    """The class of every node, int64 [N]: numbers as they stand, names in alphabetical order.

    An empty label is an unknown one, −1. Tables with gaps are often written with `1.0` for 1.

    Returns:
        The classes, and what they are called; None where they are numbers.

    >>> classes_of(["logic", "", "algebra"])
    (array([ 1, -1,  0]), ('algebra', 'logic'))
    >>> classes_of(["2", "0", "1"])
    (array([2, 0, 1]), None)
    """
    known = sorted({label for label in labels if label})
    numbered = all(_WHOLE_NUMBER.fullmatch(label) for label in known)
    number = {label: int(float(label)) if numbered else i for i, label in enumerate(known)}
    classes = np.array([number.get(label, -1) for label in labels], dtype=np.int64)
    return classes, None if numbered else tuple(known)


def masks_of(words: Sequence[str], *, source: str) -> Masks | None:
    """Masks from a column of `train`, `val`, `test` or nothing; None if it says nothing at all.

    Raises:
        DataError: another word.
    """
    column = np.array(words, dtype=object)
    for word in words:
        if word and word not in SPLIT_WORDS:
            raise DataError(
                f"{source}: the split of a node may be train, val, test or empty, but '{word}' was"
                " found; rename it."
            )
    if not any(words):
        return None
    train, val, test = (np.asarray(column == word, dtype=bool) for word in SPLIT_WORDS)
    return train, val, test
