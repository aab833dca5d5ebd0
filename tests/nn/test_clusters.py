"""Is a batch of clusters the graph of its nodes, and an epoch of them the whole?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from embeddings import small_graph
from encoder_kinds import every_kind
from sampler import cut_into_stripes, stripes
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import ClusterData, ClusterLoader

from graphdam.data import CSRMatrix, Graph
from graphdam.errors import SettingsError
from graphdam.nn import GCN, ClusterSampling, Encoder, GraphSAGE
from graphdam.nn.subgraphs import induced


@pytest.fixture(autouse=True)
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into_stripes(monkeypatch)


@pytest.fixture(scope="module")
def graph() -> Graph:
    graph = small_graph()
    weight = torch.rand(graph.num_edges, generator=torch.Generator().manual_seed(1))
    return replace(graph, edge_weight=weight)


def sampling_of(
    graph: Graph, kind: type[Encoder] = GCN, clusters: int = 6, **arguments: Any
) -> ClusterSampling:
    torch.manual_seed(0)
    encoder = kind(graph.num_features, 8, 3, 4, gate="dam", **arguments).double().eval()
    weight = graph.edge_weight if encoder.supports_edge_weight else None
    return ClusterSampling(
        graph.edge_index, weight, graph.num_nodes, encoder=encoder, num_clusters=clusters
    )


def test_what_is_induced_is_the_submatrix() -> None:
    generator = torch.Generator().manual_seed(0)
    dense = torch.rand(9, 9, generator=generator) * (torch.rand(9, 9, generator=generator) < 0.4)
    matrix = CSRMatrix.from_dense(dense)
    for nodes in (torch.tensor([1, 4, 5, 8]), torch.tensor([0]), torch.arange(9)):
        row, column, entry = induced(matrix, nodes)
        size = nodes.numel()
        block = CSRMatrix.from_coo(row, column, matrix.value[entry], (size, size))
        assert torch.equal(block.to_dense(), dense[nodes][:, nodes])


@every_kind
def test_it_computes_what_pyg_computes_on_its_own_batch(
    graph: Graph, kind: type[Encoder], arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock path: `ClusterLoader`'s edge list, normalised by each convolution itself."""
    monkeypatch.setattr(ClusterData, "_metis", lambda self, e, n: stripes(e, n, self.num_parts))
    sampling = sampling_of(graph, kind, **arguments)
    weight = torch.ones(graph.num_edges) if sampling.edge_weight is None else sampling.edge_weight
    x, edges = graph.dense_x(), graph.edge_index
    data = Data(x=x, edge_index=edges, edge_weight=weight, n_id=torch.arange(graph.num_nodes))
    chosen = torch.tensor([1, 4])
    batch = ClusterLoader(ClusterData(data, 6, log=False))._collate(chosen.tolist())
    given = batch.edge_weight if sampling.edge_weight is not None else None
    stock = sampling.encoder(batch.x, batch.edge_index, given)
    subgraph = sampling.subgraph(chosen)
    order = torch.argsort(batch.n_id)
    assert torch.equal(batch.n_id[order], subgraph.nodes)
    torch.testing.assert_close(
        sampling.encoder(x[subgraph.nodes], subgraph.adjacency), stock[order]
    )


@every_kind
def test_one_cluster_is_the_whole_graph(
    graph: Graph, kind: type[Encoder], arguments: dict[str, Any]
) -> None:
    sampling = sampling_of(graph, kind, 1, **arguments)
    whole = sampling.encoder.prepare(
        graph.edge_index, sampling.edge_weight, num_nodes=graph.num_nodes
    )
    (subgraph,) = sampling.epoch(1)
    assert torch.equal(subgraph.nodes, torch.arange(graph.num_nodes))
    assert subgraph.importance.tolist() == [1.0] * graph.num_nodes
    torch.testing.assert_close(subgraph.adjacency.matrix.to_dense(), whole.matrix.to_dense())


@pytest.mark.parametrize("num_ranks", [1, 2])
def test_an_epoch_takes_every_node_once(graph: Graph, num_ranks: int) -> None:
    sampling = sampling_of(graph, clusters=7)
    of_ranks: list[list[Tensor]] = []
    for rank in range(num_ranks):
        torch.manual_seed(2)
        subgraphs = list(sampling.epoch(3, rank=rank, num_ranks=num_ranks))
        assert len(subgraphs) == 3
        assert all(bool((each.importance == 3 * num_ranks).all()) for each in subgraphs)
        of_ranks.append([each.nodes for each in subgraphs])
    taken = torch.cat([nodes for of_rank in of_ranks for nodes in of_rank])
    assert torch.equal(taken.sort().values, torch.arange(graph.num_nodes))
    again = [each.nodes for each in sampling.epoch(3)]
    assert [each.tolist() for each in again] != [each.tolist() for each in of_ranks[0]]


def test_a_step_reads_the_edges_between_its_clusters_too(graph: Graph) -> None:
    sampling = sampling_of(graph, GraphSAGE, 2, aggr="sum")
    apart = [sampling.subgraph(torch.tensor([each])).adjacency.num_messages for each in (0, 1)]
    both = sampling.subgraph(torch.tensor([0, 1])).adjacency.num_messages
    assert both == graph.num_edges > sum(apart)


def test_more_clusters_than_nodes_are_refused(graph: Graph) -> None:
    with pytest.raises(SettingsError) as caught:
        sampling_of(graph, clusters=35)
    assert str(caught.value) == (
        "num_clusters=35 is more than the graph's 34 nodes: take at most as many."
    )
    assert len(sampling_of(graph, clusters=34).clusters) == 34


def test_clusters_left_empty_are_too_few_for_many_steps(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphdam.nn.clusters.metis", lambda e, n, k: stripes(e, n, 3))
    sampling = sampling_of(graph, clusters=5)
    assert len(list(sampling.epoch(3))) == 3
    with pytest.raises(SettingsError) as caught:
        sampling.epoch(2, num_ranks=2)
    assert str(caught.value) == (
        "METIS put all nodes into 3 of num_clusters=5, and an epoch has 2 steps of 2 processes: "
        "take a larger batch_size."
    )
