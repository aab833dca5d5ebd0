"""Sets of graphs: put together as PyG does it, split by class, refused where they do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_graphs import tiny_graphs
from torch_geometric.data import Batch, Data

from graphdam.data import GraphSet
from graphdam.errors import DataError

GRAPHS = tiny_graphs(attributes=True)


@pytest.mark.parametrize("index", [[0], [59, 3, 17], list(range(60))], ids=["one", "some", "all"])
def test_what_is_taken_is_what_pyg_makes_of_these_graphs(index: list[int]) -> None:
    taken = GraphSet.of(GRAPHS).take(torch.tensor(index))
    expected: Any = Batch.from_data_list([GRAPHS[i] for i in index])
    assert torch.equal(taken.x, expected.x)
    assert torch.equal(taken.edge_index, expected.edge_index)
    assert torch.equal(taken.batch, expected.batch)
    assert torch.equal(taken.further["edge_attr"], expected.edge_attr)
    assert torch.equal(taken.further["edge_weight"], expected.edge_weight)


def test_graphs_without_edges_are_graphs() -> None:
    lonely = Data(x=torch.ones(2, 4), edge_index=torch.zeros(2, 0, dtype=torch.long), y=0)
    first, second, *others = tiny_graphs()
    taken = GraphSet.of([lonely, first, second, *others]).take(torch.tensor([2, 0, 1]))
    moved = first.edge_index + second.num_nodes + 2
    assert torch.equal(taken.edge_index, torch.cat([second.edge_index, moved], dim=1))


def test_a_tenth_of_every_class_is_chosen_on_and_a_tenth_tested_on() -> None:
    graphs = GraphSet.of(GRAPHS, seed=1)
    parts = [graphs.indices(part) for part in ("train", "val", "test")]
    assert [graphs.y[part].bincount().tolist() for part in parts] == [[16] * 3, [2] * 3, [2] * 3]
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(60))
    assert torch.equal(parts[2], GraphSet.of(GRAPHS, seed=1).test)
    assert not torch.equal(parts[2], GraphSet.of(GRAPHS, seed=2).test)


def test_a_split_that_is_given_is_kept() -> None:
    graphs = GraphSet.of(GRAPHS, split=([5, 4, 3], [0], [7, 8]))
    assert [graphs.indices(part).tolist() for part in ("train", "val", "test")] == [
        [5, 4, 3],
        [0],
        [7, 8],
    ]


def _told(*targets: Any) -> list[Data]:
    """Graphs with these targets in turn."""
    graphs = tiny_graphs()
    for index, graph in enumerate(graphs):
        graph.y = targets[index % len(targets)]
    return graphs


def test_yes_and_no_and_numbers_are_told_as_they_are() -> None:
    nan = torch.nan
    asked = GraphSet.of(_told([1, 0], torch.tensor([[nan, 1.0]])), task="multilabel")
    assert asked.y[:2].nan_to_num(9).tolist() == [[1, 0], [9, 1]]
    assert (asked.out_channels, asked.num_classes, asked.num_graphs) == (2, 0, 60)
    alone = GraphSet.of(_told(0, 1), task="multilabel")  # one question has one output
    assert (alone.y.shape, alone.out_channels) == ((60, 1), 1)
    numbers = GraphSet.of(_told(-1, 2.5, torch.tensor([3])), task="regression")
    assert numbers.y[:3].tolist() == [[-1], [2.5], [3]]
    for graphs in (asked, numbers):
        sizes = [graphs.indices(part).numel() for part in ("train", "val", "test")]
        assert sizes == [48, 6, 6]
        assert graphs.y.dtype == torch.float32


def test_whole_numbers_stay_where_a_model_looks_them_up() -> None:
    graphs = tiny_graphs(attributes=True)
    for graph in graphs:
        graph.x = torch.arange(graph.num_nodes)[:, None]
        graph.edge_attr = torch.ones(graph.num_edges, 2, dtype=torch.uint8)
    read, kept = GraphSet.of(graphs), GraphSet.of(graphs, categorical=True)
    assert (read.x.dtype, read.further["edge_attr"].dtype) == (torch.float32, torch.float32)
    assert (kept.x.dtype, kept.further["edge_attr"].dtype) == (torch.int64, torch.int64)
    assert kept.further["edge_weight"].dtype == torch.float32
    assert torch.equal(read.x, kept.x.float())


def _changed(**values: Any) -> list[Data]:
    graphs = tiny_graphs(attributes=True)
    for name, value in values.items():
        graphs[7][name] = value
    return graphs


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (lambda: GraphSet.of([], name="mine"), "mine has no graphs: a list of PyG Data"),
    "no features": (lambda: GraphSet.of(_changed(x=None)), "Graph 7 of graphs needs .* none"),
    "no node": (lambda: GraphSet.of(_changed(x=torch.ones(0, 4))), r"Graph 7 .* shape \[0, 4\]"),
    "not finite": (
        lambda: GraphSet.of(_changed(x=torch.full((5, 4), torch.nan))),
        "Graph 7 .* finite features",
    ),
    "no edges": (lambda: GraphSet.of(_changed(edge_index=None)), "Graph 7 .* needs an edge_index"),
    "an edge too far": (
        lambda: GraphSet.of(_changed(edge_index=torch.tensor([[0, 9], [9, 0]]))),
        "has 5 nodes, and an edge between nodes 0 and 9",
    ),
    "no class": (lambda: GraphSet.of(_changed(y=None)), "Graph 7 .* one class y.* received y=None"),
    "no such task": (
        lambda: GraphSet.of(GRAPHS, task="regresion"),  # type: ignore[arg-type]
        "Unknown task 'regresion': did you mean 'regression'",
    ),
    "half a yes": (
        lambda: GraphSet.of(_told([0, 1], [0.5, 1]), task="multilabel"),
        r"Graph 1 of graphs needs y of 0, 1 or NaN .*y=\[0\.5, 1\.0\]; .*'multiclass' or 'regr",
    ),
    "an infinite number": (
        lambda: GraphSet.of(_told(torch.inf), task="regression"),
        r"Graph 0 of graphs needs y of finite numbers or NaN",
    ),
    "more targets": (
        lambda: GraphSet.of(_told([0.0], [0.0, 1.0]), task="regression"),
        "have 1 to 2 targets y",
    ),
    "a target that nobody knows": (
        lambda: GraphSet.of(_told([0.0, torch.nan]), task="regression"),
        "Target 1 of graphs is known of none of the 48 graphs",
    ),
    "nothing to test on": (
        lambda: GraphSet.of(
            _told(1.0, torch.nan), task="multilabel", split=([0, 2], [4], [1, 3, 5])
        ),
        "No target of graphs is known of any of the 3 graphs to test on",
    ),
    "few numbers": (
        lambda: GraphSet.of(_told(0.5)[:2], task="regression", name="mine"),
        "mine has 2 graphs, and a split takes 3",
    ),
    "several classes": (
        lambda: GraphSet.of(_changed(y=torch.tensor([0, 1]))),
        r"received y=\[0, 1\]",
    ),
    "half a class": (lambda: GraphSet.of(_changed(y=0.5)), r"received y=\[0\.5\]"),
    "another width": (
        lambda: GraphSet.of(_changed(x=torch.ones(5, 3))),
        "have 3 to 4 features a node",
    ),
    "some attributes": (lambda: GraphSet.of(_changed(edge_attr=None)), "59 of 60 graphs .* have e"),
    "a rare class": (
        lambda: GraphSet.of(_changed(y=3)),
        r"Class 3 of graphs has 1 graphs, .* split=\(train, val, test\)",
    ),
    "an empty part": (
        lambda: GraphSet.of(GRAPHS, split=([0], [], [1])),
        r"none of them empty; received \[1, 0, 1\] graphs",
    ),
    "two parts": (lambda: GraphSet.of(GRAPHS, split=([0], [1])), "three sequences of graphs"),
    "parts that overlap": (
        lambda: GraphSet.of(GRAPHS, split=([0, 1], [1], [2])),
        "once at most; received 4 indices from 0 to 2, 3 of them different",
    ),
    "no such graph": (lambda: GraphSet.of(GRAPHS, split=([0], [1], [60])), "graphs 0 … 59 once"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_learnt_from_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()
