"""Are the embeddings of several encoders compared, and a collapsed one told apart?"""

from __future__ import annotations

import pytest
import torch
from embeddings import embedder, small_graph

from graphdam.evaluation.stability import linear_cka
from graphdam.objectives import embeddings_alike


@pytest.mark.parametrize("sparse", [False, True])
def test_it_is_the_mean_alignment_of_what_they_embed(sparse: bool) -> None:
    graph = small_graph(sparse=sparse)
    encoders = [embedder(graph, width, seed=width).eval() for width in (6, 7, 10)]
    with torch.no_grad():
        a, b, c = (encoder(graph.dense_x(), graph.edge_index) for encoder in encoders)
    expected = (linear_cka(a, b) + linear_cka(a, c) + linear_cka(b, c)) / 3
    assert expected < 0.999
    assert embeddings_alike(encoders, graph) == pytest.approx(expected)


def test_a_collapsed_embedding_is_like_no_other() -> None:
    graph = small_graph()
    encoders = [embedder(graph).eval() for _ in range(2)]
    for parameter in encoders[1].parameters():
        torch.nn.init.zeros_(parameter)
    assert embeddings_alike(encoders, graph) is None
