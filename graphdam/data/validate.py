"""Is this a graph that can be trained on? Each way in which it is not has one clear sentence."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from graphdam.data.raw import Array, RawGraph
from graphdam.errors import DataError

PARTS = ("train", "val", "test")

_ROWS = 2**16  # of features on disk that are looked at at a time


def validate(raw: RawGraph, *, labelled: bool = True) -> None:
    """Refuse whatever could not be trained on, or would be trained on wrongly.

    Nodes without edges are allowed, and so are self-loops, repeated edges and, outside the
    masks, nodes without a label (−1).

    Args:
        raw: what was read.
        labelled: whether it is to have labels.

    Raises:
        DataError: what is wrong, what is accepted, and what to do.
    """
    num_nodes = _check_features(raw)
    if raw.links is None and labelled:
        _check_labels(raw, num_nodes)
    _check_edges(raw, num_nodes)
    for name, pairs in () if raw.links is None else raw.links._asdict().items():
        _check_pairs(raw, f"`{name}_edges`", pairs, num_nodes)
    if raw.masks is not None:
        _check_masks(raw, num_nodes)


def _shape(array: Array) -> str:
    return "[" + ", ".join(map(str, array.shape)) + "]"


def _is_number(array: Array) -> bool:
    return array.dtype.kind in "biuf"


def _check_features(raw: RawGraph) -> int:
    x = raw.x
    if x.ndim != 2:
        raise DataError(
            f"{raw.source}: the features `x` must have shape [N, F], a row for each node, but have"
            f" shape {_shape(x)}; reshape them."
        )
    if x.shape[0] == 0 or x.shape[1] == 0:
        raise DataError(
            f"{raw.source}: the features `x` have shape {_shape(x)}, but at least one node and one"
            " feature are needed; a graph without features can be given one-hot or degree features."
        )
    if not _is_number(x):
        raise DataError(
            f"{raw.source}: the features `x` must be numbers, but have the type {x.dtype};"
            " convert them to float32."
        )
    for begin in range(0, x.shape[0], _ROWS) if isinstance(x, np.memmap) else ():
        _check_finite(raw, "the features `x`", x[begin : begin + _ROWS], begin)
    if not isinstance(x, np.memmap):
        _check_finite(raw, "the features `x`", x.data if sp.issparse(x) else x)
    return int(x.shape[0])


def _check_finite(raw: RawGraph, what: str, values: Array, begin: int = 0) -> None:
    with np.errstate(over="ignore"):
        wrong = ~np.isfinite(values.astype(np.float32, copy=False))
    if wrong.any():
        first = np.argwhere(wrong)[0].tolist()
        first[0] += begin
        where = f"the first in row {first[0]}" if len(first) == 2 else f"the first at {first[0]}"
        raise DataError(
            f"{raw.source}: {what} must be finite numbers within float32, but {int(wrong.sum())}"
            f" are NaN, infinite or too large ({where}); replace or remove them."
        )


def _check_edges(raw: RawGraph, num_nodes: int) -> None:
    edges, weight = raw.edge_index, raw.edge_weight
    _check_pairs(raw, "`edge_index`", edges, num_nodes)
    if weight is None:
        return
    if weight.shape != (edges.shape[1],):
        raise DataError(
            f"{raw.source}: `edge_weight` must have shape [{edges.shape[1]}], one weight for each"
            f" edge, but has shape {_shape(weight)}."
        )
    if not _is_number(weight):
        raise DataError(
            f"{raw.source}: `edge_weight` must be numbers, but has the type {weight.dtype}."
        )
    _check_finite(raw, "the weights `edge_weight`", weight)
    if weight.size and weight.min() < 0:
        raise DataError(
            f"{raw.source}: `edge_weight` goes down to {float(weight.min()):g}, but weights must"
            " not be negative: a node's degree is their sum, and its root is taken."
        )


def _check_pairs(raw: RawGraph, what: str, edges: Array, num_nodes: int) -> None:
    if edges.ndim != 2 or edges.shape[0] != 2:
        hint = " Transpose it." if edges.ndim == 2 and edges.shape[1] == 2 else ""
        raise DataError(
            f"{raw.source}: {what} must have shape [2, E], sources above targets, but has"
            f" shape {_shape(edges)}.{hint}"
        )
    if edges.dtype.kind not in "iu":
        raise DataError(
            f"{raw.source}: {what} must hold integers, but has the type {edges.dtype};"
            " convert it to int64."
        )
    if edges.size and (edges.min() < 0 or edges.max() >= num_nodes):
        wrong = int(edges.min()) if edges.min() < 0 else int(edges.max())
        raise DataError(
            f"{raw.source}: {what} names node {wrong}, but there are {num_nodes} nodes,"
            f" numbered 0 to {num_nodes - 1} as the rows of `x`; correct the edges or add the node."
        )


def _check_labels(raw: RawGraph, num_nodes: int) -> None:
    y = raw.y
    if y.ndim not in (1, 2):
        raise DataError(
            f"{raw.source}: the labels `y` must have shape [N] (one class a node) or [N, T]"
            f" (T yes-or-no labels a node), but have shape {_shape(y)}."
        )
    if y.shape[0] != num_nodes:
        raise DataError(
            f"{raw.source}: there are {y.shape[0]} labels in `y` but {num_nodes} rows of features"
            " in `x`; both need one row for each node, in the same order."
        )
    if not _is_number(y):
        raise DataError(
            f"{raw.source}: the labels `y` must be numbers, but have the type {y.dtype}; number"
            " the classes 0, 1, 2, …"
        )
    if y.ndim == 2:
        if not np.isin(y, (0, 1)).all():
            raise DataError(
                f"{raw.source}: labels `y` of shape [N, T] must be 0 or 1, but hold"
                f" {_first(y, ~np.isin(y, (0, 1)))}; for one class a node give `y` of shape [N]."
            )
        return
    _check_classes(raw)


def _first(array: Array, wrong: Array) -> str:
    return f"{array[wrong].ravel()[0].item():g}"


def _check_classes(raw: RawGraph) -> None:
    y = raw.y
    whole = np.isfinite(y) & (np.floor(y) == y)
    if not whole.all():
        raise DataError(
            f"{raw.source}: the labels `y` must be whole numbers, but hold {_first(y, ~whole)};"
            " number the classes 0, 1, 2, … and write −1 where the class is unknown."
        )
    if (y < -1).any():
        raise DataError(
            f"{raw.source}: the labels `y` go down to {int(y.min())}, but classes are numbered"
            " from 0, with −1 where the class is unknown."
        )
    known = y[y >= 0]
    if np.unique(known).size < 2:
        raise DataError(
            f"{raw.source}: {np.unique(known).size or 'no'} class is found in the labels `y`, but"
            " at least two are needed to tell nodes apart."
        )
    if known.max() >= known.size:
        raise DataError(
            f"{raw.source}: the labels `y` go up to {int(known.max())} with {known.size} labelled"
            " nodes, which would make more classes than nodes; number the classes 0, 1, 2, …"
        )


def _check_masks(raw: RawGraph, num_nodes: int) -> None:
    assert raw.masks is not None
    for part, mask in zip(PARTS, raw.masks, strict=True):
        if mask.ndim not in (1, 2) or mask.shape[0] != num_nodes or mask.shape[-1] == 0:
            raise DataError(
                f"{raw.source}: `{part}_mask` must have shape [{num_nodes}], or [{num_nodes}, S]"
                f" for S splits, but has shape {_shape(mask)}; give a mask, not a list of indices."
            )
        if mask.dtype.kind not in "biu" or not np.isin(mask, (0, 1)).all():
            raise DataError(
                f"{raw.source}: `{part}_mask` must hold true and false (or 1 and 0), but holds"
                f" other values of the type {mask.dtype}; convert it."
            )
    if len({mask.shape for mask in raw.masks}) > 1:
        shapes = ", ".join(_shape(mask) for mask in raw.masks)
        raise DataError(
            f"{raw.source}: the training, validation and test masks must have one shape, but have"
            f" {shapes}; give the same number of splits in each."
        )
    columns = [mask.reshape(num_nodes, -1).astype(bool) for mask in raw.masks]
    for index in range(columns[0].shape[1]):
        where = f" (split {index})" if columns[0].shape[1] > 1 else ""
        _check_split(raw, [column[:, index] for column in columns], where)


def _check_split(raw: RawGraph, masks: list[Array], where: str) -> None:
    for part, mask in zip(PARTS, masks, strict=True):
        if not mask.any():
            raise DataError(
                f"{raw.source}: `{part}_mask`{where} selects no node, but every part of a split"
                " needs at least one; without any masks a seeded split is made."
            )
        unlabelled = mask & (raw.y < 0) if raw.y.ndim == 1 else np.zeros_like(mask)
        if unlabelled.any():
            raise DataError(
                f"{raw.source}: `{part}_mask`{where} selects {int(unlabelled.sum())} nodes without"
                f" a label (the first is node {int(unlabelled.argmax())}); label them or take them"
                " out of the mask."
            )
    if raw.y.ndim == 1:
        labelled, classes = int(masks[0].sum()), int(raw.y.max()) + 1
        if labelled < classes:
            raise DataError(
                f"{raw.source}: `train_mask`{where} selects {labelled} labelled nodes for {classes}"
                " classes, but every class needs at least one to be learnt; label more nodes, or"
                " leave out the masks for a seeded split."
            )
    for one, other in ((0, 1), (0, 2), (1, 2)):
        shared = int((masks[one] & masks[other]).sum())
        if shared:
            raise DataError(
                f"{raw.source}: `{PARTS[one]}_mask` and `{PARTS[other]}_mask`{where} share {shared}"
                " nodes, but a node may stand in one part only; take them out of one mask."
            )
