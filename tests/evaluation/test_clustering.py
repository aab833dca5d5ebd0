"""Is the clustering score the mutual information of labels and k-means clusters?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from graphdam.errors import DataError, SettingsError
from graphdam.evaluation.clustering import clustering_nmi


def clouds(spread: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(90) % 3
    z = torch.eye(3)[y] * 4 + spread * torch.randn(90, 3, generator=generator)
    return z, y


def entropy(labels: Sequence[object]) -> float:
    counts = Counter(labels)
    return -sum(n / len(labels) * math.log(n / len(labels)) for n in counts.values())


# where clouds overlap and clusters are many, the clustering depends on the seed
@pytest.mark.parametrize(
    ("seed", "spread", "num_clusters"), [(0, 2.5, 3), (1, 9.0, 8), (2, 9.0, 8)]
)
def test_equals_the_formula_over_clusters_of_scikit_learn(
    seed: int, spread: float, num_clusters: int
) -> None:
    z, y = clouds(spread)
    exact = z.double()
    scaled = (exact - exact.mean(0)) / exact.std(0, correction=0)
    model = KMeans(num_clusters, n_init=10, random_state=seed)
    clusters, classes = model.fit_predict(scaled.numpy()).tolist(), y.tolist()
    apart = entropy(classes) + entropy(clusters)
    shared = apart - entropy(list(zip(classes, clusters, strict=True)))
    expected = 2 * shared / apart
    assert 0 < expected < 0.9
    score = clustering_nmi(z, y, num_clusters=num_clusters, seed=seed)
    assert score == pytest.approx(expected, abs=1e-9)


def test_clusters_that_are_the_classes_score_one_whatever_their_numbers() -> None:
    z, y = clouds(spread=0.1)
    assert clustering_nmi(z, y, seed=0) == pytest.approx(1)
    assert clustering_nmi(z, (y + 1) % 3, seed=0) == pytest.approx(1)


def test_only_the_direction_counts_where_rows_have_norm_one() -> None:
    z, y = clouds(spread=0.1)
    length = torch.logspace(0, 4, 90)[:, None]
    assert clustering_nmi(z * length, y, normalize="l2", seed=0) == pytest.approx(1)
    assert clustering_nmi(z * length, y, seed=0) < 0.9


def test_two_clusters_of_three_classes_by_hand() -> None:
    """Two classes fall into one cluster: I = H(K), so NMI = 2 H(K) / (H(Y) + H(K))."""
    z = torch.tensor([0.0, 0.0, 9.0]).repeat(30).view(-1, 1)
    y = torch.arange(90) % 3
    clusters, classes = math.log(3) - 2 / 3 * math.log(2), math.log(3)
    expected = 2 * clusters / (classes + clusters)
    assert clustering_nmi(z, y, num_clusters=2, seed=0) == pytest.approx(expected)
    # there are only two places to be, so a third cluster stays empty
    assert clustering_nmi(z, y, seed=0) == pytest.approx(expected)


def test_a_collapsed_embedding_says_nothing() -> None:
    _, y = clouds(spread=0.1)
    assert clustering_nmi(torch.ones(90, 2), y, seed=0) == 0


def test_nodes_without_a_label_are_clustered_and_not_scored() -> None:
    z, y = clouds(spread=0.1)
    unknown = torch.arange(90) < 30
    noise = torch.where(unknown[:, None], z.roll(1, 0), z)
    assert clustering_nmi(noise, torch.where(unknown, -1, y), seed=0) == pytest.approx(1)
    # a far cloud of nodes without a label takes one of three clusters for itself
    far = torch.where(unknown[:, None], torch.full((), 1000.0), z)
    assert clustering_nmi(far, torch.where(unknown, -1, y), seed=0) < 0.8


def test_what_cannot_be_clustered_is_refused() -> None:
    z, y = clouds(spread=1)
    with pytest.raises(DataError, match=r"shape \[90\], one class a row .* have shape \[90, 3\]"):
        clustering_nmi(z, torch.eye(3)[y], seed=0)
    with pytest.raises(DataError, match="No node has a label"):
        clustering_nmi(z, torch.full((90,), -1), seed=0)
    with pytest.raises(DataError, match="entries are NaN or infinite"):
        clustering_nmi(z / 0, y, seed=0)
    for number in (0, 91):
        with pytest.raises(SettingsError, match=rf"between 1 and the 90 nodes, but is {number}"):
            clustering_nmi(z, y, num_clusters=number, seed=0)
