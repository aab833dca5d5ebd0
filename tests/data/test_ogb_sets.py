"""OGB's sets of nodes: equal to what was written and to what OGB reads, or refused by name."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ogb_files import (
    ARXIV,
    PARTS,
    Same,
    Written,
    expect_sizes_of,
    made_up,
    read_by_ogb,
    refusal_of_set,
    write_archives,
    write_set,
    write_table,
)
from torch_geometric.utils import coalesce, scatter, to_undirected

from graphdam.data import ogb_sets
from graphdam.data.graph import Graph
from graphdam.data.load import load_graph
from graphdam.data.ogb_sets import published
from graphdam.data.registry import DATASETS
from graphdam.data.sources import cache_folder
from graphdam.errors import DataError

NAMES = [name for name, info in DATASETS.items() if info.kind == "ogb" and not info.links]


def _contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# Equal to what was written, and to what OGB reads


@pytest.mark.parametrize("name", NAMES)
def test_every_array_is_the_one_written(
    name: str, place: Callable[[str], Written], tmp_path: Path
) -> None:
    written = place(name)
    graph = load_graph(name, data_root=tmp_path / "root")
    both = {*map(tuple, np.hstack([written.edge_index, written.edge_index[::-1]]).T.tolist())}
    assert graph.num_edges == len(both)
    assert {*map(tuple, graph.edge_index.T.tolist())} == both
    if written.node_feat is not None:
        assert np.array_equal(graph.dense_x().numpy(), written.node_feat)
    assert np.array_equal(graph.y.reshape(written.num_nodes, -1).numpy(), written.node_label)
    for mask, nodes in zip(graph.splits[0], written.parts, strict=True):
        assert mask.nonzero().flatten().tolist() == sorted(nodes.tolist())
    assert (graph.evaluator, graph.split_name) == (name, DATASETS[name].default_split)
    assert graph.metric == ("roc_auc" if name == "ogbn-proteins" else "accuracy")


@pytest.mark.parametrize("name", NAMES)
def test_ogb_reads_the_same(name: str, place: Callable[[str], Written], tmp_path: Path) -> None:
    place(name)
    graph = load_graph(name, data_root=tmp_path / "root")
    shutil.copytree(tmp_path / "root", tmp_path / "copy")
    data, parts = read_by_ogb(tmp_path / "copy", name)
    x, y, edge_index = data.get("x"), data.get("y"), data.get("edge_index")
    if name == "ogbn-mag":
        x, y = data.x_dict["paper"], data.y_dict["paper"]
        edge_index = data.edge_index_dict["paper", "cites", "paper"]
        parts = {part: nodes["paper"] for part, nodes in parts.items()}
    if name in ("ogbn-mag", ARXIV):
        edge_index = to_undirected(edge_index)
    if name == "ogbn-proteins":
        x = scatter(data.edge_attr, edge_index[1], 0, graph.num_nodes, "mean")
    torch.testing.assert_close(graph.dense_x(), x, rtol=1e-5, atol=1e-6)
    assert torch.equal(graph.y.reshape(y.shape), y.to(graph.y.dtype))
    assert torch.equal(graph.edge_index, coalesce(edge_index))
    for mask, part in zip(graph.splits[0], PARTS, strict=True):
        assert torch.equal(mask.nonzero().flatten(), parts[part].sort().values)


@pytest.mark.parametrize("name", ["ogbn-products", "ogbn-proteins"])
def test_archives_hold_the_same_graph_as_tables(
    name: str,
    place: Callable[[str], Written],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    assert_same_graph: Same,
) -> None:
    written = place(name)
    tables = load_graph(name, data_root=tmp_path / "root")
    folder = write_archives(tmp_path / "archives", name, written)
    assert {path.suffix for path in folder.rglob("*.*")} == {".npz", ".pt", ".txt"}
    assert_same_graph(tables, load_graph(name, data_root=tmp_path / "archives"))


@pytest.mark.real_data
def test_cora_in_ogbs_layout_is_cora(
    real_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_same_graph: Same
) -> None:
    cora = load_graph("cora", split="random", data_root=real_root)
    source, target = cora.edge_index.numpy()
    parts = [mask.nonzero().flatten().numpy() for mask in cora.splits[0]]
    written = Written(
        np.stack([source, target])[:, source <= target],
        cora.dense_x().numpy(),
        None,
        cora.y.numpy()[:, None],
        (parts[0], parts[1], parts[2]),
    )
    write_set(tmp_path, ARXIV, written)
    expect_sizes_of(written, ARXIV, monkeypatch)
    graph = load_graph(ARXIV, data_root=tmp_path)
    assert len(cora.splits) == 10
    assert_same_graph(graph, Graph(**{**vars(cora), "splits": cora.splits[:1]}))
    data, _ = read_by_ogb(tmp_path, ARXIV)
    assert torch.equal(graph.dense_x(), data.x)
    assert torch.equal(graph.edge_index, to_undirected(data.edge_index))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_unread_is_what_ogb_publishes(name: str) -> None:
    info, about = DATASETS[name], published(name)
    tasks, classes = int(about["num tasks"]), int(about["num classes"])
    assert info.num_classes == (classes if tasks == 1 else tasks)
    assert info.splits == (about["split"],)
    assert info.raw_files(about["split"])[0] == f"{info.folder}/RELEASE_v{about['version']}.txt"
    assert about["binary"] == "False"
    assert about["url"].endswith(f"/{about['download_name']}.zip")
    assert about["eval metric"] == ("acc" if tasks == 1 else "rocauc")


# Prepared once, from roots that are only read


def test_the_prepared_file_gives_the_same_graph_and_is_used(
    arxiv: Path, monkeypatch: pytest.MonkeyPatch, assert_same_graph: Same
) -> None:
    first = load_graph(ARXIV, data_root=arxiv.parent)
    (prepared,) = (cache_folder() / "prepared").iterdir()
    assert [path for path in cache_folder().rglob("*") if path.is_file()] == [prepared]

    def unused(*arguments: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr(ogb_sets, "read_ogb_arrays", unused)
        assert_same_graph(first, load_graph(ARXIV, data_root=arxiv.parent))
    prepared.write_bytes(prepared.read_bytes()[:1000])
    assert_same_graph(first, load_graph(ARXIV, data_root=arxiv.parent))


@pytest.mark.parametrize("name", NAMES)
def test_a_read_only_root_is_left_as_it_was_and_nothing_is_said(
    name: str,
    place: Callable[[str], Written],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place(name)
    root = tmp_path / "root"
    processed = root / DATASETS[name].folder / "processed"
    (processed / "geometric_data_processed.pt").write_bytes(b"never read")
    before = _contents(root)
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        load_graph(name, data_root=root)
        load_graph(name, data_root=root)
    finally:
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert _contents(root) == before
    assert capsys.readouterr() == ("", "")


def test_a_folder_that_older_ogb_wrote(arxiv: Path, assert_same_graph: Same) -> None:
    first = load_graph(ARXIV, data_root=arxiv.parent)
    arxiv.rename(arxiv.with_name("ogbn_arxiv_pyg"))
    assert_same_graph(first, load_graph(ARXIV, data_root=arxiv.parent))


# Missing, truncated, wrong


@pytest.mark.parametrize(
    ("name", "file"),
    [(name, file) for name in NAMES for file in DATASETS[name].raw_files(DATASETS[name].splits[0])],
)
def test_a_missing_file_is_named(
    name: str, file: str, place: Callable[[str], Written], tmp_path: Path
) -> None:
    place(name)
    (tmp_path / "root" / file).unlink()
    assert refusal_of_set(tmp_path / "root", name) == (
        f"{tmp_path / 'root'}: the data set '{name}' is incomplete: {file} is not there; add what"
        " is missing or remove the folder."
    )


TABLES = [file for file in DATASETS[ARXIV].raw_files("time") if file.endswith(".gz")]


@pytest.mark.parametrize("file", TABLES)
def test_a_file_that_is_cut_off_is_named(file: str, arxiv: Path) -> None:
    path = arxiv.parent / file
    path.write_bytes(path.read_bytes()[:-9])
    refusal = refusal_of_set(arxiv.parent)
    assert refusal.startswith(f"{path}: the table cannot be read and may be truncated (Compressed")
    assert refusal.endswith("; copy or download it again.")


@pytest.mark.parametrize("table", ["edge", "node-feat", "node-label"])
def test_a_table_that_lacks_a_row_is_named(table: str, arxiv: Path) -> None:
    path = arxiv / "raw" / f"{table}.csv.gz"
    rows = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(rows[:-1]).rstrip()))
    counted = "num-edge-list" if table == "edge" else "num-node-list"
    assert refusal_of_set(arxiv.parent) == (
        f"{path}: {len(rows) - 1} rows found, but {counted}.csv.gz says {len(rows)}; the file may"
        " be truncated: copy or download it again."
    )


@pytest.mark.parametrize("content", [b"", b"60\n60\n", b"sixty\n", b"60,60\n"])
def test_a_list_of_anything_but_one_number_is_named(content: bytes, arxiv: Path) -> None:
    path = arxiv / "raw" / "num-node-list.csv.gz"
    path.write_bytes(gzip.compress(content))
    assert refusal_of_set(arxiv.parent).startswith(f"{path}: the table cannot be read")


@pytest.mark.parametrize(("table", "cell"), [("edge", "one"), ("node-feat", "1,2")])
def test_words_and_ragged_rows_are_refused(table: str, cell: str, arxiv: Path) -> None:
    path = arxiv / "raw" / f"{table}.csv.gz"
    rows = gzip.decompress(path.read_bytes()).decode().splitlines()
    rows[3] = rows[3].replace(",", f",{cell},", 1) if table != "edge" else f"0,{cell}"
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    refusal = refusal_of_set(arxiv.parent)
    assert refusal.startswith(f"{arxiv / 'raw'}: the tables cannot be read as OGB writes them (")


def test_words_among_the_labels_are_refused(arxiv: Path) -> None:
    path = arxiv / "raw" / "node-label.csv.gz"
    write_table(path, [["cs.LG"]] * 60)
    assert refusal_of_set(arxiv.parent).startswith(f"{path}: the table cannot be read")


def test_an_edge_to_a_node_that_is_not_there(arxiv: Path) -> None:
    write_table(arxiv / "raw" / "edge.csv.gz", [[0, 60]] * 150)
    with pytest.raises(DataError, match="ogbn-arxiv: `edge_index` names node 60, but there"):
        load_graph(ARXIV, data_root=arxiv.parent)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (range(14), "but name 59, 59 of the nodes among them; a file may be truncated"),
        ([], "but name 45, 45 of the nodes among them"),
        (range(45, 61), "but name 61, "),
    ],
)
def test_a_split_of_other_nodes_is_refused(nodes: Any, words: str, arxiv: Path) -> None:
    write_table(arxiv / "split" / "time" / "train.csv.gz", np.arange(15, 60)[:, None])
    write_table(arxiv / "split" / "time" / "valid.csv.gz", np.zeros((0, 1), dtype=int))
    write_table(arxiv / "split" / "time" / "test.csv.gz", np.array(list(nodes), dtype=int)[:, None])
    refusal = refusal_of_set(arxiv.parent)
    assert refusal.startswith(
        f"{arxiv / 'split' / 'time'}: the parts of the split 'time' must name each of 60 nodes once"
    )
    assert words in refusal


def test_a_graph_of_other_sizes_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path, ARXIV, made_up(ARXIV))
    assert refusal_of_set(tmp_path) == (
        f"{folder}: these files are not 'ogbn-arxiv': 169343 nodes, 128 features and 40 classes"
        " were expected, but 60, 5 and 4 found; copy or download them again."
    )


def test_another_release_is_refused(place: Callable[[str], Written], tmp_path: Path) -> None:
    place("ogbn-mag")
    release = tmp_path / "root" / "ogbn_mag" / "RELEASE_v2.txt"
    release.rename(release.with_name("RELEASE_v1.txt"))
    refusal = refusal_of_set(tmp_path / "root", "ogbn-mag")
    assert "incomplete: ogbn_mag/RELEASE_v2.txt is not" in refusal
