"""Multiply-adds against a count of every single product, on a graph that fits on paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

# A path 0 → 1 → 2; node 2 also reaches 0.
EDGES = torch.tensor([[0, 1, 2], [1, 2, 0]])
X = torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 0.0, 3.0, 0.0], [4.0, 5.0, 6.0, 0.0]])


def count(encoder: Encoder, x: Tensor | CSRMatrix) -> int:
    return encoder.multiply_adds(x, encoder.prepare(EDGES, num_nodes=3))


def test_a_gcn_by_hand() -> None:
    """First layer 4 → 5, second 5 → 2; three edges and three self-loops."""
    encoder = GCN(4, 5, 2, 2)
    assert count(encoder, X) == (3 * 4 * 5 + 6 * 5) + (3 * 5 * 2 + 6 * 2)
    # X has 6 entries that are not zero
    assert count(encoder, CSRMatrix.from_dense(X)) == (6 * 5 + 6 * 5) + (3 * 5 * 2 + 6 * 2)


def test_a_graphsage_by_hand() -> None:
    encoder = GraphSAGE(4, 5, 2, 2)
    assert count(encoder, X) == (2 * 3 * 4 * 5 + 3 * 5) + (2 * 3 * 5 * 2 + 3 * 2)
    without = GraphSAGE(4, 5, 2, 2, root_weight=False)
    assert count(without, X) == (3 * 4 * 5 + 3 * 5) + (3 * 5 * 2 + 3 * 2)


def test_a_gat_by_hand() -> None:
    """Two heads of 3 channels, then two heads of 2 that are averaged."""
    encoder = GAT(4, 6, 2, 2, heads=2)
    first = 3 * 4 * 6 + 2 * 3 * 6 + 6 * 6
    assert count(encoder, X) == first + (3 * 6 * 4 + 2 * 3 * 4 + 6 * 4)
    v2 = GAT(4, 6, 1, heads=2, v2=True)
    assert count(v2, X) == 2 * 3 * 4 * 6 + 2 * 6 * 6


def test_jumping_knowledge_adds_its_linear_map() -> None:
    plain = count(GCN(4, 5, 2, 5), X)
    assert count(GCN(4, 5, 2, 2, jk="cat"), X) == plain + 3 * 10 * 2
    assert count(GCN(4, 5, 2, 2, jk="last"), X) == plain + 3 * 5 * 2


def naive_gcn(x: list[list[float]], weight: list[list[float]], messages: int) -> tuple[int, int]:
    """Count the products of a layer in loops: (of dense features, of their non-zeros)."""
    dense = sparse = 0
    for row in x:
        for entry in row:
            dense += len(weight)
            sparse += len(weight) if entry else 0
    aggregation = sum(1 for _ in range(messages) for _ in weight)
    return dense + aggregation, sparse + aggregation


def test_a_gcn_layer_against_a_count_in_loops() -> None:
    encoder = GCN(4, 5, 1)
    adjacency = encoder.prepare(EDGES, num_nodes=3)
    expected = naive_gcn(
        X.tolist(), torch.zeros(5, 4).tolist(), int((adjacency.matrix.to_dense() != 0).sum())
    )
    assert encoder.multiply_adds(X, adjacency) == expected[0]
    assert encoder.multiply_adds(CSRMatrix.from_dense(X), adjacency) == expected[1]


@pytest.mark.parametrize("kind", [GCN, GraphSAGE, GAT])
def test_a_compact_encoder_needs_fewer(kind: type[Encoder], shake: Callable[..., Any]) -> None:
    wide = shake(kind(4, 8, 2, 2, gate="dam"), [2])
    assert count(wide.compact(), X) == count(kind(4, 2, 2, 2), X) < count(wide, X)
    assert count(wide, X) == count(kind(4, 8, 2, 2), X)
