from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from graphdam.data.raw import RawGraph
from graphdam.data.validate import validate
from graphdam.errors import DataError


def _with(array: Any, position: Any, value: Any) -> Any:
    changed = np.array(array)
    changed[position] = value
    return changed


def test_a_good_graph_passes(toy: RawGraph) -> None:
    validate(toy)
    validate(replace(toy, masks=None, edge_weight=None))
    validate(replace(toy, x=sp.csr_matrix(toy.x)))
    validate(replace(toy, y=toy.y.astype(float)))
    validate(replace(toy, edge_index=np.zeros((2, 0), np.int64), edge_weight=None))


WRONG: list[tuple[str, Any, str]] = [
    ("x", lambda raw: raw.x[0], "features `x` must have shape [N, F], a row for each node, but"),
    ("x", lambda raw: raw.x[:, :0], "have shape [12, 0], but at least one node and one feature"),
    ("x", lambda raw: raw.x.astype(str), "features `x` must be numbers, but have the type <U"),
    (
        "x",
        lambda raw: _with(raw.x, (3, 1), np.nan),
        "1 are NaN, infinite or too large (the first in row 3)",
    ),
    ("x", lambda raw: _with(raw.x, (3, 1), 1e39), "finite numbers within float32, but 1 are"),
    ("x", lambda raw: sp.csr_matrix(_with(raw.x, (0, 0), np.inf)), "(the first at 0); replace or"),
    ("x", lambda raw: raw.x[:11], "there are 12 labels in `y` but 11 rows of features"),
    ("y", lambda raw: raw.y[:7], "there are 7 labels in `y` but 12 rows of features in `x`"),
    (
        "edge_index",
        lambda raw: raw.edge_index.T,
        "must have shape [2, E], sources above targets, but has shape [11, 2]. Transpose it.",
    ),
    ("edge_index", lambda raw: raw.edge_index[0], "`edge_index` must have shape [2, E]"),
    (
        "edge_index",
        lambda raw: raw.edge_index.astype(float),
        "must hold integers, but has the type float64",
    ),
    (
        "edge_index",
        lambda raw: _with(raw.edge_index, (0, 0), -4),
        "names node -4, but there are 12 nodes, numbered 0 to 11",
    ),
    (
        "edge_index",
        lambda raw: _with(raw.edge_index, (1, 2), 12),
        "names node 12, but there are 12 nodes",
    ),
    (
        "edge_weight",
        lambda raw: raw.edge_weight[1:],
        "must have shape [11], one weight for each edge, but has shape [10]",
    ),
    (
        "edge_weight",
        lambda raw: raw.edge_weight.astype(str),
        "`edge_weight` must be numbers, but has the type <U",
    ),
    (
        "edge_weight",
        lambda raw: _with(raw.edge_weight, 1, np.inf),
        "the weights `edge_weight` must be finite",
    ),
    (
        "edge_weight",
        lambda raw: _with(raw.edge_weight, 1, -2),
        "`edge_weight` goes down to -2, but weights must not be negative",
    ),
    ("y", lambda raw: raw.y.reshape(3, 2, 2), "must have shape [N] (one class a node) or [N, T]"),
    ("y", lambda raw: raw.y.astype(str), "labels `y` must be numbers, but have the type <U"),
    (
        "y",
        lambda raw: _with(raw.y.astype(float), 2, 0.5),
        "must be whole numbers, but hold 0.5; number",
    ),
    ("y", lambda raw: _with(raw.y.astype(float), 2, np.nan), "must be whole numbers, but hold nan"),
    (
        "y",
        lambda raw: _with(raw.y, 2, -3),
        "go down to -3, but classes are numbered from 0, with −1 where",
    ),
    (
        "y",
        lambda raw: np.zeros(12),
        "1 class is found in the labels `y`, but at least two are needed",
    ),
    ("y", lambda raw: np.full(12, -1), "no class is found in the labels `y`"),
    ("y", lambda raw: _with(raw.y, 2, 900), "go up to 900 with 11 labelled nodes"),
    ("y", lambda raw: np.stack([raw.y, raw.y], 1), "of shape [N, T] must be 0 or 1, but hold 2"),
]


@pytest.mark.parametrize(("field", "change", "message"), WRONG)
def test_each_flaw_has_its_sentence(toy: RawGraph, field: str, change: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        validate(replace(toy, **{field: change(toy)}, masks=None))
    assert str(caught.value).startswith("toy: ")
    assert message in str(caught.value)


WRONG_MASKS: list[tuple[Any, str]] = [
    (
        lambda a, b, c: (np.flatnonzero(a), b, c),
        "or [12, S] for S splits, but has shape [3]; give a mask",
    ),
    (lambda a, b, c: (a, b * 2, c), "`val_mask` must hold true and false (or 1 and 0), but"),
    (lambda a, b, c: (a * 1.0, b, c), "`train_mask` must hold true and false"),
    (
        lambda a, b, c: (a[:, None].repeat(2, 1), b, c),
        "must have one shape, but have [12, 2], [12], [12]",
    ),
    (lambda a, b, c: (a, b & False, c), "`val_mask` selects no node, but every part"),
    (lambda a, b, c: (_with(a, 10, True), b, c), "`train_mask` selects 1 nodes without a label"),
    (lambda a, b, c: (a, b, c | a), "`train_mask` and `test_mask` share 3 nodes, but a node"),
    (
        lambda a, b, c: (a & (np.cumsum(a) == 1), b, c),
        "`train_mask` selects 1 labelled nodes for 3 classes, but every class needs at least one",
    ),
    (
        lambda a, b, c: tuple(np.stack([m, k], 1) for m, k in ((a, a), (b, a), (c, c))),
        "`train_mask` and `val_mask` (split 1) share 3 nodes",
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG_MASKS)
def test_each_flaw_of_masks_has_its_sentence(toy: RawGraph, change: Any, message: str) -> None:
    assert toy.masks is not None
    with pytest.raises(DataError) as caught:
        validate(replace(toy, masks=change(*toy.masks)))
    assert message in str(caught.value)
