from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data
from torch_geometric.transforms import NormalizeFeatures
from torch_geometric.utils import coalesce, to_undirected

from graphdam.data.csr import CSRMatrix
from graphdam.data.prepare import merge_edges, row_normalised, stored_features
from graphdam.data.raw import RawGraph
from graphdam.errors import DataError

EDGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40)


def _raw(edges: list[tuple[int, int]], weight: Any = None, undirected: bool = False) -> RawGraph:
    index = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    return RawGraph("g", "g", np.ones((7, 2)), index, weight, np.zeros(7), undirected=undirected)


@given(EDGES, st.booleans())
def test_merged_edges_are_those_of_pyg(edges: list[tuple[int, int]], undirected: bool) -> None:
    merged, weight = merge_edges(_raw(edges, undirected=undirected))
    index = torch.tensor(edges, dtype=torch.long).reshape(-1, 2).T.contiguous()
    expected = to_undirected(index, num_nodes=7) if undirected else coalesce(index, num_nodes=7)
    assert torch.equal(merged, expected)
    assert weight is None


@given(EDGES)
def test_merging_twice_changes_nothing(edges: list[tuple[int, int]]) -> None:
    raw = _raw(edges, np.array([1.0 + (a * 7 + b) % 5 for a, b in edges]))
    index, weight = merge_edges(raw)
    again, weight_again = merge_edges(
        replace(
            raw,
            edge_index=index.numpy(),
            edge_weight=None if weight is None else weight.numpy(),
        )
    )
    assert torch.equal(index, again)
    assert weight is weight_again is None or torch.equal(weight, weight_again)  # type: ignore[arg-type]


def test_weights_follow_their_edges_and_self_loops_stay() -> None:
    raw = _raw([(3, 1), (0, 0), (3, 1), (2, 3)], np.array([0.5, 2.0, 0.5, 1.0]), undirected=True)
    index, weight = merge_edges(raw)
    assert index.T.tolist() == [[0, 0], [1, 3], [2, 3], [3, 1], [3, 2]]
    assert weight is not None
    assert weight.tolist() == [2.0, 0.5, 1.0, 0.5, 1.0]


@given(EDGES, st.booleans())
def test_edges_lie_where_they_do_without_weights(
    edges: list[tuple[int, int]], undirected: bool
) -> None:
    raw = _raw(edges, undirected=undirected)
    weighted = replace(raw, edge_weight=np.full(len(edges), 2.0))
    assert torch.equal(merge_edges(raw)[0], merge_edges(weighted)[0])


def test_weights_of_one_are_left_out() -> None:
    assert merge_edges(_raw([(0, 1), (1, 2)], np.ones(2)))[1] is None


def test_an_edge_with_two_weights_is_refused() -> None:
    with pytest.raises(
        DataError, match="from node 0 to node 1 stands twice with different weights, 1 and 2; keep"
    ):
        merge_edges(_raw([(0, 1), (0, 1)], np.array([1.0, 2.0])))
    with pytest.raises(DataError, match="stands twice with different weights"):
        merge_edges(_raw([(0, 1), (1, 0)], np.array([1.0, 2.0]), undirected=True))


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_are_normalised_as_pyg_does(sparse: bool) -> None:
    x = np.random.default_rng(0).integers(0, 3, (9, 5)).astype(np.float32)
    x[4], x[5] = 0, (0.25, 0, 0, 0, 0)
    expected = NormalizeFeatures()(Data(x=torch.from_numpy(x.copy()))).x
    ours = row_normalised(sp.csr_matrix(x) if sparse else x)
    torch.testing.assert_close(stored_features(ours, sparse=False), expected)


def test_features_are_stored_sparse_where_few_are_not_zero() -> None:
    generator = np.random.default_rng(0)
    few = (generator.random((120, 100)) < 0.15).astype(np.float32)
    many = (generator.random((120, 100)) < 0.25).astype(np.float32)
    assert isinstance(stored_features(few, sparse="auto"), CSRMatrix)
    assert isinstance(stored_features(few[:100], sparse="auto"), torch.Tensor)
    assert isinstance(stored_features(many, sparse="auto"), torch.Tensor)
    assert isinstance(stored_features(few[:3], sparse=True), CSRMatrix)
    assert isinstance(stored_features(few, sparse=False), torch.Tensor)


@pytest.mark.parametrize("given_as", [np.asarray, sp.csr_matrix, sp.csc_matrix])
def test_dense_and_sparse_storage_hold_the_same(given_as: Any) -> None:
    x = np.random.default_rng(0).integers(0, 2, (6, 4)).astype(np.float64)
    sparse = stored_features(given_as(x), sparse=True)
    dense = stored_features(given_as(x), sparse=False)
    assert isinstance(sparse, CSRMatrix)
    assert isinstance(dense, torch.Tensor)
    assert sparse.num_entries == np.count_nonzero(x)
    assert torch.equal(sparse.to_dense(), dense)
    assert dense.dtype == sparse.dtype == torch.float32


def test_the_given_arrays_are_left_alone() -> None:
    x = np.ones((3, 2), dtype=np.float32)
    stored = stored_features(x, sparse=False)
    assert isinstance(stored, torch.Tensor)
    stored.zero_()
    assert x.all()
