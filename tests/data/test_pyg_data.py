from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.data import Data, HeteroData

from graphdam.data.graph import Graph
from graphdam.data.load import load_graph
from graphdam.data.own import graph_from_data
from graphdam.errors import DataError


def _data(**changed: Any) -> Data:
    ring = torch.arange(9)
    attributes: dict[str, Any] = {
        "x": (torch.arange(36).reshape(9, 4) % 5).float(),
        "edge_index": torch.stack([ring, (ring + 1) % 9]),
        "y": ring % 3,
    }
    return Data(**{**attributes, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: {"x": data.x.to_sparse()},
        lambda data: {"x": data.x.half()},
        lambda data: {"x": data.x.clone().requires_grad_()},
        lambda data: {"edge_index": EdgeIndex(data.edge_index, sparse_size=(9, 9))},
        lambda data: {"edge_weight": torch.ones(9)},
        lambda data: {"y": data.y[:, None]},
    ],
)
def test_the_same_graph_in_other_tensors(
    changed: Callable[[Data], dict[str, Any]],
    assert_same_graph: Callable[[Graph, Graph], None],
) -> None:
    reference = graph_from_data(_data(), name="ring")
    assert reference.name == "ring"
    assert_same_graph(reference, load_graph(_data(**changed(_data()))))


def test_the_data_is_left_alone() -> None:
    data = _data()
    before = {key: value.clone() for key, value in data.to_dict().items()}
    graph = load_graph(data)
    graph.dense_x().zero_()
    graph.edge_index.zero_()
    graph.y.zero_()
    assert all(torch.equal(data[key], value) for key, value in before.items())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"x": None},
            "Data 'graph': missing `x`; it holds `edge_index`, `y`, and `x`, `edge_index`",
        ),
        (
            {"train_mask": torch.ones(9)},
            "missing `val_mask`, `test_mask` beside `train_mask`; give",
        ),
        ({"y": [0] * 9}, "`y` must be a tensor, but is a list; convert it"),
        ({"y": torch.zeros(9)}, "Data 'graph': 1 class is found in the labels `y`"),
    ],
)
def test_each_flaw_has_its_sentence(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_graph(_data(**changed))
    assert message in str(caught.value)


def test_other_objects_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"torch_geometric.data.Data, but an object of type HeteroData was"
    ):
        load_graph(HeteroData())
