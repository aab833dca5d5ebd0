"""The outputs of some nodes, computed of what they depend on, are those among all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

CLOSE: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-12}
ENCODERS: dict[str, tuple[type[Encoder], dict[str, Any]]] = {
    "gcn": (GCN, {}),
    "gcn, one layer": (GCN, {"num_layers": 1}),
    "gcn, four layers": (GCN, {"num_layers": 4}),
    "gcn not normalised": (GCN, {"normalize": False, "add_self_loops": False}),
    "gcn with a norm": (GCN, {"norm": "graph_norm"}),
    "gcn with jumping knowledge": (GCN, {"jk": "cat"}),
    "graphsage": (GraphSAGE, {}),
    "gat": (GAT, {"heads": 2}),
}


def build(kind: str) -> Encoder:
    encoder, arguments = ENCODERS[kind]
    layers = {"num_layers": 3, **arguments}
    return encoder(7, 8, out_channels=4, act="elu", gate="dam", **layers)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("sparse", [False, True])
def test_they_are_those_among_all_and_so_are_the_gradients(
    kind: str, sparse: bool, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    encoder = shake(build(kind), [3, 5, 2, 4][: len(build(kind).gates)]).eval()
    adjacency = encoder.prepare(edge_index, num_nodes=x.size(0))
    features = CSRMatrix.from_dense(x) if sparse else x
    nodes = torch.tensor([4, 0, 9])
    weight = torch.randn(3, 4, dtype=torch.float64)
    some, all_ = encoder.outputs_of(nodes, features, adjacency), encoder(features, adjacency)
    torch.testing.assert_close(some, all_[nodes], **CLOSE)
    parameters = list(encoder.parameters())
    found = torch.autograd.grad((some * weight).sum(), parameters)
    expected = torch.autograd.grad((all_[nodes] * weight).sum(), parameters)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def test_a_layer_computes_no_more_than_the_next_one_reads() -> None:
    path = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]])
    encoder = GCN(2, 3, 2, 1, add_self_loops=False, normalize=False)
    adjacency = encoder.prepare(path, num_nodes=6)
    reaching = adjacency.reaching(torch.tensor([5, 2]), 2)
    # nodes 1 and 4 send to 2 and 5; all six nodes may send to these
    assert [hop.shape for hop in reaching.hops] == [(2, 6), (2, 2)]
    assert reaching.hops[1].to_dense().tolist() == [[0, 1], [1, 0]]
    assert reaching.hops[0].to_dense().nonzero().tolist() == [[0, 0], [1, 3]]
    moved = reaching.to(torch.float64)
    assert {hop.dtype for hop in moved.hops} == {torch.float64}
