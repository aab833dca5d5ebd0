from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from graphdam.data.own import graph_from_file
from graphdam.errors import DataError


def _path_graph(**first: Any) -> nx.Graph:
    graph = nx.path_graph(8)
    for node in graph:
        graph.nodes[node].update(
            degree=graph.degree[node], even=node % 2 == 0, label="ab"[node % 2]
        )
    graph.nodes[0].update(first)
    return graph


def _write(graph: nx.Graph, folder: Path) -> Path:
    nx.write_graphml(graph, folder / "g.graphml")
    return folder / "g.graphml"


def test_a_case_by_hand(tmp_path: Path) -> None:
    graph = graph_from_file(_write(_path_graph(), tmp_path))
    assert graph.y.tolist() == [0, 1] * 4
    assert graph.dense_x()[:3].tolist() == [[1, 1], [2, 0], [2, 1]]
    assert graph.num_edges == 14


def test_edges_without_weight_weigh_one(tmp_path: Path) -> None:
    graph = _path_graph()
    graph.edges[0, 1]["weight"] = 3.0
    weight = graph_from_file(_write(graph, tmp_path)).edge_weight
    assert weight is not None
    assert weight.tolist() == [3.0, 3.0] + [1.0] * 12


def test_numbered_labels_may_be_floats(tmp_path: Path) -> None:
    graph = _path_graph()
    for node in graph:
        graph.nodes[node]["label"] = float(node % 3)
    del graph.nodes[7]["label"]
    assert graph_from_file(_write(graph, tmp_path)).y.tolist() == [0, 1, 2, 0, 1, 2, 0, -1]


def test_a_node_without_a_feature_is_named(tmp_path: Path) -> None:
    graph = _path_graph()
    del graph.nodes[5]["degree"]
    with pytest.raises(DataError, match="node '5' has no number for the feature `degree`, which"):
        graph_from_file(_write(graph, tmp_path))


def test_no_features_or_labels_at_all(tmp_path: Path) -> None:
    graph = nx.path_graph(3)
    with pytest.raises(DataError, match="no node has the attribute `label`, which holds its class"):
        graph_from_file(_write(graph, tmp_path))
    nx.set_node_attributes(graph, "a", "label")
    with pytest.raises(DataError, match="no numeric attributes were found beside `label`"):
        graph_from_file(_write(graph, tmp_path))


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="may be train, val, test or empty, but 'dev' was found"):
        graph_from_file(_write(_path_graph(split="dev"), tmp_path))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = _write(_path_graph(), tmp_path)
    text = path.read_text()
    path.write_text(text[: int(share * len(text))])
    with pytest.raises(
        DataError, match=r"g.graphml: the file cannot be read as GraphML and may be"
    ):
        graph_from_file(path)
