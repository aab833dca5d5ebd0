"""Which nodes are learnt from, chosen on and tested on, where a graph does not say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from graphdam.data.graph import Split
from graphdam.data.raw import Array, RawGraph
from graphdam.errors import DataError

TRAIN_PER_CLASS = 20
RANDOM_VAL_PER_CLASS = 30
SEEDED_VAL = 500
NUM_RANDOM_SPLITS = 10


def make_splits(raw: RawGraph, name: str) -> tuple[Split, ...]:
    """The splits of this kind: drawn if `random`, `random-20` or `seeded`, else the graph's own.

    Raises:
        DataError: the graph has too few labelled nodes to draw from.
    """
    if name == "seeded":
        return (seeded_split(raw.y, source=raw.source),)
    if name in ("random", "random-20"):
        count = NUM_RANDOM_SPLITS if name == "random" else 1
        return tuple(random_split(raw.y, index, source=raw.source) for index in range(count))
    assert raw.masks is not None
    columns = [mask.reshape(len(raw.y), -1).astype(bool) for mask in raw.masks]
    return tuple(
        Split(*(torch.from_numpy(column[:, index].copy()) for column in columns))
        for index in range(columns[0].shape[1])
    )


def seeded_split(y: Array, *, seed: int = 0, source: str = "graph") -> Split:
    """20 training nodes a class, 500 nodes for validation, the other labelled nodes to test.

    Scaled down where the graph is small: at most a third of a class is learnt from, and at most
    a third of what is left is validated on. `y` is [N] with −1 where unknown, or [N, T], where
    20 T nodes are drawn from all.

    >>> split = seeded_split(np.repeat([0, 1], 30))
    >>> [int(mask.sum()) for mask in split]
    [20, 13, 27]
    """
    generator = np.random.default_rng(seed)
    train: list[Array] = []
    rest: list[Array] = []
    for nodes, factor in _groups(y):
        nodes = generator.permutation(nodes)
        count = _share(len(nodes), factor * TRAIN_PER_CLASS)
        train.append(nodes[:count])
        rest.append(nodes[count:])
    left = generator.permutation(np.concatenate(rest))
    num_val = _share(len(left), SEEDED_VAL)
    return _split(len(y), np.concatenate(train), left[:num_val], left[num_val:], source)


def random_split(y: Array, index: int, *, seed: int = 0, source: str = "graph") -> Split:
    """Split number `index`: 20 training and 30 validation nodes a class, the others to test.

    The kind of split in `"Pitfalls of Graph Neural Network Evaluation"
    <https://arxiv.org/abs/1811.05868>`_. At most a third of a class goes into either part.
    """
    generator = np.random.default_rng((seed, index))
    parts: tuple[list[Array], ...] = ([], [], [])
    for nodes, factor in _groups(y):
        nodes = generator.permutation(nodes)
        end_train = _share(len(nodes), factor * TRAIN_PER_CLASS)
        end_val = end_train + _share(len(nodes), factor * RANDOM_VAL_PER_CLASS)
        for part, chosen in zip(parts, np.split(nodes, (end_train, end_val)), strict=True):
            part.append(chosen)
    train, val, test = (np.concatenate(part) for part in parts)
    return _split(len(y), train, val, test, source)


def _groups(y: Array) -> Iterator[tuple[Array, int]]:
    if y.ndim == 2:
        yield np.arange(len(y)), y.shape[1]
        return
    for label in np.unique(y[y >= 0]):
        yield np.flatnonzero(y == label), 1


def _share(available: int, wanted: int) -> int:
    return min(wanted, max(1, available // 3))


def _split(num_nodes: int, train: Array, val: Array, test: Array, source: str) -> Split:
    if not (len(train) and len(val) and len(test)):
        raise DataError(
            f"{source}: {len(train) + len(val) + len(test)} labelled nodes are too few to draw a"
            " split from; label more nodes, or give train_mask, val_mask and test_mask."
        )
    masks = []
    for nodes in (train, val, test):
        mask = torch.zeros(num_nodes, dtype=torch.bool)
        mask[torch.from_numpy(nodes)] = True
        masks.append(mask)
    return Split(*masks)
