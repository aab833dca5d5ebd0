"""A set of links of the Open Graph Benchmark: its graph, and the pairs that it holds out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphdam.data.ogb_arrays import OGBArrays
from graphdam.data.ogb_layout import PARTS, SAVED_SPLIT
from graphdam.data.ogb_saved import read_saved
from graphdam.data.raw import Array, RawGraph, RawLinks
from graphdam.errors import DataError
from graphdam.evaluation.ogb import hits_at

_LINKED, _NOT_LINKED = "edge", "edge_neg"


def link_graph(name: str, folder: Path, arrays: OGBArrays, files: Mapping[str, Path]) -> RawGraph:
    """The training links of a set as a graph, and the pairs that it holds out.

    A pair of nodes that is linked several times, once a year in `ogbl-collab`, becomes one edge
    with the sum of the weights (1 each where the set has none): to a GCN, which sums messages, that
    is the same. The years themselves are not read; they have decided the split. Held-out pairs stay
    as they are: OGB's evaluator counts one as often as it is listed, and some of those of
    `ogbl-collab` are linked in training too, in earlier years. Nodes have no labels: `y` is −1.

    Args:
        name: the set.
        folder: where it lies.
        arrays: its tables.
        files: those of `ogb_files`, by the names that they have there.

    Raises:
        DataError: a part of the split is cut off, pickled or not of this graph, or holds so few
            pairs without a link that its score would be 1 for any model.
    """
    train, held_out = _read_split(files, least=hits_at(name))
    weight = np.ones(arrays.edge_index.shape[1])
    if arrays.edge_weight is not None:
        weight = arrays.edge_weight[:, 0].astype(np.float64)
    edge_index, weight = merged_links(arrays.edge_index, weight)
    _require_same(edge_index, merged_links(train, np.ones(train.shape[1]))[0], files)
    assert arrays.node_feat is not None
    x = arrays.node_feat.astype(np.float32)
    y = np.full(arrays.num_nodes, -1)
    return RawGraph(name, str(folder), x, edge_index, weight, y, links=held_out)


def merged_links(edge_index: Array, weight: Array) -> tuple[Array, Array]:
    """Every unordered pair once, the smaller node above, with the sum of its weights.

    Args:
        edge_index: [2, E], each pair in any order and any number of times.
        weight: [E].

    >>> pairs, weight = merged_links(np.array([[2, 1, 2], [1, 2, 2]]), np.array([3.0, 1.0, 5.0]))
    >>> pairs.T.tolist(), weight.tolist()
    ([[1, 2], [2, 2]], [4.0, 5.0])
    """
    smaller, larger = edge_index.min(axis=0), edge_index.max(axis=0)
    first = int(edge_index.min(initial=0))
    span = int(edge_index.max(initial=0)) - first + 1
    number, at = np.unique((smaller - first) * span + larger - first, return_inverse=True)
    return np.stack(np.divmod(number, span)) + first, np.bincount(at, weight, len(number))


def _read_split(files: Mapping[str, Path], *, least: int) -> tuple[Array, RawLinks]:
    """The training links [2, E], and the held-out pairs."""
    saved = files.get(f"split/{SAVED_SPLIT}")
    paths = [saved or files[f"split/{part}.pt"] for part in PARTS]
    (train,), val, test = (
        _read_part(path, None if saved is None else part, keys)
        for path, part, keys in zip(
            paths, PARTS, [(_LINKED,), *2 * [(_LINKED, _NOT_LINKED)]], strict=True
        )
    )
    for path, (_, others) in zip(paths[1:], (val, test), strict=True):
        if others.shape[1] < least:
            raise DataError(
                f"{path}: `{_NOT_LINKED}` holds {others.shape[1]} pairs, but the evaluator counts"
                f" links above the {least} highest of them, so at least {least} are needed; copy or"
                " download it again."
            )
    return train, RawLinks(*val, *test)


def _read_part(path: Path, part: str | None, keys: tuple[str, ...]) -> list[Array]:
    """Pairs by their keys in a part of a split, each [2, E]; `part` is where it lies in a file."""

    def take(saved: Any) -> list[Array]:
        whole = saved if part is None else saved[part]
        return [np.asarray(whole[key]) for key in keys]

    found = read_saved(path, take, instead="copy or download it again")
    for key, pairs in zip(keys, found, strict=True):
        if pairs.dtype.kind not in "iu" or pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
            raise DataError(
                f"{path}: `{key}` must hold pairs of node numbers, [E, 2], but has the type"
                f" {pairs.dtype} and the shape {list(pairs.shape)}; copy or download it again."
            )
    return [pairs.T.astype(np.int64) for pairs in found]


def _require_same(table: Array, train: Array, files: Mapping[str, Path]) -> None:
    """The graph's edges are the training links, so that none that is held out is among them."""
    if np.array_equal(table, train):
        return
    edges, links = ({*map(tuple, pairs.T.tolist())} for pairs in (table, train))
    unknown, missing = len(edges - links), len(links - edges)
    split = files.get(f"split/{SAVED_SPLIT}") or files[f"split/{PARTS[0]}.pt"]
    raise DataError(
        f"{split}: the training links must be the edges of {files['raw/edge.csv.gz']}, but"
        f" {unknown} of its pairs are no training links, and {missing} of them are none of its"
        " pairs; copy or download both again."
    )
