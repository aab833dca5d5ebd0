"""Arrangements from which channels cannot be removed exactly are refused, if there are gates."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphdam.errors import InexactError
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE


class UnitRows(nn.Module):
    """A norm that nobody has heard of."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x / x.norm(dim=-1, keepdim=True)
        return out


@pytest.mark.parametrize(
    ("encoder", "arguments", "message"),
    [
        (GCN, {"norm": "layer_norm"}, "norm 'LayerNorm' mixes channels, so the outputs would"),
        (GCN, {"norm": "pair_norm"}, "norm 'PairNorm' mixes channels, so the outputs would"),
        (GAT, {"norm": UnitRows()}, "norm 'UnitRows' mixes channels, so the outputs would"),
        (GCN, {"act": "softmax", "act_kwargs": {"dim": -1}}, "act 'Softmax' mixes channels, so"),
        (GCN, {"act": nn.Softmax(dim=-1)}, "act 'Softmax' mixes channels, so the outputs would"),
        (
            GCN,
            {"act": "prelu", "act_kwargs": {"num_parameters": 8}},
            "act 'PReLU' with num_parameters=8 is one module for layers whose widths will differ: "
            "use num_parameters=1, or gate=None.",
        ),
        (
            GraphSAGE,
            {"normalize": True},
            "GraphSAGE with normalize=True divides by the norm over all channels, so the outputs "
            "would change when closed channels are removed: use normalize=False, or gate=None.",
        ),
        (
            GraphSAGE,
            {"project": True},
            "GraphSAGE with project=True maps its inputs to channels of its own, which no gate "
            "rules, so the outputs would change when closed channels are removed: use "
            "project=False, or gate=None.",
        ),
        (
            GraphSAGE,
            {"aggr": "lstm"},
            "aggr 'lstm' does not commute with a gate's values, so they could not be folded into "
            "the layer: use one of mean, sum, add, max, min, or gate=None.",
        ),
        (GraphSAGE, {"aggr": ["mean", "max"]}, "aggr ['mean', 'max'] does not commute with"),
    ],
)
def test_what_mixes_channels_is_refused_with_gates_only(
    encoder: type[Encoder], arguments: dict[str, Any], message: str
) -> None:
    encoder(7, 8, 2, 3, **arguments)
    with pytest.raises(InexactError) as caught:
        encoder(7, 8, 2, 3, gate="dam", **arguments)
    assert str(caught.value).startswith(message)


def test_a_hand_made_mixing_activation_is_refused() -> None:
    def rotate(x: Tensor) -> Tensor:
        return x.roll(1, dims=-1)

    with pytest.raises(InexactError, match="act 'rotate' mixes channels"):
        GCN(7, 8, 2, 3, act=rotate, gate="dam")
    GCN(7, 8, 2, 3, act=torch.tanh, gate="dam")
