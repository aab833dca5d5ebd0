"""Do subgraphs of random walks meet the whole graph's sums on average?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch_geometric.typing
from embeddings import small_graph
from sampler import needs_walks
from torch import Tensor

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE, Subgraph, WalkSampling
from graphdam.nn.subgraphs import induced
from graphdam.nn.walks import COUNTED_FROM, require_walks

LINEAR: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GraphSAGE, {}),
    (GraphSAGE, {"aggr": "sum"}),
]


@pytest.fixture(scope="module")
def graph() -> Graph:
    """The karate club and two nodes without edges."""
    graph = small_graph()
    x = torch.cat([graph.dense_x(), torch.ones(2, graph.num_features, dtype=torch.float64)])
    return replace(graph, x=x, y=torch.cat([graph.y, graph.y[:2]]))


def sampling_of(
    graph: Graph, kind: type[Encoder] = GCN, *, num_nodes: int = 12, **arguments: Any
) -> tuple[Encoder, WalkSampling]:
    torch.manual_seed(0)
    encoder = kind(graph.num_features, 8, 1, 4, **arguments).double().eval()
    adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)
    return encoder, WalkSampling(adjacency, num_nodes=num_nodes, walk_length=2)


def counted(sampling: WalkSampling) -> list[Subgraph]:
    """The draws that the counts were made of, once more."""
    draws = sampling.counts.draws
    torch.manual_seed(COUNTED_FROM)
    return list(sampling.epoch(draws))


@needs_walks
@pytest.mark.parametrize(("kind", "arguments"), LINEAR)
def test_over_the_draws_that_were_counted_every_sum_is_met(
    graph: Graph, kind: type[Encoder], arguments: dict[str, Any]
) -> None:
    """Exactly so: of each node its neighbours' sum, over its draws; over all draws, its loss."""
    encoder, sampling = sampling_of(graph, kind, **arguments)
    x = graph.dense_x()
    with torch.no_grad():
        whole = encoder(x, sampling.adjacency)
        total, times = torch.zeros_like(whole), torch.zeros(graph.num_nodes, 1)
        loss = torch.zeros(4, dtype=torch.float64)
        subgraphs = counted(sampling)
        for each in subgraphs:
            outputs = encoder(x[each.nodes], each.adjacency)
            total[each.nodes] += outputs
            times[each.nodes] += 1
            loss += (each.importance[:, None] * whole[each.nodes]).sum(0)
    assert float(times.min()) >= 1
    assert max(each.nodes.numel() for each in subgraphs) <= 12, "all is met where all is drawn"
    torch.testing.assert_close(total / times, whole)
    torch.testing.assert_close(loss / len(subgraphs), whole.sum(0), rtol=1e-5, atol=1e-5)


@needs_walks
@pytest.mark.parametrize("kind", [GCN, GAT])
def test_all_messages_between_its_nodes_are_there(graph: Graph, kind: type[Encoder]) -> None:
    _, sampling = sampling_of(graph, kind)
    matrix = sampling.adjacency.matrix
    for subgraph in sampling.epoch(5):
        row, column, _ = induced(matrix, subgraph.nodes)
        found = subgraph.adjacency.matrix
        assert torch.equal(found.row_of_entry(), row)
        assert torch.equal(found.column.long(), column)


@needs_walks
def test_walks_go_to_who_sends() -> None:
    """0 sends to 1, and 1 to 2: a walk from 2 meets all, one from 0 meets 0 alone."""
    encoder = GCN(3, 8, 1, 4)
    adjacency = encoder.prepare(torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    sampling = WalkSampling(adjacency, num_nodes=3, walk_length=2)
    met = {tuple(nodes.tolist()) for nodes in (sampling.draw()[0] for _ in range(50))}
    assert met == {(0,), (0, 1), (0, 1, 2)}


@needs_walks
def test_what_was_not_counted_counts_as_met_once(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphdam.nn.walks.COVERAGE", 0)
    _, sampling = sampling_of(graph)
    whole = sampling.adjacency.matrix.to_dense()
    (subgraph,) = sampling.epoch(1)
    block = whole[subgraph.nodes][:, subgraph.nodes]
    torch.testing.assert_close(subgraph.adjacency.matrix.to_dense(), block)


@needs_walks
def test_one_seed_of_the_generator_gives_one_draw_whenever_is_counted(graph: Graph) -> None:
    def draw(seed: int, *, counts_first: bool) -> list[Tensor]:
        _, sampling = sampling_of(graph)
        if counts_first:
            assert sampling.counts.draws > 1
        torch.manual_seed(seed)
        found = list(sampling.epoch(3))
        return [each for one in found for each in (one.nodes, one.adjacency.matrix.value)]

    first, again = draw(1, counts_first=True), draw(1, counts_first=False)
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, draw(2, counts_first=True)))


def test_without_torch_sparse_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_geometric.typing, "WITH_TORCH_SPARSE", False)
    with pytest.raises(SettingsError) as caught:
        require_walks()
    assert str(caught.value) == (
        "loader='saint' draws random walks by torch-sparse, which is not installed: install it, "
        "or take loader='neighbor'."
    )
