"""Is a prefix's score that of the truncated encoder, whatever its layers are?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch

from graphdam.data import load_graph
from graphdam.nn import GAT, GCN, Encoder
from graphdam.objectives import NodeClassification, prepare_graph, score_prefixes


def scored(encoder: Encoder) -> dict[tuple[int, ...], float]:
    graph = load_graph("karate")
    prepared = prepare_graph(encoder, graph)
    scores = score_prefixes(encoder, NodeClassification(graph), prepared)
    return {tuple(prefix.widths): prefix.score for prefix in scores}


@pytest.mark.parametrize(
    ("encoder", "widths"),
    [
        (lambda: GCN(34, 4, 2, 4), [(1,), (2,), (3,), (4,)]),
        (lambda: GCN(34, [4, 2], 3, 4), [(1, 1), (2, 1), (3, 2), (4, 2)]),
        (lambda: GCN(34, 2, 2, 4, jk="max"), [(1, 1), (2, 2)]),
        (lambda: GAT(34, 12, 2, 4, heads=4), [(4,), (8,), (12,)]),
    ],
)
def test_every_prefix_is_there_in_proportion(encoder: Any, widths: list[tuple[int, ...]]) -> None:
    assert list(scored(encoder())) == widths


def test_its_score_is_that_of_the_truncated_encoder() -> None:
    torch.manual_seed(1)
    encoder, graph = GCN(34, 6, 2, 4).eval(), load_graph("karate")
    mask = graph.mask("val")
    for widths, score in scored(encoder).items():
        with torch.no_grad():
            predicted = encoder.truncate(list(widths))(graph.x, graph.edge_index).argmax(1)
        assert score == pytest.approx(float((predicted == graph.y)[mask].float().mean()))


def test_a_wide_encoder_is_scored_at_some_widths_and_its_own() -> None:
    found = [widths[0] for widths in scored(GCN(34, 100, 2, 4))]
    assert 12 <= len(found) <= 16
    assert (found[0], found[-1]) == (1, 100)
    assert all(1 <= wider - width <= 0.4 * width + 1 for width, wider in pairwise(found))


def test_without_hidden_layers_nothing_can_be_cut() -> None:
    assert scored(GCN(34, [], 1, 4)) == {}
