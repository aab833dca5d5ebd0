"""The fast path: a prepared adjacency and sparse features give what an edge list gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.utils import softmax, to_torch_csr_tensor

from graphdam.data.csr import CSRMatrix
from graphdam.data.csr_product import NARROW
from graphdam.errors import SettingsError
from graphdam.nn import GAT, GCN, Adjacency, Encoder, GraphSAGE
from graphdam.nn.adjacency import (
    attention_adjacency,
    mean_adjacency,
    normalised_adjacency,
    summed_adjacency,
)
from graphdam.nn.attention import softmax_of_messages, weighted_sum

# torch calls its own CSR layout a beta feature
pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor", "ignore:Sparse invariant")

ENCODERS: dict[str, tuple[type[Encoder], dict[str, Any]]] = {
    "gcn": (GCN, {}),
    "gcn improved": (GCN, {"improved": True}),
    "gcn without self-loops": (GCN, {"add_self_loops": False}),
    "gcn not normalised": (GCN, {"normalize": False, "add_self_loops": False, "bias": False}),
    "sage": (GraphSAGE, {}),
    "sage sum": (GraphSAGE, {"aggr": "sum", "root_weight": False}),
    "sage max": (GraphSAGE, {"aggr": "max", "bias": False}),
    "gat": (GAT, {"heads": 2}),
    "gat without self-loops": (GAT, {"add_self_loops": False, "residual": True, "bias": False}),
    "gatv2": (GAT, {"heads": 2, "v2": True}),
    "gatv2 shared": (GAT, {"heads": 2, "v2": True, "share_weights": True, "concat": False}),
}
CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-10}

every_encoder = pytest.mark.parametrize("kind", ENCODERS)


def build(kind: str, *, gated: bool = True, hidden: int = 8, **more: Any) -> Encoder:
    encoder, arguments = ENCODERS[kind]
    gate: dict[str, Any] = {"gate": "dam", "gate_output": True} if gated else {}
    return encoder(7, hidden, 3, 4, act="elu", norm="batch_norm", **gate, **arguments, **more)


@every_encoder
@pytest.mark.parametrize(("gated", "hidden"), [(True, 8), (False, NARROW - 2), (True, NARROW + 8)])
def test_every_form_of_the_same_graph_gives_the_same_outputs(
    kind: str,
    gated: bool,
    hidden: int,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    encoder = shake(build(kind, gated=gated, hidden=hidden), [3, 5, 2]).eval()
    # PyG's `improved` needs weights: without any it fills self-loops with 1, as if not improved
    weight = torch.ones(edge_index.size(1)).double() if kind == "gcn improved" else None
    expected = encoder(x, edge_index, weight)
    nodes = x.size(0)
    adjacency = encoder.prepare(edge_index, weight, num_nodes=nodes)
    order = torch.randperm(edge_index.size(1))
    transposed = to_torch_csr_tensor(edge_index.flip(0), size=(nodes, nodes))
    csr = CSRMatrix.from_dense(x)
    by_target = edge_index[:, edge_index[1].argsort(stable=True)]
    forms: dict[str, tuple[Any, ...]] = {
        "prepared": (x, adjacency),
        "prepared, sparse x": (csr, adjacency),
        "sparse x": (csr, edge_index, weight),
        "torch.sparse x": (x.to_sparse_csr(), edge_index, weight),
        "another order of edges": (x, edge_index[:, order], weight),
        "another order, prepared": (
            x,
            encoder.prepare(edge_index[:, order], weight, num_nodes=nodes),
        ),
        "transposed CSR adjacency": (x, transposed.double()),
        "transposed CSR, prepared": (x, encoder.prepare(transposed.double())),
        "transposed COO adjacency": (x, transposed.double().to_sparse_coo()),
        "EdgeIndex": (x, EdgeIndex(edge_index, sparse_size=(nodes, nodes)), weight),
        "sorted EdgeIndex": (
            x,
            EdgeIndex(by_target, sparse_size=(nodes, nodes), sort_order="col"),
            weight,
        ),
        "prepared from EdgeIndex": (
            x,
            encoder.prepare(EdgeIndex(edge_index), weight, num_nodes=nodes),
        ),
    }
    wrong = [
        name
        for name, inputs in forms.items()
        if not torch.allclose(encoder(*inputs), expected, **CLOSE)
    ]
    assert not wrong


@pytest.mark.parametrize("kind", ["gcn", "gcn improved", "gcn without self-loops"])
def test_edge_weights(
    kind: str, x: Tensor, edge_index: Tensor, edge_weight: Tensor, shake: Callable[..., Any]
) -> None:
    encoder = shake(build(kind), [3, 5, 2]).eval()
    expected = encoder(x, edge_index, edge_weight)
    assert not torch.allclose(encoder(x, edge_index), expected)
    nodes = x.size(0)
    transposed = to_torch_csr_tensor(edge_index.flip(0), edge_weight, size=(nodes, nodes))
    prepared = encoder.prepare(edge_index, edge_weight, num_nodes=nodes)
    for edges in (prepared, transposed, encoder.prepare(transposed)):
        torch.testing.assert_close(encoder(x, edges), expected, **CLOSE)
    torch.testing.assert_close(
        encoder(CSRMatrix.from_dense(x), edge_index, edge_weight), expected, **CLOSE
    )


@every_encoder
@pytest.mark.parametrize("hidden", [8, NARROW + 8])
def test_gradients_by_both_paths(
    kind: str, hidden: int, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    encoder: Encoder = shake(build(kind, hidden=hidden), [3, 5, 2])
    adjacency = encoder.prepare(edge_index, num_nodes=x.size(0))
    weights = torch.randn(x.size(0), encoder.out_channels, dtype=torch.float64)
    found = []
    for features, edges in (
        (x.clone().requires_grad_(), edge_index),
        (x.clone().requires_grad_(), adjacency),
        (CSRMatrix.from_dense(x), adjacency),
    ):
        encoder.zero_grad()
        (encoder(features, edges) * weights).sum().backward()
        of_x = features.grad if isinstance(features, Tensor) else None
        found.append((of_x, [p.grad.clone() for p in encoder.parameters() if p.grad is not None]))
    assert len(found[0][1]) == len(list(encoder.parameters()))
    torch.testing.assert_close(found[1][0], found[0][0], **CLOSE)
    for of_parameters in (found[1][1], found[2][1]):
        torch.testing.assert_close(of_parameters, found[0][1], **CLOSE)


@every_encoder
def test_permuted_nodes_give_permuted_outputs(
    kind: str, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    encoder = shake(build(kind), [3, 5, 2]).eval()
    order = torch.randperm(x.size(0))
    expected = encoder(x, edge_index)[order]
    moved = order.argsort()[edge_index]
    torch.testing.assert_close(encoder(x[order], moved), expected, **CLOSE)
    prepared = encoder.prepare(moved, num_nodes=x.size(0))
    torch.testing.assert_close(encoder(x[order], prepared), expected, **CLOSE)


@every_encoder
def test_a_graph_without_edges(kind: str, x: Tensor, shake: Callable[..., Any]) -> None:
    encoder = shake(build(kind), [3]).eval()
    none = torch.empty(2, 0, dtype=torch.long)
    prepared = encoder.prepare(none, num_nodes=x.size(0))
    torch.testing.assert_close(encoder(x, prepared), encoder(x, none), **CLOSE)


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_attention_dropout_acts_on_the_prepared_path_in_training_only(
    p: float, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    encoder = shake(GAT(7, 8, 1, dropout=p, heads=2, gate="dam", gate_output=True))
    adjacency = encoder.prepare(edge_index, num_nodes=x.size(0))
    one, other = encoder(x, adjacency), encoder(x, adjacency)
    assert torch.equal(one, other) == (p == 0.0)
    encoder.eval()
    assert torch.equal(encoder(x, adjacency), encoder(x, adjacency))


# The matrices, written out.


def dense_adjacency(edge_index: Tensor, num_nodes: int, weight: Tensor | None = None) -> Tensor:
    matrix = torch.zeros(num_nodes, num_nodes, dtype=torch.float64)
    for entry, (source, target) in enumerate(edge_index.t().tolist()):
        matrix[target, source] += 1.0 if weight is None else weight[entry]
    return matrix


@pytest.mark.parametrize("fill", [1.0, 2.0])
def test_the_normalised_adjacency_is_the_formula(
    fill: float, edge_index: Tensor, edge_weight: Tensor
) -> None:
    matrix = dense_adjacency(edge_index, 24, edge_weight)
    missing = torch.ones(24, dtype=torch.bool)
    missing[edge_index[0][edge_index[0] == edge_index[1]]] = False
    matrix += torch.diag(fill * missing.double())
    scale = matrix.sum(1).pow(-0.5)
    ours = normalised_adjacency(
        edge_index, edge_weight, 24, dtype=torch.float64, improved=fill == 2.0
    )
    torch.testing.assert_close(ours.to_dense(), scale[:, None] * matrix * scale)


def test_sum_mean_and_attention_structure_are_the_formulas(edge_index: Tensor) -> None:
    matrix = dense_adjacency(edge_index, 24)
    summed = summed_adjacency(edge_index, None, 24, dtype=torch.float64)
    assert torch.equal(summed.to_dense(), matrix)
    mean = mean_adjacency(edge_index, 24, dtype=torch.float64)
    torch.testing.assert_close(mean.to_dense(), matrix / matrix.sum(1, keepdim=True).clamp(min=1))
    around = attention_adjacency(edge_index, 24, dtype=torch.float64)
    assert torch.equal(around.to_dense(), matrix.fill_diagonal_(1.0))


def test_a_tiny_adjacency_by_hand() -> None:
    adjacency = GCN(1, 2, 1).prepare(torch.tensor([[0], [1]]), num_nodes=3)
    half = 0.5**0.5
    assert adjacency.matrix.to_dense().flatten().tolist() == pytest.approx(
        [1, 0, 0, half, 0.5, 0, 0, 0, 1]
    )
    assert (adjacency.num_nodes, adjacency.num_messages) == (3, 4)
    assert adjacency.kind == "gcn (normalised, self-loops)"


def test_the_messages_of_an_adjacency(edge_index: Tensor) -> None:
    adjacency = GraphSAGE(7, 8, 1).prepare(edge_index, num_nodes=24)
    assert adjacency.num_messages == edge_index.size(1)
    assert sorted(adjacency.edge_index().t().tolist()) == sorted(edge_index.t().tolist())
    assert adjacency.matrix.dtype == torch.float32
    assert adjacency.to(torch.float64).matrix.dtype == torch.float64
    assert adjacency.to("cpu").num_nodes == 24
    assert GraphSAGE(7, 8, 1).prepare(edge_index, dtype=torch.float64).matrix.dtype == (
        torch.float64
    )


def test_without_num_nodes_the_highest_edge_counts() -> None:
    assert GCN(1, 2, 1).prepare(torch.tensor([[0, 4], [1, 2]])).num_nodes == 5
    assert GCN(1, 2, 1).prepare(torch.empty(2, 0, dtype=torch.long)).num_nodes == 0


# Attention.


def structure(edge_index: Tensor) -> CSRMatrix:
    return attention_adjacency(edge_index, 24, dtype=torch.float64, self_loops=False)


def test_the_softmax_of_messages_is_pygs(edge_index: Tensor) -> None:
    target = structure(edge_index).row_of_entry()
    score = 50 * torch.randn(target.numel(), 3, dtype=torch.float64)
    ours = softmax_of_messages(score, target, 24)
    torch.testing.assert_close(ours, softmax(score, target, num_nodes=24))
    sums = torch.zeros(24, 3, dtype=torch.float64).index_add(0, target, ours)
    torch.testing.assert_close(sums[target], torch.ones_like(score))


def test_the_softmax_survives_large_scores() -> None:
    score = torch.tensor([[1e4], [1e4], [-1e4]])
    ours = softmax_of_messages(score, torch.tensor([0, 0, 1]), 3)
    assert ours.flatten().tolist() == [0.5, 0.5, 1.0]


def test_the_weighted_sum_is_the_formula_and_so_is_its_gradient(edge_index: Tensor) -> None:
    matrix = structure(edge_index)
    target, source = matrix.row_of_entry(), matrix.column.long()
    weight = torch.randn(target.numel(), 2, dtype=torch.float64, requires_grad=True)
    h = torch.randn(24, 2, 3, dtype=torch.float64, requires_grad=True)
    expected = torch.zeros(24, 2, 3, dtype=torch.float64)
    for entry in range(target.numel()):
        expected[target[entry]] += (weight[entry, :, None] * h[source[entry]]).detach()
    torch.testing.assert_close(weighted_sum(weight, h, matrix, target), expected)
    assert torch.autograd.gradcheck(
        lambda weight, h: weighted_sum(weight, h, matrix, target), (weight, h)
    )


# Refusals.


@pytest.mark.parametrize(
    ("encoder", "prepared_for", "message"),
    [
        (
            GCN(7, 8, 1),
            GraphSAGE(7, 8, 1),
            "This adjacency was prepared for graphsage (mean), but the encoder is gcn (normalised, "
            "self-loops): prepare it with this encoder's own prepare().",
        ),
        (
            GCN(7, 8, 1),
            GCN(7, 8, 1, normalize=False, add_self_loops=False),
            "This adjacency was prepared for gcn (not normalised), but the encoder is gcn "
            "(normalised, self-loops): prepare it with this encoder's own prepare().",
        ),
        (
            GAT(7, 8, 1, add_self_loops=False),
            GAT(7, 8, 1),
            "This adjacency was prepared for gat (self-loops), but the encoder is gat (as given): "
            "prepare it with this encoder's own prepare().",
        ),
        (
            GraphSAGE(7, 8, 1, aggr="max"),
            GraphSAGE(7, 8, 1),
            "This adjacency was prepared for graphsage (mean), but the encoder is graphsage (max): "
            "prepare it with this encoder's own prepare().",
        ),
    ],
)
def test_an_adjacency_of_another_kind_is_refused(
    encoder: Encoder, prepared_for: Encoder, message: str, edge_index: Tensor
) -> None:
    adjacency = prepared_for.prepare(edge_index, num_nodes=24)
    with pytest.raises(SettingsError) as caught:
        encoder(torch.zeros(24, 7), adjacency)
    assert str(caught.value) == message


def test_an_adjacency_of_another_size_is_refused(edge_index: Tensor) -> None:
    encoder = GCN(7, 8, 1)
    adjacency: Adjacency = encoder.prepare(edge_index)
    with pytest.raises(SettingsError) as caught:
        encoder(torch.zeros(24, 7), adjacency)
    assert str(caught.value) == (
        f"The adjacency has {adjacency.num_nodes} nodes and x has 24 rows: pass num_nodes to "
        f"prepare() where isolated nodes come last."
    )


def test_edge_attributes_have_no_place_in_an_adjacency(edge_index: Tensor) -> None:
    with pytest.raises(SettingsError, match=r"a prepared adjacency does not hold: pass edge_index"):
        GAT(7, 8, 1, edge_dim=3).prepare(edge_index)
