from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import kneighbors_graph

from graphdam.data.embedded import digits, nearest_neighbours, sbm
from graphdam.data.load import load_graph


def test_digits_are_the_nearest_neighbours_of_scikit_learn() -> None:
    raw = digits()
    ours: dict[int, set[int]] = {}
    for source, target in raw.edge_index.T.tolist():
        ours.setdefault(source, set()).add(target)
    theirs = kneighbors_graph(raw.x, 10).tolil().rows
    distance = pairwise_distances(raw.x)
    for node, expected in enumerate(theirs):
        assert len(ours[node]) == 10
        assert node not in ours[node]
        np.testing.assert_allclose(
            sorted(distance[node, list(ours[node])]),
            sorted(distance[node, expected]),
            atol=1e-6,
        )


def test_equally_near_rows_are_taken_in_order() -> None:
    pixels = np.array([[0.0], [1.0], [-1.0], [5.0]])
    assert nearest_neighbours(pixels, 1).tolist() == [[0, 1, 2, 3], [1, 0, 0, 1]]


def test_sizes_and_splits_of_digits() -> None:
    graph = load_graph("digits")
    assert (graph.num_nodes, graph.num_features, graph.num_classes) == (1797, 64, 10)
    assert [int(mask.sum()) for mask in graph.splits[0]] == [200, 500, 1097]
    assert float(graph.dense_x().max()) == 1.0


def test_karate_is_undirected_with_78_edges() -> None:
    graph = load_graph("karate")
    assert graph.num_edges == 2 * 78
    assert torch.equal(graph.dense_x(), torch.eye(34))


def test_sbm_repeats_and_its_blocks_show() -> None:
    first, second = sbm(), sbm()
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.edge_index, second.edge_index)
    assert not np.array_equal(sbm(seed=1).x, first.x)
    source, target = first.edge_index
    within = first.y[source] == first.y[target]
    num_within = 5 * 160 * 159 / 2
    assert abs(within.sum() / num_within - 0.03) < 0.002
    assert abs((~within).sum() / (800 * 799 / 2 - num_within) - 0.004) < 0.0005


def test_sbm_stays_the_same_from_version_to_version() -> None:
    graph = load_graph("sbm")
    assert (graph.num_edges, graph.num_feature_entries) == (5974, 5510)
