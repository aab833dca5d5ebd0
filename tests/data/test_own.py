from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphdam.data.graph import Graph
from graphdam.data.npz_file import write_npz
from graphdam.data.own import graph_from_data, graph_from_file, is_path
from graphdam.data.raw import RawGraph
from graphdam.errors import DataError

WORDS = ["train", "val", "test", ""]


def _split_words(toy: RawGraph) -> list[str]:
    assert toy.masks is not None
    train, val, test = toy.masks
    return [WORDS[i] for i in np.select([train, val, test], [0, 1, 2], 3)]


def _write_csv(toy: RawGraph, folder: Path) -> Path:
    folder.mkdir()
    with (folder / "nodes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["f0", "id", "f1", "label", "f2", "split", "f3"])
        for i, (row, word) in enumerate(zip(toy.x, _split_words(toy), strict=True)):
            label = "" if toy.y[i] < 0 else toy.y[i]
            writer.writerow([row[0], f"node {i}", row[1], label, row[2], word, row[3]])
    with (folder / "edges.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "target", "weight"])
        assert toy.edge_weight is not None
        for (source, target), weight in zip(toy.edge_index.T, toy.edge_weight, strict=True):
            writer.writerow([f"node {target}", f"node {source}", weight])
    return folder


def _write_graphml(toy: RawGraph, path: Path, *, directed: bool = False) -> Path:
    graph = nx.DiGraph() if directed else nx.Graph()
    for i, (row, word) in enumerate(zip(toy.x, _split_words(toy), strict=True)):
        attributes: dict[str, object] = {f"f{j}": float(value) for j, value in enumerate(row)}
        attributes |= {"label": int(toy.y[i])} if toy.y[i] >= 0 else {}
        attributes |= {"split": word} if word else {}
        graph.add_node(f"node {i}", **attributes, remark="words are no feature")
    assert toy.edge_weight is not None
    for (source, target), weight in zip(toy.edge_index.T, toy.edge_weight, strict=True):
        graph.add_edge(f"node {source}", f"node {target}", weight=float(weight))
    nx.write_graphml(graph, path)
    return path


def _data(toy: RawGraph) -> Data:
    assert toy.masks is not None
    assert toy.edge_weight is not None
    index, weight = to_undirected(
        torch.from_numpy(toy.edge_index), torch.from_numpy(toy.edge_weight), num_nodes=12
    )
    train, val, test = map(torch.from_numpy, toy.masks)
    return Data(
        x=torch.from_numpy(toy.x),
        edge_index=index,
        edge_weight=weight,
        y=torch.from_numpy(toy.y),
        train_mask=train,
        val_mask=val,
        test_mask=test,
    )


def test_all_formats_of_one_graph_give_the_same_graph(
    toy: RawGraph, tmp_path: Path, assert_same_graph: Callable[[Graph, Graph], None]
) -> None:
    write_npz(tmp_path / "toy.npz", toy)
    reference = graph_from_file(tmp_path / "toy.npz", directed=False)
    assert reference.num_edges == 22
    assert (reference.name, reference.split_name) == ("toy", "own")
    assert_same_graph(reference, graph_from_file(_write_csv(toy, tmp_path / "toy")))
    assert_same_graph(reference, graph_from_file(_write_graphml(toy, tmp_path / "toy.graphml")))
    assert_same_graph(reference, graph_from_data(_data(toy)))


@pytest.mark.parametrize("labels", ["some", "none", "odd"])
def test_without_labels_all_formats_are_for_a_finished_model(
    toy: RawGraph, tmp_path: Path, labels: str
) -> None:
    """Whatever stands for labels is not read, be it no labels at all."""
    full = graph_from_file(_write_csv(toy, tmp_path / "full"))
    y = {"some": toy.y, "none": np.full(12, -1), "odd": np.full(12, 3)}[labels]
    given = replace(toy, y=y, masks=None)
    archive, words = tmp_path / "g.npz", _write_csv(replace(toy, y=y), tmp_path / "folder")
    write_npz(archive, given)
    graphml = _write_graphml(replace(toy, y=y), tmp_path / "g.graphml")
    data = Data(x=full.dense_x(), edge_index=full.edge_index, edge_weight=full.edge_weight)
    found = [
        graph_from_file(archive, labelled=False, directed=False),
        graph_from_file(words, labelled=False),
        graph_from_file(graphml, labelled=False),
        graph_from_data(data, labelled=False),
    ]
    for graph in found:
        assert torch.equal(graph.dense_x(), full.dense_x())
        assert torch.equal(graph.edge_index, full.edge_index)
        assert (graph.y == -1).all()
        assert (graph.num_classes, graph.splits, graph.split_name) == (0, (), "no")
    names = tuple(f"node {i}" for i in range(12))
    assert [graph.node_ids for graph in found] == [None, names, names, None]


def test_directed_edges_are_kept_on_request(
    toy: RawGraph, tmp_path: Path, adjacency: Callable[[Graph], Tensor]
) -> None:
    write_npz(tmp_path / "toy.npz", toy)
    given = adjacency(graph_from_file(tmp_path / "toy.npz"))
    both = adjacency(graph_from_file(tmp_path / "toy.npz", directed=False))
    assert torch.equal(both, given + given.T)
    folder = _write_csv(toy, tmp_path / "toy")
    assert torch.equal(adjacency(graph_from_file(folder, directed=True)), given.T)
    path = _write_graphml(toy, tmp_path / "toy.graphml", directed=True)
    assert torch.equal(adjacency(graph_from_file(path)), given)


def test_without_masks_a_seeded_split_is_drawn(toy: RawGraph, tmp_path: Path) -> None:
    write_npz(tmp_path / "toy.npz", replace(toy, masks=None))
    graph = graph_from_file(tmp_path / "toy.npz")
    assert graph.split_name == "seeded"
    assert [int(mask.sum()) for mask in graph.splits[0]] == [3, 2, 6]
    assert len(graph_from_file(tmp_path / "toy.npz", split="random").splits) == 10
    with pytest.raises(
        DataError, match=r"Unknown split for .*toy.npz 'own'\. Known: random, seeded"
    ):
        graph_from_file(tmp_path / "toy.npz", split="own")


def test_own_masks_give_way_to_a_drawn_split(toy: RawGraph, tmp_path: Path) -> None:
    write_npz(tmp_path / "toy.npz", toy)
    drawn = graph_from_file(tmp_path / "toy.npz", split="seeded")
    write_npz(tmp_path / "bare.npz", replace(toy, masks=None))
    expected = graph_from_file(tmp_path / "bare.npz").splits[0]
    assert all(map(torch.equal, drawn.splits[0], expected))


def test_multilabel_and_single_column_labels(toy: RawGraph, tmp_path: Path) -> None:
    labels = np.eye(3, dtype=np.int64)[np.arange(12) % 3]
    write_npz(tmp_path / "many.npz", replace(toy, y=labels))
    graph = graph_from_file(tmp_path / "many.npz")
    assert (graph.task, graph.num_classes, graph.metric) == ("multilabel", 3, "roc_auc")
    assert graph.y.dtype == torch.float32
    assert graph.y.tolist() == labels.tolist()
    write_npz(tmp_path / "column.npz", replace(toy, y=toy.y[:, None]))
    assert graph_from_file(tmp_path / "column.npz").y.tolist() == toy.y.tolist()


def test_several_masks_become_several_splits(toy: RawGraph, tmp_path: Path) -> None:
    assert toy.masks is not None
    train, val, test = toy.masks
    masks = np.stack([train, test], 1), np.stack([val, train], 1), np.stack([test, val], 1)
    write_npz(tmp_path / "toy.npz", replace(toy, masks=masks))
    graph = graph_from_file(tmp_path / "toy.npz")
    assert len(graph.splits) == 2
    assert graph.at_split(1).mask("train").tolist() == test.tolist()


def test_another_ending_or_no_file(tmp_path: Path) -> None:
    (tmp_path / "graph.json").write_text("{}")
    with pytest.raises(
        DataError, match=r"ends in '.json'; accepted are .npz, .graphml, or a folder"
    ):
        graph_from_file(tmp_path / "graph.json")
    with pytest.raises(
        DataError, match=r"none.npz: no such file or folder; a graph of your own is"
    ):
        graph_from_file(tmp_path / "none.npz")


def test_what_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_path("citeser")
    assert not is_path("")
    (tmp_path / "citeser").mkdir()
    assert is_path("citeser")
    assert is_path("some.npz")
    assert is_path("some/graph")
