"""Is inference a layer at a time, in blocks of nodes, what `forward` computes?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from embeddings import small_graph
from torch import Tensor

from graphdam.data import CSRMatrix, Graph
from graphdam.errors import SettingsError
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE, layerwise

KINDS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GCN, {"normalize": False}),
    (GraphSAGE, {}),
    (GraphSAGE, {"root_weight": False, "aggr": "sum"}),
    (GraphSAGE, {"aggr": "max"}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "v2": True, "residual": True}),
    (GAT, {"heads": 2, "v2": True, "share_weights": True}),
]
every_kind = pytest.mark.parametrize(("kind", "arguments"), KINDS)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return small_graph()


def encoder_of(kind: type[Encoder], graph: Graph, **arguments: Any) -> Encoder:
    torch.manual_seed(0)
    return kind(graph.num_features, 8, 3, 4, gate="dam", **arguments).double().eval()


@every_kind
@pytest.mark.parametrize("jk", [None, "last"])
@pytest.mark.parametrize("block_rows", [1, 7, 34, 100])
def test_it_is_forward(
    graph: Graph, kind: type[Encoder], arguments: dict[str, Any], jk: str | None, block_rows: int
) -> None:
    encoder = encoder_of(kind, graph, norm="batch_norm", jk=jk, **arguments)
    encoder(graph.x, encoder.prepare(graph.edge_index))  # in evaluation: statistics stay
    adjacency = encoder.prepare(graph.edge_index)
    for x in (graph.x, CSRMatrix.from_dense(graph.dense_x())):
        found = layerwise(encoder, x, adjacency, block_rows=block_rows)
        torch.testing.assert_close(found, encoder(x, adjacency))
        embedding = layerwise(encoder, x, adjacency, block_rows=block_rows, embed=True)
        torch.testing.assert_close(embedding, encoder.embed(x, adjacency))


def test_features_may_lie_on_disk(graph: Graph, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", graph.dense_x().numpy())
    x = torch.from_numpy(np.load(tmp_path / "x.npy", mmap_mode="c"))
    encoder = encoder_of(GCN, graph)
    adjacency = encoder.prepare(graph.edge_index)
    found = layerwise(encoder, x, adjacency, block_rows=5)
    assert torch.equal(found, encoder(graph.x, adjacency))


def test_what_is_done_to_features_is_done_to_each_block_once(graph: Graph) -> None:
    encoder, seen = encoder_of(GCN, graph), []
    adjacency = encoder.prepare(graph.edge_index)

    def read(block: Tensor | CSRMatrix) -> Tensor:
        assert isinstance(block, Tensor)
        seen.append(block)
        return 3 * block

    found = layerwise(encoder, graph.x, adjacency, block_rows=10, read=read)
    torch.testing.assert_close(found, encoder(3 * graph.dense_x(), adjacency))
    assert torch.equal(torch.cat(seen), graph.dense_x())


def test_dropout_acts_in_training(graph: Graph) -> None:
    """Without activations the outputs are linear in what is dropped: right on average."""
    encoder = encoder_of(GCN, graph, dropout=0.5, act=None)
    adjacency = encoder.prepare(graph.edge_index)
    quiet = layerwise(encoder, graph.x, adjacency)
    torch.manual_seed(0)
    encoder.train()
    draws = [layerwise(encoder, graph.x, adjacency, block_rows=9) for _ in range(500)]
    stacked = torch.stack(draws)
    error = stacked.std(0) / len(draws) ** 0.5
    assert float(error.min()) > 0
    assert bool(((stacked.mean(0) - quiet).abs() < 4.5 * error).all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"norm": "graph_norm"},
            "norm 'GraphNorm' looks at all nodes at once, and a batch holds some: use "
            "norm='batch_norm' or none.",
        ),
        (
            {"jk": "cat"},
            "jk='cat' reads every layer of all nodes at once, and a batch holds some of them: use "
            "jk='last' or none.",
        ),
    ],
)
def test_what_needs_all_nodes_is_refused(
    graph: Graph, arguments: dict[str, Any], message: str
) -> None:
    encoder = encoder_of(GCN, graph, **arguments)
    with pytest.raises(SettingsError) as caught:
        layerwise(encoder, graph.x, encoder.prepare(graph.edge_index))
    assert str(caught.value) == message


def test_another_encoders_adjacency_is_refused(graph: Graph) -> None:
    adjacency = encoder_of(GraphSAGE, graph).prepare(graph.edge_index)
    with pytest.raises(SettingsError, match="prepare it with this encoder's own"):
        layerwise(encoder_of(GCN, graph), graph.x, adjacency)
