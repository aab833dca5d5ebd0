from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphdam.data.graph import Split
from graphdam.data.raw import Array, RawGraph
from graphdam.data.splits import make_splits, random_split, seeded_split
from graphdam.errors import DataError

BALANCED = np.repeat(np.arange(4), 200)


def _raw(y: Array) -> RawGraph:
    return RawGraph("g", "g", np.ones((len(y), 1)), np.zeros((2, 0), np.int64), None, y)


def _assert_parts_labelled_and_disjoint(split: Split, labelled: torch.Tensor) -> None:
    assert torch.equal(torch.stack(split).sum(dim=0), labelled.long())
    assert all(bool(mask.any()) for mask in split)


def test_seeded_split_takes_20_a_class_and_500() -> None:
    split = seeded_split(BALANCED)
    assert [int(mask.sum()) for mask in split] == [80, 240, 480]
    assert np.bincount(BALANCED[split.train.numpy()]).tolist() == [20] * 4
    assert int(seeded_split(np.repeat(BALANCED, 10)).val.sum()) == 500


def test_random_split_takes_20_and_30_a_class() -> None:
    split = random_split(BALANCED, 3)
    assert np.bincount(BALANCED[split.train.numpy()]).tolist() == [20] * 4
    assert np.bincount(BALANCED[split.val.numpy()]).tolist() == [30] * 4
    assert np.bincount(BALANCED[split.test.numpy()]).tolist() == [150] * 4


@given(st.lists(st.integers(-1, 3), min_size=12, max_size=200), st.integers(0, 9))
def test_every_labelled_node_stands_in_one_part(classes: list[int], index: int) -> None:
    y = np.array([0, 1, *classes, 0, 0, 1, 1])
    labelled = torch.from_numpy(y >= 0)
    for split in (seeded_split(y), random_split(y, index)):
        _assert_parts_labelled_and_disjoint(split, labelled)
        counts = np.bincount(y[y >= 0])
        trained = np.bincount(y[split.train.numpy()], minlength=len(counts))
        assert (trained <= np.maximum(1, counts // 3)).all()
        assert (trained[counts > 0] >= 1).all()


def test_split_seven_needs_no_split_before_it_and_no_global_seed() -> None:
    torch.manual_seed(1)
    first = make_splits(_raw(BALANCED), "random")
    torch.manual_seed(2)
    np.random.default_rng(5).random()
    assert len(first) == 10
    assert all(map(torch.equal, first[7], random_split(BALANCED, 7)))
    assert not torch.equal(first[0].train, first[1].train)
    assert all(map(torch.equal, make_splits(_raw(BALANCED), "random-20")[0], first[0]))


def test_drawn_nodes_stay_the_same_from_version_to_version() -> None:
    y = np.repeat([0, 1], 9)
    assert seeded_split(y).train.nonzero().flatten().tolist() == [2, 4, 5, 11, 12, 17]
    assert random_split(y, 1).val.nonzero().flatten().tolist() == [0, 7, 8, 10, 13, 16]


def test_multilabel_nodes_are_drawn_from_all() -> None:
    y = np.eye(3, dtype=np.int64)[np.arange(300) % 3]
    for split, sizes in ((seeded_split(y), [60, 80, 160]), (random_split(y, 0), [60, 90, 150])):
        assert [int(mask.sum()) for mask in split] == sizes
        _assert_parts_labelled_and_disjoint(split, torch.ones(300, dtype=torch.bool))


def test_own_masks_become_one_split_a_column() -> None:
    part = np.stack([np.array([0, 1, 2, 0]), np.array([2, 1, 0, 0])], axis=1)
    raw = RawGraph("g", "g", np.ones((4, 1)), np.zeros((2, 0), np.int64), None, np.arange(4) % 2)
    masks = (part == 0, part == 1, part == 2)
    splits = make_splits(RawGraph(**{**vars(raw), "masks": masks}), "own")
    assert [split.train.tolist() for split in splits] == [
        [True, False, False, True],
        [False, False, True, True],
    ]


@pytest.mark.parametrize("kind", ["seeded", "random"])
def test_too_few_labelled_nodes(kind: str) -> None:
    with pytest.raises(DataError, match="2 labelled nodes are too few to draw a split from; label"):
        make_splits(_raw(np.array([0, 1, -1])), kind)
