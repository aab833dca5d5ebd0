"""The examples run, and the smaller model that each ends with computes the same."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmark_script import ROOT, load_script
from torch_geometric.data import Data
from torch_geometric.datasets import FakeDataset, TUDataset
from torch_geometric.loader import DataLoader

import graphdam
from graphdam.data import Graph

EXAMPLES = ROOT / "benchmarks" / "examples"
SAMPLERS = ("pyg_lib", "torch_sparse")
has_sampler = any(importlib.util.find_spec(name) for name in SAMPLERS)


@pytest.fixture(scope="module")
def digits() -> Graph:
    return graphdam.load_graph("digits")


@pytest.fixture
def data(digits: Graph) -> Data:
    masks = {f"{part}_mask": digits.mask(part) for part in ("train", "test")}
    return Data(x=digits.dense_x(), edge_index=digits.edge_index, y=digits.y, **masks)


def test_there_are_six_and_each_is_short() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
    assert len(lengths) == 6
    assert max(lengths.values()) < 70, lengths


def test_the_training_loop(data: Data) -> None:
    example = load_script("examples/training_loop")
    gated, small = example.train(data, epochs=60)
    assert small.widths == gated.widths
    assert small.widths[0] < 64
    assert graphdam.deviation(gated, small, data.x, data.edge_index, relative=True) < 1e-5
    assert example.accuracy(small, data, data.test_mask) > 0.9


def test_the_embeddings(digits: Graph) -> None:
    small = load_script("examples/embeddings").train(digits, width=32, epochs=30)
    assert 1 <= small.widths[0] < 32
    assert small.embed(digits.x, digits.edge_index).shape == (digits.num_nodes, small.widths[0])


def test_your_own_model(digits: Graph) -> None:
    gated, small = load_script("examples/own_model").train(digits, epochs=30)
    heads, hidden = gated.widths
    assert (small.attend.out_channels, small.convolve.out_channels) == (heads, hidden)
    assert small.skip.out_features == small.classify.in_features == hidden < 64
    inputs = (digits.dense_x(), digits.edge_index)
    assert graphdam.deviation(gated, small, *inputs, relative=True) < 1e-5


def test_compact_and_export(tmp_path: Path) -> None:
    example = load_script("examples/compact_and_export")
    file = example.train_and_export(tmp_path / "run", dataset="karate", epochs=6)
    graph, stock = graphdam.load_graph("karate"), example.load_without_graphdam(file)
    assert type(stock).__module__.startswith("torch_geometric.")
    small = graphdam.GCN.from_pretrained(tmp_path / "run" / "model")
    assert graphdam.deviation(small, stock, graph.dense_x(), graph.edge_index, relative=True) < 1e-5


@pytest.mark.filterwarnings("ignore:Using 'NeighborSampler' without a 'pyg-lib'")
@pytest.mark.skipif(not has_sampler, reason="NeighborLoader needs pyg-lib or torch-sparse")
def test_mini_batches(data: Data) -> None:
    gated, small = load_script("examples/mini_batches").train(data, epochs=2)
    assert small.widths == gated.widths
    assert graphdam.deviation(gated, small, data.x, data.edge_index, relative=True) < 1e-5


def test_mini_batches_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    example = load_script("examples/mini_batches")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as caught:
        example.main()
    assert caught.value.code == (
        "NeighborLoader needs pyg-lib or torch-sparse, and neither is installed."
    )


def check_graph_classification(graphs: Any, *, epochs: int) -> None:
    gated = load_script("examples/graph_classification").train(graphs, epochs=epochs)
    small = gated.compact()
    assert small.encoder.widths == gated.encoder.widths
    assert max(small.encoder.widths) < 64
    assert small.readout.in_features == small.encoder.widths[-1]
    batch = next(iter(DataLoader(graphs, batch_size=len(graphs))))
    inputs = (batch.x, batch.edge_index, batch.batch)
    assert small(*inputs).shape == (len(graphs), graphs.num_classes)
    assert graphdam.deviation(gated, small, *inputs, relative=True) < 1e-5


def test_graph_classification() -> None:
    check_graph_classification(FakeDataset(24, avg_num_nodes=8, num_channels=5), epochs=40)


@pytest.fixture
def enzymes(tmp_path: Path) -> Any:
    """PyG writes what it prepares beside the raw files, so they are copied."""
    root = os.environ.get("GRAPHDAM_DATA")
    raw = Path(root or "") / "tudataset" / "ENZYMES" / "raw"
    if not root or not raw.is_dir():
        pytest.skip("needs tudataset/ENZYMES under GRAPHDAM_DATA")
    shutil.copytree(raw, tmp_path / "ENZYMES" / "raw")
    return TUDataset(str(tmp_path), "ENZYMES", use_node_attr=True)


@pytest.mark.real_data
def test_graph_classification_of_enzymes(enzymes: Any) -> None:
    assert (len(enzymes), enzymes.num_features, enzymes.num_classes) == (600, 21, 6)
    check_graph_classification(enzymes, epochs=5)


@pytest.mark.real_data
def test_a_batch_of_graphs_is_those_graphs_one_by_one(enzymes: Any) -> None:
    encoder = graphdam.GCN(21, 16, 2, gate="dam", gate_output=True).eval()
    encoder.gates[0].set_offset(encoder.gates[0].offset_of(5))  # type: ignore[operator]
    graphs = list(enzymes[:8])
    batch = next(iter(DataLoader(graphs, batch_size=8)))
    for model in (encoder, encoder.compact()):
        alone = torch.cat([model(graph.x, graph.edge_index) for graph in graphs])
        torch.testing.assert_close(model(batch.x, batch.edge_index), alone)
        prepared = model.prepare(batch.edge_index, num_nodes=batch.num_nodes)
        torch.testing.assert_close(model(batch.x, prepared), alone)
