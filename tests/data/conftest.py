"""No test here reads the real cache folder, the caller's data root, or the network."""

from __future__ import annotations

import builtins
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import settings
from ogb_files import Written, expect_sizes_of, made_up, write_set
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.data.graph import Graph
from graphdam.data.raw import RawGraph

# the first example of a test may import half of PyG
settings.register_profile("graphdam", deadline=None)
settings.load_profile("graphdam")

_REAL_ROOT = os.environ.get("GRAPHDAM_DATA")


@pytest.fixture(autouse=True)
def closed_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHDAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAPHDAM_OFFLINE", "1")
    monkeypatch.delenv("GRAPHDAM_DATA", raising=False)


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real-cache")


@pytest.fixture
def real_root(real_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with real graphs; what is prepared from it is kept for the session."""
    if _REAL_ROOT is None:
        if os.environ.get("CI"):
            pytest.fail("GRAPHDAM_DATA is not set")
        pytest.skip("GRAPHDAM_DATA is not set")
    monkeypatch.setenv("GRAPHDAM_CACHE", str(real_cache))
    return Path(_REAL_ROOT)


@pytest.fixture
def toy() -> RawGraph:
    """Twelve nodes on an undirected, weighted ring with one isolated node; three classes."""
    generator = np.random.default_rng(7)
    ring = np.arange(11)
    y = np.arange(12) % 3
    y[10] = -1
    part = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 9, 9])
    return RawGraph(
        name="toy",
        source="toy",
        x=generator.integers(-8, 8, (12, 4)) / 8,
        edge_index=np.stack([ring, (ring + 1) % 11]),
        edge_weight=np.arange(1, 12) / 4,
        y=y,
        masks=(part == 0, part == 1, part == 2),
        undirected=True,
    )


@pytest.fixture
def assert_same_graph() -> Callable[[Graph, Graph], None]:
    def check(first: Graph, second: Graph) -> None:
        assert torch.equal(first.dense_x(), second.dense_x())
        assert isinstance(first.x, CSRMatrix) == isinstance(second.x, CSRMatrix)
        assert torch.equal(first.edge_index, second.edge_index)
        assert (first.edge_weight is None) == (second.edge_weight is None)
        if first.edge_weight is not None and second.edge_weight is not None:
            assert torch.equal(first.edge_weight, second.edge_weight)
        assert torch.equal(first.y, second.y)
        assert first.y.dtype == second.y.dtype
        assert (first.num_classes, first.task) == (second.num_classes, second.task)
        assert len(first.splits) == len(second.splits)
        for one, other in zip(first.splits, second.splits, strict=True):
            assert all(map(torch.equal, one, other))

    return check


@pytest.fixture
def adjacency() -> Callable[[Graph], Tensor]:
    """The dense adjacency of a graph, written out entry by entry."""

    def dense(graph: Graph) -> Tensor:
        matrix = torch.zeros(graph.num_nodes, graph.num_nodes)
        for entry, (source, target) in enumerate(graph.edge_index.T.tolist()):
            assert matrix[source, target] == 0
            matrix[source, target] = 1 if graph.edge_weight is None else graph.edge_weight[entry]
        return matrix

    return dense


@pytest.fixture
def write_fake_cora() -> Callable[[Path], Path]:
    """Files in Planetoid's form with Cora's sizes and made-up contents, under a data root."""

    def write(root: Path, *, seed: int = 0) -> Path:
        generator = np.random.default_rng(seed)
        num_nodes, num_features, num_classes, num_test = 2708, 1433, 7, 1000
        others = num_nodes - num_test
        x = sp.random(num_nodes, num_features, 0.002, "csr", rng=generator).astype(np.float32)
        x.data[:] = 1
        y = np.eye(num_classes, dtype=np.int32)[np.arange(num_nodes) % num_classes]
        ring = {i: [(i - 1) % num_nodes, (i + 1) % num_nodes] for i in range(num_nodes)}
        parts = {
            "x": x[:140],
            "y": y[:140],
            "allx": x[:others],
            "ally": y[:others],
            "tx": x[others:],
            "ty": y[others:],
            "graph": ring,
        }
        folder = root / "planetoid" / "Cora" / "raw"
        folder.mkdir(parents=True)
        for part, value in parts.items():
            (folder / f"ind.cora.{part}").write_bytes(pickle.dumps(value, protocol=2))
        index = generator.permutation(np.arange(others, num_nodes))
        (folder / "ind.cora.test.index").write_text("\n".join(map(str, index)) + "\n")
        return folder

    return write


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question ends the test: OGB's own loader asks some."""

    def asked(*arguments: object) -> str:
        raise AssertionError("a question was asked")

    monkeypatch.setattr(builtins, "input", asked)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Written]:
    """Writes a set under tmp_path/root."""

    def write(name: str) -> Written:
        written = made_up(name)
        write_set(tmp_path / "root", name, written)
        expect_sizes_of(written, name, monkeypatch)
        return written

    return write


@pytest.fixture
def arxiv(place: Callable[[str], Written], tmp_path: Path) -> Path:
    place("ogbn-arxiv")
    return tmp_path / "root" / "ogbn_arxiv"
