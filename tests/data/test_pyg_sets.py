from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.datasets import Planetoid

from graphdam.data import pyg_sets
from graphdam.data.graph import Graph
from graphdam.data.load import load_graph
from graphdam.data.registry import DatasetInfo
from graphdam.data.sources import cache_folder
from graphdam.errors import DataError

WriteCora = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path, write_fake_cora: WriteCora) -> Path:
    write_fake_cora(tmp_path / "root")
    return tmp_path / "root"


def _contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _left_in_cache() -> list[str]:
    return sorted(path.name for path in cache_folder().rglob("*") if path.is_file())


def test_pyg_reads_the_same(root: Path, tmp_path: Path) -> None:
    graph = load_graph("cora", data_root=root, sparse=False)
    shutil.copytree(root, tmp_path / "copy")
    data = Planetoid(str(tmp_path / "copy" / "planetoid"), "Cora")[0]
    rows = data.x / data.x.sum(1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(graph.dense_x(), rows)
    assert torch.equal(graph.y, data.y)
    assert {*map(tuple, graph.edge_index.T.tolist())} == {*map(tuple, data.edge_index.T.tolist())}
    for ours, theirs in zip(graph.splits[0], ("train_mask", "val_mask", "test_mask"), strict=True):
        assert torch.equal(ours, data[theirs])


def test_the_prepared_file_gives_the_same_graph_and_is_used(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    assert_same_graph: Callable[[Graph, Graph], None],
) -> None:
    first = load_graph("cora", data_root=root)
    assert len(_left_in_cache()) == 1

    def unused(*arguments: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr(pyg_sets, "_dataset", unused)
        assert_same_graph(first, load_graph("cora", data_root=root))
        random = load_graph("cora", data_root=root, split="random")
    assert [int(mask.sum()) for mask in random.splits[9]] == [140, 210, 2358]
    (prepared,) = (cache_folder() / "prepared").iterdir()
    prepared.write_bytes(prepared.read_bytes()[:1000])
    assert_same_graph(first, load_graph("cora", data_root=root))


def test_a_read_only_root_is_left_as_it_was(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _contents(root)
    for folder in [root, *root.rglob("*")]:
        folder.chmod(0o555 if folder.is_dir() else 0o444)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    try:
        load_graph("cora", data_root=root)
    finally:
        for folder in [root, *root.rglob("*")]:
            folder.chmod(0o755 if folder.is_dir() else 0o644)
    assert _contents(root) == before
    assert capsys.readouterr() == ("", "")


def test_two_roots_do_not_mix(root: Path, tmp_path: Path, write_fake_cora: WriteCora) -> None:
    write_fake_cora(tmp_path / "other", seed=1)
    first = load_graph("cora", data_root=root).dense_x()
    second = load_graph("cora", data_root=tmp_path / "other").dense_x()
    assert not torch.equal(first, second)
    assert torch.equal(first, load_graph("cora", data_root=root).dense_x())


def test_a_system_without_links_copies(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert load_graph("cora", data_root=root).num_nodes == 2708


@pytest.mark.parametrize("part", ["x", "allx", "ty", "graph", "test.index"])
def test_a_truncated_file_is_named_and_leaves_nothing_behind(root: Path, part: str) -> None:
    path = root / "planetoid" / "Cora" / "raw" / f"ind.cora.{part}"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        DataError, match=r"the data set 'cora' cannot be read and may be truncated"
    ) as caught:
        load_graph("cora", data_root=root)
    assert str(caught.value).startswith(f"{path}: ")
    assert _left_in_cache() == []
    assert list(cache_folder().iterdir()) == []
    path.write_bytes(content)
    assert load_graph("cora", data_root=root).num_nodes == 2708


def test_a_test_index_cut_within_its_last_number(root: Path) -> None:
    path = root / "planetoid" / "Cora" / "raw" / "ind.cora.test.index"
    path.write_text(path.read_text().rstrip()[:-2])
    with pytest.raises(DataError, match=r"test.index must list 1000 nodes from 1708 on"):
        load_graph("cora", data_root=root)


def test_an_unwritable_cache_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRAPHDAM_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        DataError, match=r"file: the cache folder cannot be written to .* GRAPHDAM_C"
    ):
        load_graph("cora", data_root=root)


def _write_minesweeper(root: Path, num_nodes: int = 10_000) -> None:
    folder = root / "heterophilous" / "minesweeper" / "raw"
    folder.mkdir(parents=True)
    part = np.random.default_rng(0).integers(0, 3, (10, num_nodes))
    np.savez(
        folder / "minesweeper.npz",
        node_features=np.ones((num_nodes, 7), dtype=np.float32),
        node_labels=np.arange(num_nodes) % 2,
        edges=np.stack([np.arange(num_nodes - 1), np.arange(1, num_nodes)], axis=1),
        train_masks=part == 0,
        val_masks=part == 1,
        test_masks=part == 2,
    )


def test_published_splits_and_both_directions(tmp_path: Path) -> None:
    _write_minesweeper(tmp_path)
    graph = load_graph("minesweeper", data_root=tmp_path)
    part = np.random.default_rng(0).integers(0, 3, (10, 10_000))
    assert len(graph.splits) == 10
    assert graph.at_split(13).mask("val").tolist() == (part[3] == 1).tolist()
    assert (graph.task, graph.metric, graph.out_channels) == ("binary", "roc_auc", 1)
    assert graph.num_edges == 2 * 9_999


def test_a_truncated_npz_is_named(tmp_path: Path) -> None:
    _write_minesweeper(tmp_path)
    path = tmp_path / "heterophilous" / "minesweeper" / "raw" / "minesweeper.npz"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(DataError, match=r"minesweeper.npz: the data set 'minesweeper' cannot be"):
        load_graph("minesweeper", data_root=tmp_path)


def test_files_of_another_graph_are_refused(tmp_path: Path) -> None:
    _write_minesweeper(tmp_path, num_nodes=90)
    with pytest.raises(
        DataError, match="not 'minesweeper': 10000 nodes, 7 features and 2 classes were expected"
    ):
        load_graph("minesweeper", data_root=tmp_path)
    assert _left_in_cache() == []


def test_a_download_enters_the_cache_whole(
    tmp_path: Path, write_fake_cora: WriteCora, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = pyg_sets._dataset

    def fetch(info: DatasetInfo, split: str, root: Path) -> object:
        if not (root / info.folder).exists():
            write_fake_cora(root)
        return genuine(info, split, root)

    monkeypatch.setattr(pyg_sets, "_dataset", fetch)
    monkeypatch.setenv("GRAPHDAM_OFFLINE", "")
    assert load_graph("cora").num_nodes == 2708
    assert len(list((cache_folder() / "planetoid" / "Cora" / "raw").iterdir())) == 8
    monkeypatch.setenv("GRAPHDAM_OFFLINE", "1")
    assert load_graph("cora").num_nodes == 2708


def test_a_download_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(info: DatasetInfo, split: str, root: Path) -> object:
        (root / "half").write_text("half")
        raise OSError("connection lost")

    monkeypatch.setattr(pyg_sets, "_dataset", fail)
    monkeypatch.setenv("GRAPHDAM_OFFLINE", "")
    with pytest.raises(DataError, match=r"could not be downloaded \(connection lost\)"):
        load_graph("cora")
    assert list(cache_folder().iterdir()) == []
