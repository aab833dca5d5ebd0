"""Published statistics and splits, on the real files under GRAPHDAM_DATA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.utils import is_undirected

from graphdam.data.csr import CSRMatrix
from graphdam.data.graph import SplitName
from graphdam.data.images import load_images
from graphdam.data.load import load_graph
from graphdam.data.ratings import load_ratings

pytestmark = pytest.mark.real_data

PARTS: tuple[SplitName, ...] = ("train", "val", "test")

STATISTICS = [
    ("cora", 2708, 10556, 1433, 7, (140, 500, 1000)),
    ("citeseer", 3327, 9104, 3703, 6, (120, 500, 1000)),
    ("pubmed", 19717, 88648, 500, 3, (60, 500, 1000)),
    ("photo", 7650, 238162, 745, 8, (160, 240, 7250)),
    ("computers", 13752, 491722, 767, 10, (200, 300, 13252)),
    ("cs", 18333, 163788, 6805, 15, (300, 450, 17583)),
    ("tolokers", 11758, 1038000, 10, 2, (5879, 2939, 2940)),
]


@pytest.mark.parametrize(("name", "nodes", "edges", "features", "classes", "parts"), STATISTICS)
def test_published_statistics(
    real_root: Path,
    name: str,
    nodes: int,
    edges: int,
    features: int,
    classes: int,
    parts: tuple[int, int, int],
) -> None:
    graph = load_graph(name, data_root=real_root)
    assert (graph.num_nodes, graph.num_edges) == (nodes, edges)
    assert (graph.num_features, graph.num_classes) == (features, classes)
    assert tuple(int(mask.sum()) for mask in graph.splits[0]) == parts
    assert is_undirected(graph.edge_index, num_nodes=nodes)
    assert isinstance(graph.x, CSRMatrix) == (name not in ("photo", "computers", "tolokers"))


def test_the_public_split_begins_with_the_training_nodes(real_root: Path) -> None:
    graph = load_graph("cora", data_root=real_root)
    assert bool(graph.mask("train")[:140].all())
    assert bool(graph.mask("val")[140:640].all())
    assert torch.bincount(graph.y[graph.mask("train")]).tolist() == [20] * 7
    assert graph.num_feature_entries == 49216


@pytest.mark.parametrize("name", ["Cora", "CiteSeer"])
def test_geom_gcn_splits_are_those_of_the_files(real_root: Path, name: str) -> None:
    graph = load_graph(name, split="geom-gcn", data_root=real_root)
    folder = real_root / "planetoid" / name / "geom-gcn" / "raw"
    assert len(graph.splits) == 10
    for index, split in enumerate(graph.splits):
        with np.load(folder / f"{name.lower()}_split_0.6_0.2_{index}.npz") as masks:
            for part, mask in zip(("train", "val", "test"), split, strict=True):
                assert mask.tolist() == masks[f"{part}_mask"].astype(bool).tolist()


def test_all_splits_share_one_graph(real_root: Path) -> None:
    public, random, geom = (
        load_graph("cora", split=split, data_root=real_root)
        for split in ("public", "random", "geom-gcn")
    )
    for other in (random, geom):
        assert torch.equal(public.edge_index, other.edge_index)
        assert torch.equal(public.dense_x(), other.dense_x())
        assert torch.equal(public.y, other.y)
    assert [int(mask.sum()) for mask in random.splits[0]] == [140, 210, 2358]


def test_amazon_default_is_the_first_random_split(real_root: Path) -> None:
    fixed = load_graph("photo", data_root=real_root)
    random = load_graph("photo", split="random", data_root=real_root)
    assert (fixed.split_name, len(fixed.splits)) == ("random-20", 1)
    assert all(map(torch.equal, fixed.splits[0], random.splits[0]))


def test_the_root_is_left_as_it_was(real_root: Path) -> None:
    def listing() -> list[tuple[Path, int, int]]:
        files = sorted((real_root / "planetoid").rglob("*"))
        return [(path, path.stat().st_size, path.stat().st_mtime_ns) for path in files]

    before = listing()
    load_graph("citeseer", data_root=real_root)
    assert listing() == before


def test_mnist_is_the_published_one(real_root: Path) -> None:
    """Counts of the test classes, and the mean and deviation that everyone standardises by."""
    images = load_images("mnist", data_root=real_root)
    assert torch.bincount(images.y[images.test]).tolist() == [
        *(980, 1135, 1032, 1010, 982),
        *(892, 958, 1028, 974, 1009),
    ]
    assert images.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert float(images.mean / 255) == pytest.approx(0.1307, abs=2e-4)
    assert float(images.std / 255) == pytest.approx(0.3081, abs=2e-4)
    assert [len(images.indices(part)) for part in ("train", "val", "test")] == [55000, 5000, 10000]


def test_the_subset_of_cifar_is_balanced(real_root: Path) -> None:
    images = load_images("cifar10-subset", data_root=real_root)
    assert (
        torch.bincount(images.y[: images.train.numel() + images.val.numel()]).tolist()
        == [1000] * 10
    )
    assert torch.bincount(images.y[images.test]).tolist() == [200] * 10
    assert images.shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("name", "parts", "seen"),
    [
        ("flixster", (22_378, 1_178, 2_617), (2_307, 2_945)),
        ("douban", (117_042, 6_160, 13_689), (2_999, 3_000)),
    ],
)
def test_ratings_have_their_published_parts(
    real_root: Path, name: str, parts: tuple[int, int, int], seen: tuple[int, int]
) -> None:
    ratings = load_ratings(name, data_root=real_root)
    assert (ratings.shape, tuple(len(ratings.indices(part)) for part in PARTS)) == (
        (3000, 3000),
        parts,
    )
    pool = torch.cat([ratings.train, ratings.val])
    assert (len(set(ratings.users[pool].tolist())), len(set(ratings.items[pool].tolist()))) == seen
    steps = ratings.levels.diff()
    assert bool((steps == steps[0]).all())


def test_subgraphs_of_flixster_hold_what_three_products_count(real_root: Path) -> None:
    ratings = load_ratings("flixster", data_root=real_root)
    index = ratings.train
    users, items = ratings.users[index].numpy(), ratings.items[index].numpy()
    rated = sp.csr_matrix((np.ones(len(users)), (users, items)), shape=ratings.shape)
    found = ratings.known().enclose(users[:2000], items[:2000])
    # of a known pair, the ratings of its users of its items, itself left out
    inside = np.asarray((rated @ rated.T @ rated)[users[:2000], items[:2000]]).ravel()
    assert found.row.numel() == 2 * int((inside - 1).sum())
    of_user, of_item = (np.asarray(rated.sum(axis)).ravel() for axis in (1, 0))
    assert found.num_nodes[2] == int((of_item[items[:2000]] - 1).sum())
    assert found.num_nodes[3] == int((of_user[users[:2000]] - 1).sum())
