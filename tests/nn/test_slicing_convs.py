"""Slicing PyG's convolutions: the kept outputs times a factor, the inputs that are not zero."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch_geometric.nn as gnn
from gated_torch import unsettled
from gnn_models import FEATURES, gnn_example
from torch import Tensor

import graphdam.nn  # noqa: F401  (registers the rules)
from graphdam.compaction import slice_in, slice_out
from graphdam.nn.slicing_convs import LINEAR_CONVOLUTIONS

FURTHER: dict[Any, dict[str, Any]] = {gnn.ChebConv: {"K": 3}, gnn.SSGConv: {"alpha": 0.3}}
OUT = 6


def example() -> tuple[Tensor, Tensor]:
    x, edge_index = gnn_example("gcn")
    return x, edge_index


@pytest.mark.parametrize("kind", LINEAR_CONVOLUTIONS, ids=lambda kind: kind.__name__)
def test_kept_outputs_take_their_factors(kind: Any) -> None:
    layer = unsettled(kind(FEATURES, OUT, **FURTHER.get(kind, {})).double())
    keep, scale = torch.tensor([0, 3, 4]), torch.tensor([0.5, 2.0, 0.1])
    small = slice_out(layer, keep, scale)
    assert small.out_channels == 3
    expected = layer(*example())[:, keep] * scale
    torch.testing.assert_close(small(*example()), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", LINEAR_CONVOLUTIONS, ids=lambda kind: kind.__name__)
def test_inputs_that_are_zero_are_not_missed(kind: Any) -> None:
    layer = unsettled(kind(FEATURES, OUT, **FURTHER.get(kind, {})).double())
    x, edge_index = example()
    keep, scale = torch.tensor([1, 2, 5]), torch.tensor([0.5, 2.0, 0.1]).double()
    wide = torch.zeros_like(x).index_copy(1, keep, x[:, keep] * scale)
    small = slice_in(layer, keep, scale)
    torch.testing.assert_close(small(x[:, keep], edge_index), layer(wide, edge_index))


@pytest.mark.parametrize("concat", [True, False])
def test_a_transformers_factors_do_not_reach_its_scores(concat: bool) -> None:
    layer = unsettled(gnn.TransformerConv(FEATURES, 4, heads=2, concat=concat).double())
    a_head = torch.tensor([0.5, 2.0, 0.1, 1.5]).double()
    scale = a_head.repeat(2) if concat else a_head
    small = slice_out(layer, torch.arange(scale.numel()), scale)
    torch.testing.assert_close(small(*example()), layer(*example()) * scale)
