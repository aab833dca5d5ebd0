"""torch.compile: the whole encoder in one graph, with the outputs and gradients of eager code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.data.csr_product import compiled_product
from graphdam.data.dropout import drop
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE, attention

KINDS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GraphSAGE, {}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "v2": True}),
]
every_kind = pytest.mark.parametrize(("kind", "arguments"), KINDS)
pytestmark = pytest.mark.filterwarnings("ignore")  # torch.compile's own


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def build(kind: type[Encoder], arguments: dict[str, Any], **others: Any) -> Encoder:
    settings: dict[str, Any] = {"norm": "batch_norm", "act": "elu", "gate": "dam"}
    return kind(7, 8, 2, 4, **{**settings, **arguments, **others})


def inputs(encoder: Encoder, form: str, x: Tensor, edge_index: Tensor) -> tuple[Any, Any]:
    """A graph as an edge list, as a prepared adjacency, or prepared with sparse features."""
    if form == "edge list":
        return x, edge_index
    adjacency = encoder.prepare(edge_index, num_nodes=x.size(0))
    return (CSRMatrix.from_dense(x) if form == "sparse" else x), adjacency


def gradients(model: Any, encoder: Encoder, *graph: Any) -> tuple[Tensor, list[Tensor]]:
    out = model(*graph)
    return out, list(torch.autograd.grad(out.square().sum(), list(encoder.parameters())))


@every_kind
@pytest.mark.parametrize(
    ("form", "compact"), [("edge list", False), ("sparse", False), ("prepared", True)]
)
def test_one_graph_with_the_outputs_and_gradients_of_eager_code(
    kind: type[Encoder],
    arguments: dict[str, Any],
    form: str,
    compact: bool,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    encoder = shake(build(kind, arguments, gate_output=True), [3, 2])
    if compact:
        encoder = encoder.compact()
    compiled = torch.compile(encoder, fullgraph=True, backend="eager")
    graph = inputs(encoder, form, x, edge_index)
    out, of_parameters = gradients(compiled, encoder, *graph)
    expected, expected_gradients = gradients(encoder, encoder, *graph)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(of_parameters, expected_gradients)


def test_another_graph_is_not_taken_for_the_first(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    encoder = shake(build(GCN, {"norm": None}), [3])
    compiled: Any = torch.compile(encoder, fullgraph=True, backend="eager")
    inside = edge_index[:, (edge_index < 17).all(0)]
    for nodes, edges in ((24, edge_index), (17, inside), (24, edge_index.flip(0))):
        graph = inputs(encoder, "prepared", x[:nodes], edges)
        torch.testing.assert_close(compiled(*graph), encoder(*graph))


@every_kind
def test_training_with_dropout_breaks_no_graph(
    kind: type[Encoder], arguments: dict[str, Any], x: Tensor, edge_index: Tensor
) -> None:
    """With gates that draw random numbers too."""
    encoder = build(kind, arguments, gate="l0", dropout=0.5).double()
    graph = inputs(encoder, "sparse", x, edge_index)
    compiled = torch.compile(encoder, fullgraph=True, backend="eager")
    _, of_parameters = gradients(compiled, encoder, *graph)
    assert all(bool(gradient.isfinite().all()) for gradient in of_parameters)
    assert not torch.equal(compiled(*graph), compiled(*graph))
    encoder.eval()
    torch.testing.assert_close(compiled(*graph), encoder(*graph))


def test_compiled_dropout_keeps_its_law() -> None:
    compiled: Any = torch.compile(drop, fullgraph=True, backend="eager")
    values = compiled(torch.ones(200, 100), 0.3, training=True)
    assert values.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert abs(float((values == 0).double().mean()) - 0.3) < 0.01


@pytest.mark.parametrize("channels", [2, 30])
@pytest.mark.parametrize("density", [0.0, 0.4])
def test_the_operators_are_what_they_tell_a_compiler(channels: int, density: float) -> None:
    dense = torch.randn(5, 4) * (torch.rand(5, 4) < density)
    matrix = CSRMatrix.from_dense(dense)
    h = torch.randn(4, channels, requires_grad=True)
    rows = (matrix.row_pointer, matrix.column)
    torch.library.opcheck(compiled_product, (h, *rows, matrix.value, *matrix.transposed))
    weight = torch.rand(matrix.num_entries, 2, requires_grad=True)
    x = torch.randn(4, 2, channels, requires_grad=True)
    graph = (*rows, matrix.row_of_entry(), *matrix.transposed)
    torch.library.opcheck(attention._compiled_sum, (weight, x, *graph))


def test_a_wrong_gradient_of_the_operator_would_be_noticed() -> None:
    matrix = CSRMatrix.from_dense(torch.tensor([[1.0, 2.0], [0.0, 3.0]]))
    h = torch.ones(2, 1, requires_grad=True)
    by_column, row, order = matrix.transposed
    rows = (matrix.row_pointer, matrix.column, matrix.value)
    right = compiled_product(h, *rows, by_column, row, order)
    wrong = compiled_product(h, *rows, by_column, row, order.flip(0))
    assert torch.autograd.grad(right.sum(), h)[0].flatten().tolist() == [1.0, 5.0]
    assert torch.autograd.grad(wrong.sum(), h)[0].flatten().tolist() != [1.0, 5.0]


@pytest.mark.slow
def test_with_torchs_own_compiler(x: Tensor, edge_index: Tensor, shake: Callable[..., Any]) -> None:
    """Outputs and gradients of generated code; it needs a C++ compiler on CPU."""
    encoder = shake(build(GCN, {"norm": None, "act": "relu"}), [3])
    compiled = torch.compile(encoder, fullgraph=True)
    graph = inputs(encoder, "prepared", x, edge_index)
    out, of_parameters = gradients(compiled, encoder, *graph)
    expected, expected_gradients = gradients(encoder, encoder, *graph)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(of_parameters, expected_gradients)
