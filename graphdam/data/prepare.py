"""From arrays as they were read to a `Graph` that trains fast: edges merged, features stored."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.data.graph import Graph, Split, Task
from graphdam.data.held_out import HeldOut, HeldOutLinks
from graphdam.data.raw import Array, RawGraph, RawLinks
from graphdam.errors import DataError

Sparse = Literal["auto"] | bool

SPARSE_BELOW_DENSITY = 0.2
SPARSE_ABOVE_ENTRIES = 10_000


def prepare(
    raw: RawGraph,
    *,
    split_name: str,
    splits: tuple[Split, ...],
    binary: bool = False,
    bag_of_words: bool = False,
    sparse: Sparse = "auto",
) -> Graph:
    """A validated graph, ready for training.

    Args:
        raw: what `validate` has accepted.
        split_name: the kind of split.
        splits: the splits of that kind.
        binary: score two classes by ROC-AUC.
        bag_of_words: divide each node's features by their sum.
        sparse: store features as `CSRMatrix` always (`True`), never (`False`) or (`auto`) where
            under a fifth of more than 10,000 entries are not zero. What lies on disk stays there.
    """
    edge_index, edge_weight = merge_edges(raw)
    multilabel = raw.y.ndim == 2
    task: Task = "multilabel" if multilabel else "binary" if binary else "multiclass"
    if raw.links is not None:
        task = "links"
    x = row_normalised(raw.x) if bag_of_words else raw.x
    return Graph(
        name=raw.name,
        x=stored_features(x, sparse=sparse),
        edge_index=edge_index,
        edge_weight=edge_weight,
        y=torch.from_numpy(raw.y.astype(np.float32 if multilabel else np.int64)),
        num_classes=raw.y.shape[1] if multilabel else int(raw.y.max()) + 1,
        task=task,
        split_name=split_name,
        splits=splits,
        features_on_disk=isinstance(x, np.memmap),
        links=None if raw.links is None else _held_out(raw.links),
        node_ids=raw.node_ids,
        class_names=raw.class_names,
    )


def _held_out(links: RawLinks) -> HeldOutLinks:
    val_pos, val_neg, test_pos, test_neg = (
        torch.from_numpy(pairs.astype(np.int64)) for pairs in links
    )
    return HeldOutLinks(HeldOut(val_pos, val_neg), HeldOut(test_pos, test_neg))


def merge_edges(raw: RawGraph) -> tuple[Tensor, Tensor | None]:
    """Every edge once, ordered by source and target; both directions if the graph is undirected.

    Self-loops stay as given. Weights that are all 1 are left out.

    Returns:
        `edge_index` int64 [2, E] and `edge_weight` float32 [E] or None.

    Raises:
        DataError: an edge stands twice with different weights.
    """
    source, target = raw.edge_index.astype(np.int64)
    weight = None if raw.edge_weight is None else raw.edge_weight.astype(np.float32)
    if raw.undirected:
        source, target = np.concatenate([source, target]), np.concatenate([target, source])
        weight = None if weight is None else np.concatenate([weight, weight])
    key = source * raw.x.shape[0] + target
    if weight is None or (weight == 1).all():
        key.sort()  # in place, without an order: far cheaper on large graphs than `unique`
        key = key[np.diff(key, prepend=-1) != 0]
        return torch.from_numpy(np.stack(np.divmod(key, raw.x.shape[0]))), None
    key, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    edge_index = torch.from_numpy(np.stack([source[first], target[first]]))
    merged = weight[first]
    different = weight != merged[inverse]
    if different.any():
        entry = int(different.argmax())
        raise DataError(
            f"{raw.source}: the edge from node {source[entry]} to node {target[entry]} stands twice"
            f" with different weights, {merged[inverse[entry]]:g} and {weight[entry]:g}; keep one."
        )
    assert len(merged) == len(key)
    return edge_index, torch.from_numpy(merged)


def row_normalised(x: Any) -> Any:
    """Each row divided by its sum, as `torch_geometric.transforms.NormalizeFeatures` does.

    Rows that sum to less than 1, such as empty ones, are left as they are.
    """
    total = np.maximum(np.asarray(x.sum(axis=1)).reshape(-1, 1), 1)
    if sp.issparse(x):
        return sp.csr_matrix(sp.diags(1 / total.ravel()) @ x)
    return x / total


def stored_features(x: Any, *, sparse: Sparse) -> Tensor | CSRMatrix:
    """Features as a dense float32 tensor or a `CSRMatrix`, whichever is asked for or faster."""
    if isinstance(x, np.memmap):
        return torch.from_numpy(x)
    num_entries = x.shape[0] * x.shape[1]
    if sparse == "auto":
        num_nonzero = x.count_nonzero() if sp.issparse(x) else np.count_nonzero(x)
        small = num_entries <= SPARSE_ABOVE_ENTRIES
        sparse = not small and bool(num_nonzero < SPARSE_BELOW_DENSITY * num_entries)
    if not sparse:
        dense: Array = x.toarray() if sp.issparse(x) else x
        return torch.from_numpy(np.array(dense, dtype=np.float32, order="C"))
    matrix = sp.csr_matrix(x, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    entries = matrix.tocoo()
    return CSRMatrix.from_coo(
        torch.from_numpy(entries.row.astype(np.int64)),
        torch.from_numpy(entries.col.astype(np.int64)),
        torch.from_numpy(entries.data.astype(np.float32)),
        (x.shape[0], x.shape[1]),
    )
