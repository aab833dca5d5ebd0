"""Are the graph and the held-out pairs those of OGB's files, and what is no such file refused?"""

from __future__ import annotations

import gzip
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ogb_files import PARTS, refusal_of_set, write_table
from ogb_link_files import (
    WrittenLinks,
    expect_link_sizes_of,
    links_read_by_ogb,
    made_up_links,
    save_as_numpy_1,
    saved_part,
    write_link_set,
)
from torch_geometric.nn import GCNConv

from graphdam.data import ogb_sets
from graphdam.data.graph import Graph
from graphdam.data.load import load_graph
from graphdam.data.ogb_links import merged_links
from graphdam.data.ogb_sets import published
from graphdam.data.registry import DATASETS
from graphdam.data.sources import cache_folder
from graphdam.errors import DataError
from graphdam.evaluation.ogb import hits_at

NAMES = [name for name, info in DATASETS.items() if info.links]
COLLAB = "ogbl-collab"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], WrittenLinks]:
    """Writes a set under tmp_path/root."""

    def write(name: str) -> WrittenLinks:
        written = made_up_links()
        write_link_set(tmp_path / "root", name, written)
        expect_link_sizes_of(written, name, monkeypatch)
        return written

    return write


@pytest.fixture
def collab(place: Callable[[str], WrittenLinks], tmp_path: Path) -> Path:
    place(COLLAB)
    return tmp_path / "root" / "ogbl_collab"


def assert_same(one: Graph, other: Graph) -> None:
    assert one.links is not None
    assert other.links is not None
    for mine, theirs in zip(one.links, other.links, strict=True):
        assert all(map(torch.equal, mine, theirs))
    assert torch.equal(one.dense_x(), other.dense_x())
    assert torch.equal(one.edge_index, other.edge_index)
    assert one.edge_weight is not None
    assert other.edge_weight is not None
    assert torch.equal(one.edge_weight, other.edge_weight)


def _refusal(root: Path, name: str = COLLAB) -> str:
    return refusal_of_set(root, name)


# Equal to what was written, and to what OGB reads


@pytest.mark.parametrize("name", NAMES)
def test_links_are_those_written_once_with_the_sum_of_their_weights(
    name: str, place: Callable[[str], WrittenLinks], tmp_path: Path
) -> None:
    written = place(name)
    graph = load_graph(name, data_root=tmp_path / "root")
    weights: Counter[tuple[int, int]] = Counter()
    given = written.weight["train"] if name == COLLAB else np.ones(300, dtype=int)
    for (u, v), weight in zip(written.edges["train"].tolist(), given.tolist(), strict=True):
        weights[u, v] += weight
        weights[v, u] += weight
    assert len(weights) < 600
    assert graph.edge_weight is not None
    edges = [tuple(edge) for edge in graph.edge_index.t().tolist()]
    assert dict(zip(edges, graph.edge_weight.tolist(), strict=True)) == weights
    assert graph.links is not None
    for part, held_out in zip(PARTS[1:], graph.links, strict=True):
        assert held_out.pos_edges.t().tolist() == written.edges[part].tolist()
        assert held_out.neg_edges.t().tolist() == written.others[part].tolist()
    assert np.array_equal(graph.dense_x().numpy(), written.node_feat)
    assert (graph.task, graph.num_classes, graph.splits) == ("links", 0, ())
    assert graph.y.tolist() == [-1] * 90
    assert (graph.evaluator, graph.split_name) == (name, DATASETS[name].default_split)
    assert graph.at_split(3).links is graph.links


@pytest.mark.parametrize("name", NAMES)
def test_ogb_reads_the_same(
    name: str, place: Callable[[str], WrittenLinks], tmp_path: Path
) -> None:
    place(name)
    graph = load_graph(name, data_root=tmp_path / "root")
    shutil.copytree(tmp_path / "root", tmp_path / "copy")
    data, split = links_read_by_ogb(tmp_path / "copy", name)
    assert torch.equal(graph.dense_x(), data.x)
    assert {*map(tuple, graph.edge_index.t().tolist())} == {
        *map(tuple, data.edge_index.t().tolist())
    }
    assert graph.links is not None
    for part, held_out in zip(PARTS[1:], graph.links, strict=True):
        assert torch.equal(held_out.pos_edges, split[part]["edge"].t())
        assert torch.equal(held_out.neg_edges, split[part]["edge_neg"].t())


def test_to_a_gcn_the_merged_links_are_the_links_of_all_years(collab: Path, tmp_path: Path) -> None:
    graph = load_graph(COLLAB, data_root=collab.parent)
    shutil.copytree(collab.parent, tmp_path / "copy")
    data, _ = links_read_by_ogb(tmp_path / "copy", COLLAB)
    assert data.num_edges > graph.num_edges
    layer = GCNConv(6, 4)
    ours = layer(graph.x, graph.edge_index, graph.edge_weight)
    theirs = layer(data.x, data.edge_index, data.edge_weight.flatten().float())
    torch.testing.assert_close(ours, theirs)


@pytest.mark.real_data
def test_cora_in_ogbs_layout_is_cora(
    real_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cora = load_graph("cora", data_root=real_root)
    links = cora.edge_index[:, cora.edge_index[0] < cora.edge_index[1]].t().numpy()
    others = made_up_links(num_nodes=2708).others
    size = {"train": len(links), "valid": 100, "test": 100}
    written = WrittenLinks(
        cora.dense_x().numpy(),
        {"train": links, "valid": links[:100], "test": links[100:200]},
        others,
        {part: np.ones(each, dtype=int) for part, each in size.items()},
        {part: np.full(each, 2000) for part, each in size.items()},
    )
    write_link_set(tmp_path, COLLAB, written)
    expect_link_sizes_of(written, COLLAB, monkeypatch)
    graph = load_graph(COLLAB, data_root=tmp_path)
    assert torch.equal(graph.edge_index, cora.edge_index)
    assert graph.edge_weight is None  # all are 1
    torch.testing.assert_close(graph.dense_x(), cora.dense_x())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_unread_is_what_ogb_publishes(name: str) -> None:
    info, about = DATASETS[name], published(name)
    assert info.splits == (about["split"],)
    assert info.raw_files(about["split"])[0] == f"{info.folder}/RELEASE_v{about['version']}.txt"
    weighted = "edge_weight" in about["additional edge files"]
    assert weighted == (f"{info.folder}/raw/edge_weight.csv.gz" in info.raw_files(about["split"]))
    assert (about["add_inverse_edge"], about["has_node_attr"]) == ("True", "True")
    assert (about["is hetero"], about["binary"]) == ("False", "False")
    assert about["url"].endswith(f"/{about['download_name']}.zip")
    assert about["eval metric"] == f"hits@{hits_at(name)}"


def test_merging_keeps_pairs_that_no_graph_has_for_a_later_complaint() -> None:
    pairs, weight = merged_links(np.array([[-2, 7], [7, -2]]), np.array([1.0, 2.0]))
    assert (pairs.tolist(), weight.tolist()) == ([[-2], [7]], [3.0])
    assert merged_links(np.zeros((2, 0), dtype=int), np.zeros(0))[0].shape == (2, 0)


# Prepared once, from roots that are only read; other forms


def test_the_prepared_file_gives_the_same_graph_and_is_used(
    collab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_graph(COLLAB, data_root=collab.parent)
    (prepared,) = (cache_folder() / "prepared").iterdir()

    def unused(*arguments: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr(ogb_sets, "read_ogb_arrays", unused)
        assert_same(first, load_graph(COLLAB, data_root=collab.parent))
    with np.load(prepared) as archive:
        rest = {key: archive[key] for key in archive.files if key != "val_neg"}
    np.savez(prepared, **rest)
    assert_same(first, load_graph(COLLAB, data_root=collab.parent))


@pytest.mark.parametrize("name", NAMES)
def test_a_read_only_root_is_left_as_it_was_and_nothing_is_said(
    name: str,
    place: Callable[[str], WrittenLinks],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place(name)
    root = tmp_path / "root"
    files = [path for path in root.rglob("*") if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert_same(load_graph(name, data_root=root), load_graph(name, data_root=root))
    finally:
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert [path for path in root.rglob("*") if path.is_file()] == files
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files} == before
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("as_tensors", [False, True])
def test_a_split_that_torch_saves_today(
    as_tensors: bool, collab: Path, place: Callable[[str], WrittenLinks]
) -> None:
    first = load_graph(COLLAB, data_root=collab.parent)
    for part in PARTS:
        saved: dict[str, Any] = dict(saved_part(made_up_links(), part))
        if as_tensors:
            saved = {key: torch.from_numpy(array) for key, array in saved.items()}
        torch.save(saved, collab / "split" / "time" / f"{part}.pt")
    assert_same(first, load_graph(COLLAB, data_root=collab.parent))


def test_a_split_in_one_file(collab: Path) -> None:
    first = load_graph(COLLAB, data_root=collab.parent)
    folder = collab / "split" / "time"
    for part in PARTS:
        (folder / f"{part}.pt").unlink()
    whole = {part: saved_part(made_up_links(), part) for part in PARTS}
    torch.save(whole, folder / "split_dict.pt")
    assert_same(first, load_graph(COLLAB, data_root=collab.parent))
    torch.save({"train": whole["train"]}, folder / "split_dict.pt")
    with pytest.raises(DataError, match=r"split_dict.pt: the file cannot be .* \('valid'\); copy"):
        load_graph(COLLAB, data_root=collab.parent)


# Missing, truncated, wrong


@pytest.mark.parametrize(
    ("name", "file"),
    [(name, file) for name in NAMES for file in DATASETS[name].raw_files(DATASETS[name].splits[0])],
)
def test_a_missing_file_is_named(
    name: str, file: str, place: Callable[[str], WrittenLinks], tmp_path: Path
) -> None:
    place(name)
    (tmp_path / "root" / file).unlink()
    assert _refusal(tmp_path / "root", name) == (
        f"{tmp_path / 'root'}: the data set '{name}' is incomplete: {file} is not there; add what"
        " is missing or remove the folder."
    )


@pytest.mark.parametrize(
    "file", [file for file in DATASETS[COLLAB].raw_files("time") if not file.endswith(".txt")]
)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.98])
def test_a_file_that_is_cut_off_is_named(share: float, file: str, collab: Path) -> None:
    path = collab.parent / file
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    refusal = _refusal(collab.parent)
    assert refusal.startswith(f"{path}: ")
    assert refusal.endswith("copy or download it again.")


def test_weights_that_lack_a_row_are_named(collab: Path) -> None:
    path = collab / "raw" / "edge_weight.csv.gz"
    rows = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(rows[:-1])))
    assert _refusal(collab.parent) == (
        f"{path}: 299 rows found, but num-edge-list.csv.gz says 300; the file may be truncated:"
        " copy or download it again."
    )


def test_a_graph_of_other_sizes_is_refused(tmp_path: Path) -> None:
    folder = write_link_set(tmp_path, COLLAB, made_up_links())
    assert _refusal(tmp_path) == (
        f"{folder}: these files are not 'ogbl-collab': 235868 nodes and 128 features were"
        " expected, but 90 and 6 found; copy or download them again."
    )


class _Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("inside", [False, True])
def test_a_pickled_part_is_refused_and_not_run(
    inside: bool, part: str, collab: Path, tmp_path: Path
) -> None:
    path = collab / "split" / "time" / f"{part}.pt"
    runs: Any = _Runs(tmp_path / "ran")
    torch.save({"edge": np.array([runs])} if inside else {"edge": runs}, path)
    assert _refusal(collab.parent) == (
        f"{path}: the file holds pickled Python objects, which are not read because they can run"
        " code; copy or download it again."
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"edge_neg": None},
            "the file cannot be read as a split of OGB ('edge_neg'); copy or",
        ),
        (
            {"edge": np.ones((30, 2))},
            "`edge` must hold pairs of node numbers, [E, 2], but has the type float64 and",
        ),
        ({"edge": np.ones((2, 30), int)}, "`edge` must hold pairs of node numbers, [E, 2]"),
        (
            {"edge": torch.ones((0, 2), dtype=torch.int64)},
            "`edge` must hold pairs of node numbers, [E, 2]",
        ),
        (
            {"edge_neg": np.zeros((49, 2), int)},
            "`edge_neg` holds 49 pairs, but the evaluator counts links above the 50 highest of",
        ),
    ],
)
def test_held_out_pairs_of_another_form(change: dict[str, Any], words: str, collab: Path) -> None:
    path = collab / "split" / "time" / "valid.pt"
    saved = saved_part(made_up_links(), "valid") | change
    save_as_numpy_1({key: value for key, value in saved.items() if value is not None}, path)
    assert _refusal(collab.parent).startswith(f"{path}: {words}")


def test_held_out_pairs_of_other_nodes(collab: Path) -> None:
    saved = saved_part(made_up_links(), "test")
    saved["edge_neg"][7, 1] = 90
    save_as_numpy_1(saved, collab / "split" / "time" / "test.pt")
    with pytest.raises(DataError, match="ogbl-collab: `test_neg_edges` names node 90, but there"):
        load_graph(COLLAB, data_root=collab.parent)


def test_a_graph_whose_edges_are_not_the_training_links_is_refused(collab: Path) -> None:
    """Such as one with the links that are to be predicted."""
    written = made_up_links()
    edges = np.concatenate([written.edges["train"][:-1], [[88, 0]]])
    write_table(collab / "raw" / "edge.csv.gz", edges)
    assert _refusal(collab.parent) == (
        f"{collab / 'split' / 'time' / 'train.pt'}: the training links must be the edges of"
        f" {collab / 'raw' / 'edge.csv.gz'}, but 1 of its pairs are no training links, and 1"
        " of them are none of its pairs; copy or download both again."
    )


# No files: a download without a question, or one sentence


def test_a_refused_connection_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = published(COLLAB) | {"url": "http://127.0.0.1:1/collab.zip"}
    monkeypatch.setattr(ogb_sets, "published", lambda name: about)
    monkeypatch.setenv("GRAPHDAM_OFFLINE", "")
    assert "could not be downloaded (<urlopen error [Errno " in _refusal(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_without_files_the_error_says_where_they_belong(name: str, tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, name)
    info = DATASETS[name]
    assert f"The data set '{name}' was not found under {tmp_path}" in refusal
    assert f"Put its files at {info.folder}/ (RELEASE_v1.txt, raw/edge.csv.gz, " in refusal
    assert f"split/{info.default_split}/train.pt, " in refusal
