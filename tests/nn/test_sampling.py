"""Do samples compute what the whole graph does: exactly where all is drawn, else on average?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch_geometric.typing
from embeddings import small_graph
from encoder_kinds import KINDS, every_kind
from sampler import needs_sampler
from torch import Tensor

from graphdam.data import CSRMatrix, Graph
from graphdam.errors import SettingsError
from graphdam.nn import GCN, Encoder, NeighborSampling, require_sampler
from graphdam.nn.sampling import hop_sizes

SEEDS = [torch.tensor([0, 33, 5]), torch.tensor([7]), torch.arange(34).flip(0)]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return small_graph()


def encoder_of(kind: type[Encoder], graph: Graph, depth: int = 3, **arguments: Any) -> Encoder:
    torch.manual_seed(0)
    return kind(graph.num_features, 8, depth, 4, gate="dam", **arguments).double().eval()


@needs_sampler
@every_kind
@pytest.mark.parametrize("jk", [None, "last", "cat", "max"])
def test_all_neighbours_give_the_seeds_what_the_whole_graph_gives(
    graph: Graph, kind: type[Encoder], arguments: dict[str, Any], jk: str | None
) -> None:
    encoder = encoder_of(kind, graph, norm="batch_norm", jk=jk, **arguments)
    adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)
    whole, x = encoder(graph.x, adjacency), graph.dense_x()
    samples = NeighborSampling(adjacency, [-1, -1, -1]).samples(SEEDS)
    for seeds, sample in zip(SEEDS, samples, strict=True):
        assert torch.equal(sample.nodes[: len(seeds)], seeds)
        part = x[sample.nodes]
        torch.testing.assert_close(encoder(part, sample.adjacency), whole[seeds])
        sparse = CSRMatrix.from_dense(x).select(sample.nodes)
        torch.testing.assert_close(encoder(sparse, sample.adjacency), whole[seeds])


@needs_sampler
@every_kind
def test_the_gradient_is_the_whole_graphs(
    graph: Graph, kind: type[Encoder], arguments: dict[str, Any]
) -> None:
    encoder = encoder_of(kind, graph, **arguments)
    adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)
    parameters = list(encoder.parameters())
    seeds = SEEDS[0]
    sample = next(NeighborSampling(adjacency, [-1, -1, -1]).samples([seeds]))
    of_whole = torch.autograd.grad(
        encoder(graph.x, adjacency)[seeds].square().sum(), parameters, allow_unused=True
    )
    out = encoder(graph.dense_x()[sample.nodes], sample.adjacency)
    of_sample = torch.autograd.grad(out.square().sum(), parameters, allow_unused=True)
    assert any(each is not None and each.abs().max() > 1e-3 for each in of_whole)
    for one, other in zip(of_whole, of_sample, strict=True):
        torch.testing.assert_close(one, other)


@needs_sampler
@pytest.mark.parametrize(("kind", "arguments"), KINDS[1:2] + KINDS[4:])
def test_it_is_trimmed_as_pyg_trims(
    graph: Graph, kind: type[Encoder], arguments: dict[str, Any]
) -> None:
    """PyG's `trim_to_layer` on the sampled edge list; GCN would normalise by other degrees."""
    encoder = encoder_of(kind, graph, **arguments)
    adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)
    torch.manual_seed(3)
    sample = next(NeighborSampling(adjacency, [3, 2, 2]).samples([SEEDS[0]]))
    outer = sample.adjacency.matrix
    source, target = outer.column.long(), outer.row_of_entry()
    drawn = source != target
    source, target = source[drawn], target[drawn]
    by_hop = torch.argsort(target, stable=True)
    edges = torch.stack([source[by_hop], target[by_hop]])
    sizes = hop_sizes(edges[0], edges[1], 3, 3)
    per_hop = [3, *(more - fewer for fewer, more in pairwise(sizes))]
    ends = [int((edges[1] < size).sum()) for size in sizes[:-1]]
    edges_per_hop = [more - fewer for fewer, more in zip([0, *ends[:-1]], ends, strict=True)]
    x = graph.dense_x()[sample.nodes]
    trimmed = encoder(
        x, edges, num_sampled_nodes_per_hop=per_hop, num_sampled_edges_per_hop=edges_per_hop
    )[:3]
    torch.testing.assert_close(encoder(x, sample.adjacency), trimmed)


@needs_sampler
@pytest.mark.parametrize(("kind", "arguments"), KINDS[:3])
def test_sums_over_neighbours_are_met_on_average(
    graph: Graph, kind: type[Encoder], arguments: dict[str, Any]
) -> None:
    encoder = encoder_of(kind, graph, 1, **arguments)
    adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)
    whole = encoder(graph.x, adjacency)[SEEDS[0]].detach()
    torch.manual_seed(1)
    sampling = NeighborSampling(adjacency, [2])
    draws = []
    for _ in range(1000):  # torch-sparse by itself never draws some of the neighbours
        sample = next(sampling.samples([SEEDS[0]]))
        draws.append(encoder(graph.dense_x()[sample.nodes], sample.adjacency).detach())
    stacked = torch.stack(draws)
    error = stacked.std(0) / len(draws) ** 0.5
    assert float(stacked.std(0).max()) > 0.1 * float(whole.std()), "nothing was left to chance"
    assert bool(((stacked.mean(0) - whole).abs() < 4.5 * error + 1e-12).all())


@needs_sampler
def test_no_more_is_drawn_than_asked_and_loops_are_always_there(graph: Graph) -> None:
    encoder = encoder_of(GCN, graph)
    adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)
    sample = next(NeighborSampling(adjacency, [3, 2, 1]).samples([SEEDS[0]]))
    hops = sample.adjacency.hops
    assert [hop.size(0) for hop in hops] == [hops[1].size(1), hops[2].size(1), 3]
    assert hops[0].size(1) == len(sample.nodes) == len(set(sample.nodes.tolist()))
    for row in range(3):
        columns = hops[2].column[hops[2].row_of_entry() == row]
        assert row in columns.tolist()
        assert len(columns) <= 4


@needs_sampler
def test_one_seed_of_the_generator_gives_one_sample(graph: Graph) -> None:
    encoder = encoder_of(GCN, graph)
    adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)

    def draw(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        samples = NeighborSampling(adjacency, [2, 2, 2]).samples(SEEDS[:2])
        return [
            each for sample in samples for each in (sample.nodes, sample.adjacency.matrix.value)
        ]

    first, again, other = draw(1), draw(1), draw(2)
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


def test_hops_without_new_nodes_are_counted_too() -> None:
    source, target = torch.tensor([1, 0, 0]), torch.tensor([0, 0, 1])
    assert hop_sizes(source, target, 1, 3) == [1, 2, 2, 2]
    assert hop_sizes(source[:0], target[:0], 2, 2) == [2, 2, 2]


def test_without_a_sampler_it_says_which_two_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_geometric.typing, "WITH_PYG_LIB", False)
    monkeypatch.setattr(torch_geometric.typing, "WITH_TORCH_SPARSE", False)
    with pytest.raises(SettingsError) as caught:
        require_sampler()
    assert str(caught.value) == (
        "Mini-batches of a graph are drawn by pyg-lib or by torch-sparse, and neither is "
        "installed: install one of them, or train on the whole graph (without batch_size)."
    )
