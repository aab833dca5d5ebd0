"""Do views lack what they should, and are they the same for sparse and dense features?"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from embeddings import embedder, small_graph
from torch import Tensor

from graphdam.data import CSRMatrix
from graphdam.objectives.augment import shuffled, without_edges, without_features


def dense(x: Tensor | CSRMatrix) -> Tensor:
    return x.to_dense() if isinstance(x, CSRMatrix) else x


@pytest.mark.parametrize("sparse", [False, True])
def test_shuffling_gives_every_node_the_features_of_one(sparse: bool) -> None:
    x = small_graph(sparse=sparse).x
    torch.manual_seed(3)
    found = shuffled(x)
    torch.manual_seed(3)
    order = torch.randperm(34)
    assert isinstance(found, CSRMatrix) == sparse
    assert torch.equal(dense(found), dense(x)[order])
    assert not torch.equal(dense(found), dense(x))


@pytest.mark.parametrize("sparse", [False, True])
def test_features_are_dropped_for_all_nodes_alike_and_the_others_stay(sparse: bool) -> None:
    x = small_graph(sparse=sparse).x
    before, dropped = dense(x).clone(), 0
    for _ in range(200):
        view = dense(without_features(x, 0.3))
        gone = (view == 0).all(0)
        assert torch.equal(view, before * ~gone)
        dropped += int(gone.sum())
    assert dropped / (200 * 9) == pytest.approx(0.3, abs=0.05)
    assert torch.equal(dense(x), before)
    assert torch.equal(dense(without_features(x, 0.0)), before)
    assert without_features(x, 0.5).dtype == torch.float64


def test_sparse_and_dense_features_lose_the_same() -> None:
    views = []
    for sparse in (False, True):
        torch.manual_seed(7)
        views.append(dense(without_features(small_graph(sparse=sparse).x, 0.4)))
    assert torch.equal(*views)


def test_edges_are_dropped_one_by_one_and_take_their_weights_with_them() -> None:
    graph = small_graph()
    weight = torch.arange(1, graph.num_edges + 1, dtype=torch.float64)
    graph, kept = replace(graph, edge_weight=weight), 0
    encoder = embedder(graph)
    for seed in range(50):
        torch.manual_seed(seed)
        adjacency = without_edges(encoder, graph, 0.25)
        torch.manual_seed(seed)
        stays = torch.rand(graph.num_edges) >= 0.25
        expected = encoder.prepare(
            graph.edge_index[:, stays], weight[stays], num_nodes=graph.num_nodes
        )
        torch.testing.assert_close(adjacency.matrix.to_dense(), expected.matrix.to_dense())
        kept += int(stays.sum())
    assert kept / (50 * graph.num_edges) == pytest.approx(0.75, abs=0.02)
    whole = encoder.prepare(graph.edge_index, weight, num_nodes=graph.num_nodes)
    same = without_edges(encoder, graph, 0.0)
    assert torch.equal(same.matrix.to_dense(), whole.matrix.to_dense())
