"""Is the loss PyG's, on the same corruption?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from embeddings import WIDTH, embedder, small_graph, watch
from torch import Tensor
from torch_geometric.nn import DeepGraphInfomax as StockInfomax

from graphdam.objectives import DeepGraphInfomax, prepare_graph


def stock_loss(objective: DeepGraphInfomax, z: Tensor, corrupted: Tensor) -> Tensor:
    def summary(embedding: Tensor, *_: Any) -> Tensor:
        return embedding.mean(0).sigmoid()

    stock = StockInfomax(WIDTH, torch.nn.Identity(), summary, lambda *_: None).double()
    stock.weight.data.copy_(objective.weight.detach())
    return stock.loss(z, corrupted, summary(z))  # type: ignore[no-any-return]


@pytest.mark.parametrize("sparse", [False, True])
def test_the_loss_is_pygs(sparse: bool) -> None:
    graph = small_graph(sparse=sparse)
    encoder = embedder(graph)
    prepared, objective = prepare_graph(encoder, graph), DeepGraphInfomax(graph, encoder).double()
    seen = watch(encoder)
    loss = objective.loss(encoder, prepared, objective.outputs(encoder, prepared))
    z, corrupted = seen
    assert not torch.allclose(z, corrupted)
    expected = stock_loss(objective, z, corrupted)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    parameters = [*encoder.parameters(), objective.weight]
    ours = torch.autograd.grad(loss, parameters, retain_graph=True)
    stock = torch.autograd.grad(stock_loss(objective, z, corrupted), [*encoder.parameters()])
    for one, other in zip(ours, stock, strict=False):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert bool(ours[-1].any())


def test_the_corruption_is_the_same_graph_with_other_features() -> None:
    graph = small_graph()
    encoder = embedder(graph)
    prepared, objective = prepare_graph(encoder, graph), DeepGraphInfomax(graph, encoder).double()
    outputs, seen = objective.outputs(encoder, prepared), watch(encoder)
    torch.manual_seed(11)
    objective.loss(encoder, prepared, outputs)
    torch.manual_seed(11)
    order = torch.randperm(graph.num_nodes)
    expected = encoder(graph.dense_x()[order], graph.edge_index)
    torch.testing.assert_close(seen[0], expected, rtol=1e-9, atol=1e-12)


def test_the_transposed_matrix_would_be_noticed() -> None:
    graph = small_graph()
    encoder = embedder(graph)
    prepared, objective = prepare_graph(encoder, graph), DeepGraphInfomax(graph, encoder).double()
    seen = watch(encoder)
    loss = objective.loss(encoder, prepared, objective.outputs(encoder, prepared))
    objective.weight.data = objective.weight.data.t().contiguous()
    assert abs(float((stock_loss(objective, *seen) - loss).detach())) > 1e-6


def test_a_discriminator_that_knows_nothing_loses_two_log_two() -> None:
    graph = small_graph()
    encoder = embedder(graph)
    prepared, objective = prepare_graph(encoder, graph), DeepGraphInfomax(graph, encoder).double()
    objective.weight.data.zero_()
    loss = objective.loss(encoder, prepared, objective.outputs(encoder, prepared))
    assert float(loss.detach()) == pytest.approx(2 * torch.tensor(2.0).log().item())


def test_a_teacher_has_a_matrix_of_its_own_width() -> None:
    graph = small_graph()
    objective = DeepGraphInfomax(graph, embedder(graph))
    of_teacher = objective.for_teacher(embedder(graph, 10))
    assert of_teacher.weight.shape == (10, 10)
    assert of_teacher.graph is graph
