from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from graphdam.data.csr import CSRMatrix
from graphdam.data.graph import Graph, Split, Task
from graphdam.data.held_out import HeldOut, HeldOutLinks
from graphdam.errors import DataError


@pytest.fixture
def graph() -> Graph:
    part = torch.tensor([0, 0, 1, 2])
    splits = tuple(
        Split(*(part.roll(shift) == number for number in range(3))) for shift in range(3)
    )
    return Graph(
        name="four",
        x=torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [3.0, 4.0]]),
        edge_index=torch.tensor([[0, 1, 2], [1, 0, 3]]),
        edge_weight=torch.tensor([0.5, 0.5, 1.0]),
        y=torch.tensor([0, 1, 0, 1]),
        num_classes=2,
        task="multiclass",
        split_name="own",
        splits=splits,
    )


def test_counts(graph: Graph) -> None:
    assert (graph.num_nodes, graph.num_features, graph.num_edges) == (4, 2, 3)
    sparse = replace(graph, x=CSRMatrix.from_dense(graph.dense_x()))
    assert (graph.num_feature_entries, sparse.num_feature_entries) == (8, 4)
    assert (sparse.num_nodes, sparse.num_features) == (4, 2)
    assert torch.equal(sparse.dense_x(), graph.dense_x())


def test_classes_are_numbered_as_another_graphs_are(graph: Graph) -> None:
    named = replace(graph, class_names=("b", "d"), y=torch.tensor([0, 1, -1, 1]))
    moved = named.with_classes(("a", "b", "c", "d"))
    assert moved.y.tolist() == [1, 3, -1, 3]
    assert (moved.num_classes, moved.class_names) == (4, ("a", "b", "c", "d"))
    assert named.with_classes(("b", "d")).y.tolist() == named.y.tolist()
    with pytest.raises(DataError, match="four has the class 'd', and the model tells a, b: leave"):
        named.with_classes(("a", "b"))


def test_nodes_are_found_by_name_or_by_number(graph: Graph) -> None:
    assert graph.rows_of(["3", "0", "3"]).tolist() == [3, 0, 3]
    assert replace(graph, node_ids=tuple("wxyz")).rows_of(["z", "w"]).tolist() == [3, 0]
    assert graph.rows_of([]).tolist() == []
    with pytest.raises(DataError, match="four has no node '4': its nodes are numbered 0 to 3"):
        graph.rows_of(["0", "4"])
    with pytest.raises(DataError, match="no node '0': its nodes are called w, x, y, …"):
        replace(graph, node_ids=tuple("wxyz")).rows_of(["0"])


def test_features_are_scaled_whatever_holds_them(graph: Graph) -> None:
    # squares 1 + 4 + 0 + 25 over four nodes
    assert graph.feature_norm == pytest.approx(7.5**0.5)
    sparse = replace(graph, x=CSRMatrix.from_dense(graph.dense_x()))
    assert sparse.feature_norm == pytest.approx(7.5**0.5)
    for each in (graph, sparse):
        scaled = each.with_scaled_features(3.0)
        assert torch.equal(scaled.dense_x(), 3 * graph.dense_x())
        assert scaled.feature_norm == pytest.approx(3 * 7.5**0.5)


@pytest.mark.parametrize(
    ("task", "outputs", "metric"),
    [("multiclass", 2, "accuracy"), ("binary", 1, "roc_auc"), ("multilabel", 2, "roc_auc")],
)
def test_task_decides_outputs_and_score(
    graph: Graph, task: Task, outputs: int, metric: str
) -> None:
    graph = replace(graph, task=task)
    assert (graph.out_channels, graph.metric) == (outputs, metric)


def test_splits_are_taken_in_turn(graph: Graph) -> None:
    assert graph.mask("train").tolist() == [True, True, False, False]
    assert graph.at_split(4).mask("train").tolist() == [False, True, True, False]
    assert graph.at_split(4).split_index == 1
    assert graph.split_index == 0


def test_everything_moves(graph: Graph) -> None:
    moved = replace(graph, x=CSRMatrix.from_dense(graph.dense_x())).to("meta")
    assert moved.x.device.type == moved.edge_index.device.type == moved.y.device.type == "meta"
    assert moved.edge_weight is not None
    assert moved.edge_weight.device.type == "meta"
    assert all(mask.device.type == "meta" for split in moved.splits for mask in split)
    assert graph.to("cpu").num_edges == graph.num_edges
    assert replace(graph, edge_weight=None).to("meta").edge_weight is None
    pairs = HeldOut(graph.edge_index, graph.edge_index.flip(0))
    held_out = replace(graph, links=HeldOutLinks(pairs, pairs)).to("meta").links
    assert held_out is not None
    assert all(each.device.type == "meta" for part in held_out for each in part)
