"""MinGE's width: graphs worked by hand, laws of the entropy, refusals."""

from __future__ import annotations

import math
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from torch import Tensor

from graphdam.baselines import minge_width, structure_entropy
from graphdam.errors import DataError


def ring(num_nodes: int) -> Tensor:
    nodes = torch.arange(num_nodes)
    return torch.stack([nodes, (nodes + 1) % num_nodes])


def star(num_leaves: int) -> Tensor:
    leaves = torch.arange(1, num_leaves + 1)
    return torch.stack([torch.zeros_like(leaves), leaves])


def test_a_regular_graph_by_hand() -> None:
    """Every node has the share 1/N, so H_s = ln N and n = 3 ln N / 0.24 = 12.5 ln N."""
    assert structure_entropy(ring(100), num_nodes=100) == pytest.approx(math.log(100))
    assert minge_width(ring(100), num_nodes=100) == 58  # 57.56
    complete = torch.combinations(torch.arange(8)).t()
    assert structure_entropy(complete, num_nodes=8) == pytest.approx(math.log(8))
    assert minge_width(complete, num_nodes=8) == 26  # 25.99


def test_a_star_by_hand() -> None:
    """The hub has the share 1/2, each of m leaves 1/(2m): H_s = ln 2 + ln(m) / 2."""
    assert structure_entropy(star(99), num_nodes=100) == pytest.approx(
        math.log(2) + math.log(99) / 2
    )
    assert minge_width(star(99), num_nodes=100) == 51  # (9.210 + 2.991) / 0.24 = 50.84


def test_graphs_without_edges_have_the_entropy_of_their_features_only() -> None:
    none = torch.empty(2, 0, dtype=torch.long)
    assert structure_entropy(none, num_nodes=100) == 0.0
    assert minge_width(none, num_nodes=100) == 38  # 2 ln 100 / 0.24 = 38.38
    assert minge_width(none, num_nodes=1) == 1  # 0 would be no embedding


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[int, int]], int]:
    num_nodes = draw(st.integers(1, 12))
    node = st.integers(0, num_nodes - 1)
    return draw(st.lists(st.tuples(node, node), max_size=30)), num_nodes


def edges_of(pairs: list[tuple[int, int]]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t()


@given(graphs())
def test_the_entropy_is_scipys_of_the_degrees(graph: tuple[list[tuple[int, int]], int]) -> None:
    pairs, num_nodes = graph
    neighbours: list[set[int]] = [set() for _ in range(num_nodes)]
    for a, b in pairs:
        if a != b:
            neighbours[a].add(b)
            neighbours[b].add(a)
    degrees = [len(others) for others in neighbours]
    expected = entropy(degrees) if any(degrees) else 0.0
    found = structure_entropy(edges_of(pairs), num_nodes=num_nodes)
    assert found == pytest.approx(expected)
    assert found <= math.log(num_nodes) + 1e-12


@given(graphs(), st.randoms(use_true_random=False))
def test_direction_repetition_self_loops_and_numbering_do_not_matter(
    graph: tuple[list[tuple[int, int]], int], random: Random
) -> None:
    pairs, num_nodes = graph
    names = list(range(num_nodes))
    random.shuffle(names)
    other = [(names[b], names[a]) for a, b in pairs] + [(names[a], names[b]) for a, b in pairs[:3]]
    other += [(node, node) for node in range(num_nodes)]
    random.shuffle(other)
    expected = structure_entropy(edges_of(pairs), num_nodes=num_nodes)
    assert structure_entropy(edges_of(other), num_nodes=num_nodes) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("edge_index", "num_nodes", "message"),
    [
        (torch.empty(2, 0), 0, "A graph needs at least one node, received num_nodes=0."),
        (
            torch.zeros(5, 2, dtype=torch.long),
            3,
            "edge_index must have shape [2, E], received [5, 2]: one row of sources, one of "
            "targets.",
        ),
        (
            ring(4),
            3,
            "edge_index names the nodes 0 … 3, but num_nodes is 3: nodes are numbered 0 … 2.",
        ),
        (
            ring(4) - 1,
            4,
            "edge_index names the nodes -1 … 2, but num_nodes is 4: nodes are numbered 0 … 3.",
        ),
    ],
)
def test_refusals(edge_index: Tensor, num_nodes: int, message: str) -> None:
    for function in (structure_entropy, minge_width):
        with pytest.raises(DataError) as caught:
            function(edge_index, num_nodes=num_nodes)
        assert str(caught.value) == message
