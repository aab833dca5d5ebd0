"""Are link scores those of the inner-product decoder, counted pair by pair?"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphdam.errors import DataError
from graphdam.evaluation.links import LinkScores, link_scores


def some_pairs(seed: int = 0, width: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(20, width, generator=generator)
    pairs = torch.randint(20, (2, 70), generator=generator)
    return z, pairs[:, :30], pairs[:, 30:]


def counted(z: Tensor, pos_edges: Tensor, neg_edges: Tensor) -> LinkScores:
    """Ordered pairs of a link and a non-link; precision at every link, ties taken together."""

    def decode(edges: Tensor) -> list[float]:
        rows = z.double().tolist()
        return [
            1 / (1 + math.exp(-sum(a * b for a, b in zip(rows[u], rows[v], strict=True))))
            for u, v in edges.T.tolist()
        ]

    linked, not_linked = decode(pos_edges), decode(neg_edges)
    order = [(p > n) + 0.5 * (p == n) for p in linked for n in not_linked]
    precision = []
    for p in linked:
        found = sum(other >= p for other in linked)
        precision.append(found / (found + sum(other >= p for other in not_linked)))
    return LinkScores(sum(order) / len(order), sum(precision) / len(precision))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rounded", [False, True])
def test_equals_a_loop_over_pairs(seed: int, rounded: bool) -> None:
    z, pos_edges, neg_edges = some_pairs(seed)
    z = z.round() if rounded else z  # which makes ties
    scores, expected = link_scores(z, pos_edges, neg_edges), counted(z, pos_edges, neg_edges)
    assert scores.auc == pytest.approx(expected.auc, abs=1e-12)
    assert scores.average_precision == pytest.approx(expected.average_precision, abs=1e-12)
    assert 0 < scores.auc < 1


def test_scores_by_hand() -> None:
    z = torch.tensor([[4.0], [3.0], [2.0], [1.0]])
    # products 12 and 3 of links, 4 and 2 of others: of four comparisons only 3 > 4 is wrong
    scores = link_scores(z, torch.tensor([[0, 1], [1, 3]]), torch.tensor([[0, 2], [3, 3]]))
    assert scores.auc == 3 / 4
    assert scores.average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_the_direction_and_the_scale_do_not_count() -> None:
    """Products of hundreds, where a sigmoid would round to 1, keep their order."""
    z, pos_edges, neg_edges = some_pairs()
    scores = link_scores(z, pos_edges, neg_edges)
    assert link_scores(32 * z, pos_edges.flip(0), neg_edges.flip(0)) == scores


def test_links_and_non_links_in_each_others_place() -> None:
    z, pos_edges, neg_edges = some_pairs()
    mirrored = link_scores(z, neg_edges, pos_edges)
    assert mirrored.auc == pytest.approx(1 - link_scores(z, pos_edges, neg_edges).auc)


def test_pairs_that_are_none_are_refused() -> None:
    z, pos_edges, neg_edges = some_pairs()
    with pytest.raises(DataError, match=r"`pos_edges` must have shape \[2, E\].* \[30, 2\]"):
        link_scores(z, pos_edges.T, neg_edges)
    with pytest.raises(
        DataError, match=r"`neg_edges` must have shape .* at least one, .* \[2, 0\]"
    ):
        link_scores(z, pos_edges, neg_edges[:, :0])
    with pytest.raises(DataError, match="`neg_edges` must hold numbers of nodes, but is of"):
        link_scores(z, pos_edges, neg_edges.float())
    with pytest.raises(DataError, match=r"`pos_edges` names node 20, .* has 20 rows"):
        link_scores(z, pos_edges.clamp(min=20), neg_edges)
    with pytest.raises(DataError, match="`neg_edges` names node -1"):
        link_scores(z, pos_edges, neg_edges.clamp(max=-1))
    with pytest.raises(DataError, match="entries are NaN or infinite"):
        link_scores(z.log(), pos_edges, neg_edges)
