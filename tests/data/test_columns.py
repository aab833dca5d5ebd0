from __future__ import annotations

import pytest

from graphdam.data.columns import classes_of, masks_of
from graphdam.errors import DataError


def test_numbers_stay_and_names_are_sorted() -> None:
    for labels, expected, names in (
        (["10", "9", "", "0"], [10, 9, -1, 0], None),
        (["1.0", "0.0", "", "-1"], [1, 0, -1, -1], None),
        (["b", "10", "9", ""], [2, 0, 1, -1], ("10", "9", "b")),
    ):
        classes, called = classes_of(labels)
        assert (classes.tolist(), called) == (expected, names)


def test_split_words_become_disjoint_masks() -> None:
    masks = masks_of(["train", "", "test", "val", "train"], source="nodes.csv")
    assert masks is not None
    assert [mask.tolist() for mask in masks] == [
        [True, False, False, False, True],
        [False, False, False, True, False],
        [False, False, True, False, False],
    ]
    assert masks_of(["", ""], source="nodes.csv") is None


def test_another_split_word_is_refused() -> None:
    with pytest.raises(DataError, match=r"nodes.csv: .* train, val, test or empty, but 'valid'"):
        masks_of(["train", "valid"], source="nodes.csv")
