from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphdam.data.csr import CSRMatrix
from graphdam.data.graph import Graph
from graphdam.data.load import load_graph
from graphdam.data.npz_file import write_npz
from graphdam.data.raw import RawGraph
from graphdam.data.registry import DATASETS
from graphdam.errors import DataError

EMBEDDED = [name for name, info in DATASETS.items() if info.kind == "embedded"]


def assert_contract(graph: Graph) -> None:
    """What every graph promises, whatever it came from."""
    size = graph.num_nodes
    assert graph.edge_index.dtype == torch.int64
    key = graph.edge_index[0] * size + graph.edge_index[1]
    assert bool((key.diff() > 0).all())
    assert torch.equal(key, (graph.edge_index[1] * size + graph.edge_index[0]).sort().values), (
        "both directions of every edge"
    )
    assert graph.dense_x().dtype == torch.float32
    assert graph.y.dtype == torch.int64
    for split in graph.splits:
        assert all(mask.dtype == torch.bool and mask.any() for mask in split)
        assert int(torch.stack(split).sum(dim=0).max()) == 1
        assert bool((graph.y[split.train | split.val | split.test] >= 0).all())


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("split", ["seeded", "random"])
def test_embedded_sets_need_nothing_and_keep_the_contract(name: str, split: str) -> None:
    graph = load_graph(name, split=split)
    info = DATASETS[name]
    assert_contract(graph)
    assert graph.num_nodes == info.num_nodes
    assert graph.num_features == info.num_features
    assert graph.num_classes == info.num_classes
    assert graph.split_name == split
    assert len(graph.splits) == (10 if split == "random" else 1)


def test_sparse_and_dense_features_are_the_same() -> None:
    sparse, dense = load_graph("sbm"), load_graph("sbm", sparse=False)
    assert isinstance(sparse.x, CSRMatrix)
    assert isinstance(dense.x, torch.Tensor)
    assert torch.equal(sparse.dense_x(), dense.x)
    assert isinstance(load_graph("karate", sparse=True).x, CSRMatrix)
    rows = dense.x.sum(dim=1)
    torch.testing.assert_close(rows[rows > 0], torch.ones(int((rows > 0).sum())))


def test_loading_leaves_the_global_seeds_alone() -> None:
    state = torch.random.get_rng_state()
    load_graph("sbm", split="random")
    assert torch.equal(state, torch.random.get_rng_state())


def test_an_unknown_split_lists_those_offered() -> None:
    with pytest.raises(DataError, match="Unknown split for cora 'publik': did you mean 'public'"):
        load_graph("cora", split="publik")
    with pytest.raises(
        DataError, match=r"Unknown split for digits 'public'\. Known: random, seeded"
    ):
        load_graph("digits", split="public")


def test_paths_and_names_are_told_apart(
    toy: RawGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path / "toy.npz", toy)
    assert load_graph("toy.npz").name == load_graph(tmp_path / "toy.npz").name == "toy"
    (tmp_path / "karate").mkdir()
    assert load_graph("Karate").num_nodes == 34
    with pytest.raises(DataError, match="Unknown data set ''"):
        load_graph("")
    with pytest.raises(DataError, match="Unknown data set 'tolokars': did you mean 'tolokers'"):
        load_graph("tolokars")
