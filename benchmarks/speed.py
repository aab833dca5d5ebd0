"""Time graphdam's fast path against stock PyG on Cora, in one run, one thread, taking turns.

    python benchmarks/speed.py

writes benchmarks/results/speed.json, from which `benchmarks/tables.py` makes the table.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric import nn as stock

from graphdam import GCN, __version__, load_graph
from graphdam.data import CSRMatrix, Graph
from graphdam.data.dropout import drop
from graphdam.data.pair_products import pair_products
from graphdam.evaluation.latency import median_latencies
from graphdam.gates import DAMGate, gates_of
from graphdam.nn.prelu import prelu
from graphdam.objectives import prepare_graph

WIDTH, COMPACT_WIDTH = 256, 16
RECORD = Path(__file__).parent / "results" / "speed.json"

Row = tuple[str, float, float]


def training_step(
    model: nn.Module, graph: Graph, x: Tensor | CSRMatrix, edges: object
) -> Callable[[], None]:
    """Forward with dropout of features and hidden channels, cross-entropy, backward, Adam."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    mask, y = graph.mask("train"), graph.y

    def step() -> None:
        model.train()
        optimiser.zero_grad()
        if isinstance(x, CSRMatrix):
            out = model(x.dropout(0.5, training=True), edges)
        else:
            out = model(F.dropout(x, 0.5), edges)
        F.cross_entropy(out[mask], y[mask]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def inference(model: nn.Module, x: Tensor | CSRMatrix, edges: object) -> Callable[[], Tensor]:
    model.eval()

    def call() -> Tensor:
        with torch.no_grad():
            return model(x, edges)  # type: ignore[no-any-return]

    return call


def close_to(encoder: GCN, width: int) -> GCN:
    for gate in gates_of(encoder).values():
        assert isinstance(gate, DAMGate)
        gate.set_offset(gate.offset_of(width))
    return encoder


def measure(graph: Graph, *, repeats: int) -> list[Row]:
    """Rows of (what, stock milliseconds, graphdam milliseconds)."""
    in_channels, classes = graph.num_features, graph.num_classes
    dense, edge_index = graph.dense_x(), graph.edge_index
    rows: list[Row] = []

    def compare(what: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
        stock_seconds, our_seconds = median_latencies(theirs, ours, repeats=repeats)
        rows.append((what, 1e3 * stock_seconds, 1e3 * our_seconds))

    for name in ("GCN", "GraphSAGE"):
        import graphdam

        wide = getattr(stock, name)(in_channels, WIDTH, 2, classes, dropout=0.5)
        gated = getattr(graphdam, name)(in_channels, WIDTH, 2, classes, dropout=0.5, gate="dam")
        prepared = prepare_graph(gated, graph)
        x, adjacency = prepared.x, prepared.adjacency
        compare(
            f"training step, gated {name} of width {WIDTH}",
            training_step(gated, graph, x, adjacency),
            training_step(wide, graph, dense, edge_index),
        )
        compare(
            f"inference, gated {name} of width {WIDTH}",
            inference(gated, x, adjacency),
            inference(wide, dense, edge_index),
        )
        compact = close_to(gated, COMPACT_WIDTH).compact()
        compare(
            f"inference, compact {name} of width {COMPACT_WIDTH}, against stock {WIDTH}",
            inference(compact, x, adjacency),
            inference(wide, dense, edge_index),
        )
        compare(
            f"inference, compact {name} as stock model, against stock {WIDTH}",
            inference(compact.to_pyg(), dense, edge_index),
            inference(wide, dense, edge_index),
        )
    rows += measure_parts(graph, repeats=repeats)
    return rows


def measure_parts(graph: Graph, *, repeats: int) -> list[Row]:
    """The ingredients of the fast path against what torch offers."""
    features = CSRMatrix.from_dense(graph.dense_x())
    weight = torch.randn(graph.num_features, WIDTH)
    narrow = torch.randn(graph.num_features, COMPACT_WIDTH)
    hidden = torch.randn(graph.num_nodes, WIDTH)
    torch_csr = graph.dense_x().to_sparse_csr()
    # as many links, and other pairs, as PubMed has to learn from
    linked, embedding = torch.randint(19_717, (2, 75_352)), torch.randn(19_717, 128)
    embedding.requires_grad_()
    active, slope = hidden.clone().requires_grad_(), torch.tensor([0.25], requires_grad=True)
    comparisons: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (
            f"sparse features × weights of width {WIDTH}, against torch.sparse CSR",
            lambda: features @ weight,
            lambda: torch_csr @ weight,
        ),
        (
            f"sparse features × weights of width {COMPACT_WIDTH}, against an embedding bag",
            lambda: features @ narrow,
            lambda: F.embedding_bag(
                features.column,
                narrow,
                features.row_pointer,
                mode="sum",
                per_sample_weights=features.value,
                include_last_offset=True,
            ),
        ),
        (
            f"dropout of {graph.num_nodes} × {WIDTH} numbers, against torch",
            lambda: drop(hidden, 0.5, training=True),
            lambda: F.dropout(hidden, 0.5),
        ),
        (
            f"PReLU of {graph.num_nodes} × {WIDTH} numbers, with gradient",
            lambda: torch.autograd.grad(prelu(active, slope), (active, slope), hidden),
            lambda: torch.autograd.grad(F.prelu(active, slope), (active, slope), hidden),
        ),
        (
            f"inner products of {linked.size(1)} pairs of 128 numbers, with gradient",
            lambda: gradient_of(pair_products(embedding, linked), embedding),
            lambda: gradient_of((embedding[linked[0]] * embedding[linked[1]]).sum(1), embedding),
        ),
    ]
    rows = []
    for what, ours, theirs in comparisons:
        stock_seconds, our_seconds = median_latencies(theirs, ours, repeats=repeats)
        rows.append((what, 1e3 * stock_seconds, 1e3 * our_seconds))
    return rows


def gradient_of(products: Tensor, embedding: Tensor) -> Tensor:
    """Of the cross-entropy of pairs that are all linked."""
    return torch.autograd.grad(F.softplus(-products).mean(), embedding)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=41, help="measured rounds of each pair")
    parser.add_argument("--out", type=Path, default=RECORD)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    graph = load_graph("cora")
    rows = measure(graph, repeats=arguments.repeats)
    record = {
        "title": "Time on Cora",
        "columns": ["what", "stock PyG or torch (ms)", "graphdam (ms)", "times faster"],
        "rows": [
            [what, f"{theirs:.2f}", f"{ours:.2f}", f"{theirs / ours:.1f}"]
            for what, theirs, ours in rows
        ],
        "caption": (
            f"Medians of {arguments.repeats} rounds, the two of a pair taken in turn, "
            f"{torch.get_num_threads()} thread, {platform.machine()} CPU; graphdam {__version__}, "
            f"torch {torch.__version__}. Stock: dense features and edge list."
        ),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    for row in record["rows"]:
        print("  ".join(row))


if __name__ == "__main__":
    main()
