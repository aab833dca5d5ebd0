"""Cost formulas against every single product of a layer, counted in loops."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from graphdam.evaluation.cost import gat_layer, gcn_layer, graphsage_layer, num_parameters

SIZES = list(itertools.product([1, 3, 5], [1, 4], [0, 1, 7], [1, 2, 6]))


@pytest.mark.parametrize(("nodes", "inputs", "messages", "width"), SIZES)
def test_dense_layers(nodes: int, inputs: int, messages: int, width: int) -> None:
    transform = sum(1 for _ in itertools.product(range(nodes), range(inputs), range(width)))
    aggregate = sum(1 for _ in itertools.product(range(messages), range(width)))
    score = sum(1 for _ in itertools.product(range(nodes), range(width)))
    entries = nodes * inputs
    assert gcn_layer(entries, messages, width) == transform + aggregate
    assert graphsage_layer(entries, messages, width) == 2 * transform + aggregate
    assert graphsage_layer(entries, messages, width, root_weight=False) == transform + aggregate
    assert gat_layer(entries, messages, nodes, width) == transform + 2 * score + aggregate
    assert gat_layer(entries, messages, nodes, width, v2=True) == 2 * transform + 2 * aggregate


def test_sparse_features_cost_what_they_hold() -> None:
    """Cora's first layer: 49216 of 2708 × 1433 entries are not zero, 13264 messages."""
    sparse = gcn_layer(input_entries=49216, num_messages=13264, width=16)
    dense = gcn_layer(input_entries=2708 * 1433, num_messages=13264, width=16)
    assert sparse == 49216 * 16 + 13264 * 16 == 999_680
    assert dense == 62_089_024 + 212_224 == 62_301_248


def test_cost_is_linear_in_the_width() -> None:
    for layer in (gcn_layer, graphsage_layer):
        assert layer(100, 30, 8) == 8 * layer(100, 30, 1)
    assert gat_layer(100, 30, 10, 8) == 8 * gat_layer(100, 30, 10, 1)


def test_parameters_are_counted_once() -> None:
    layer = nn.Linear(3, 2)
    assert num_parameters(layer) == 3 * 2 + 2
    assert num_parameters(nn.Sequential(layer, nn.BatchNorm1d(2), layer)) == 8 + 4
    assert num_parameters(nn.Module()) == 0
    layer.register_buffer("fixed", torch.ones(100))
    assert num_parameters(layer) == 8
