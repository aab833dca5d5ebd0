"""Time and memory on synthetic power-law graphs of 10 k to 1 M nodes, a process a measurement.

    python benchmarks/scale.py                   # all measurements without a record
    python benchmarks/scale.py --only 'nodes-*'  # some of them; --list names them
    python benchmarks/scale.py --again --only infer-compact-1000000

keeps them in benchmarks/results/scale-cells.json, one by one, so that an interrupted run goes on;
then it makes the table results/scale.json and the figure results/scale.png of what is there.
Peak memory is that of the whole process, graph and libraries included (`ru_maxrss`).
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from scale_report import draw, table
from synthetic import power_law_graph
from torch_geometric import nn as stock

from graphdam import GCN, Settings, Trainer, __version__
from graphdam.data import Graph
from graphdam.evaluation.latency import median_latencies
from graphdam.files import write_atomically
from graphdam.nn import layerwise
from graphdam.objectives import PreparedNodes, PreparedSubgraphs
from graphdam.training import build_gated
from graphdam.training.memory_estimate import GIB, bytes_in_batches, bytes_of_whole

RESULTS = Path(__file__).parent / "results"
CELLS = RESULTS / "scale-cells.json"
LOADERS = {"train-sampled": "neighbor", "train-clusters": "cluster", "train-walks": "saint"}
"""What makes the batches of each measurement that has any."""

STEPS = 8
"""Of an epoch of samples that are timed; the epoch is as many times the median as it has."""


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Attributes:
        what: train-whole, -sampled, -clusters or -walks; infer-stock, -wide or -compact;
            infer-turns takes turns of a compact model and a stock one of width 256.
        nodes, edges: of the graph; directed edges.
        width: of the teacher, or of the model that infers.
        layers: convolutions.
        on_disk: whether features are read from a file.
    """

    what: str
    nodes: int
    edges: int
    width: int = 256
    layers: int = 2
    on_disk: bool = False

    @property
    def name(self) -> str:
        disk = "-disk" if self.on_disk else ""
        return f"{self.what}-{self.nodes}-{self.edges}-{self.width}x{self.layers}{disk}"

    @property
    def settings(self) -> Settings:
        loader = LOADERS.get(self.what)
        batches: dict[str, Any] = {"batch_size": 1024, "loader": loader} if loader else {}
        return Settings.of(
            device="cpu",
            epochs=3,
            hidden_channels=self.width,
            start_width=min(64, self.width),
            num_layers=self.layers,
            **batches,
        )


SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
ARXIV = (169_343, 1_166_243)
COMPACT = 16


def cells() -> list[Cell]:
    """Nodes at ten edges each; edges, and width, at 100,000 nodes; then the target sizes."""
    found: list[Cell] = []
    for what in ("train-clusters", "train-walks"):
        found += [Cell(what, n, 10 * n) for n in SIZES if n <= 300_000]
    for what in ("train-whole", "train-sampled", "infer-wide", "infer-compact"):
        width = COMPACT if what == "infer-compact" else 256
        largest = 300_000 if what == "train-whole" else 1_000_000
        found += [Cell(what, n, 10 * n, width) for n in SIZES if n <= largest]
        found += [Cell(what, 100_000, e * 100_000, width) for e in (5, 20, 40)]
        if what != "infer-compact":
            found += [Cell(what, 100_000, 1_000_000, w) for w in (64, 128, 512)]
    found += [Cell("infer-stock", n, 10 * n) for n in SIZES if n <= 100_000]
    found += [Cell(what, *ARXIV, layers=3) for what in ("train-whole", *LOADERS)]
    found += [Cell(what, *ARXIV, layers=3) for what in ("infer-stock", "infer-wide")]
    found += [Cell("infer-compact", *ARXIV, width=w, layers=3) for w in (32, COMPACT)]
    found += [Cell("infer-turns", *ARXIV, width=w, layers=3) for w in (32, COMPACT)]
    found.append(Cell("infer-compact", 1_000_000, 10_000_000, 32, on_disk=True))
    return found


def measure(cell: Cell) -> dict[str, Any]:
    """What one measurement finds, in this process."""
    torch.manual_seed(0)
    graph = power_law_graph(cell.nodes, cell.edges)
    with TemporaryDirectory() as folder:
        if cell.on_disk:
            graph = on_disk(graph, Path(folder) / "x.npy")
        times = train(cell, graph) if cell.what.startswith("train") else infer(cell, graph)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        **asdict(cell),
        "edges_found": graph.num_edges,
        **times,
        "peak_gib": round(peak, 3),
        "threads": torch.get_num_threads(),
    }


def on_disk(graph: Graph, path: Path) -> Graph:
    """The graph with its features in a file; the peak is at least that of making them."""
    np.save(path, graph.dense_x().numpy())
    x = torch.from_numpy(np.load(path, mmap_mode="c"))
    return replace(graph, x=x, features_on_disk=True)


def train(cell: Cell, graph: Graph) -> dict[str, Any]:
    """Seconds of an epoch of teacher and gated model, looks included."""
    settings, moments, steps = cell.settings, [time.perf_counter()], list[float]()
    kind = PreparedNodes if cell.what == "train-sampled" else PreparedSubgraphs
    whole: Callable[[Any], Iterator[Any]] = kind.batches

    def few(prepared: Any) -> Iterator[Any]:
        before = time.perf_counter()
        for batch in islice(whole(prepared), STEPS):
            yield batch
            steps.append(time.perf_counter() - before)
            before = time.perf_counter()

    trainer = Trainer(settings, on_epoch=lambda line: moments.append(time.perf_counter()))
    with patch.object(kind, "batches", few):
        trainer.fit(build_gated(settings, graph), graph)
    epochs = [after - before for before, after in pairwise(moments[1:])]  # the first warms up
    if not steps:
        estimate = bytes_of_whole(settings, graph) / GIB
        return {"seconds": min(epochs), "estimate_gib": round(estimate, 3)}
    count = -(-cell.nodes // 1024)
    taken = min(STEPS, count)
    step = statistics.median(steps[taken:])
    look = min(epochs) - step * taken
    return {
        "seconds": step * count + look,
        "step_seconds": step,
        "look_seconds": look,
        "estimate_gib": round(bytes_in_batches(settings, graph, 1024) / GIB, 3),
    }


@torch.no_grad()
def infer(cell: Cell, graph: Graph) -> dict[str, Any]:
    """Seconds of one inference of all nodes; ours a layer at a time on a prepared adjacency."""

    def theirs() -> Callable[[], object]:
        width = 256 if cell.what == "infer-turns" else cell.width
        sizes = (graph.num_features, width, cell.layers, graph.out_channels)
        model = stock.GCN(*sizes, act="elu").eval()
        return lambda: model(graph.dense_x(), graph.edge_index)

    def ours() -> Callable[[], object]:
        sizes = (graph.num_features, cell.width, cell.layers, graph.out_channels)
        encoder = GCN(*sizes, act="elu").eval()
        adjacency = encoder.prepare(graph.edge_index, num_nodes=graph.num_nodes)
        return lambda: layerwise(encoder, graph.x, adjacency)

    match cell.what:
        case "infer-stock":
            calls = [theirs()]
        case "infer-turns":
            calls = [ours(), theirs()]
        case _:
            calls = [ours()]
    seconds, *of_stock = median_latencies(*calls, repeats=5, warm_up=1)
    return {"seconds": seconds} | ({"ratio": of_stock[0] / seconds} if of_stock else {})


def measured_apart(cell: Cell) -> dict[str, Any]:
    """The same in a process of its own, whose peak is this measurement's alone."""
    command = [sys.executable, __file__, "--measure", json.dumps(asdict(cell))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{cell.name}: {done.stderr.strip()[-800:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="*", help="names of measurements, as in 'infer-*'")
    parser.add_argument("--again", action="store_true", help="measure what has a record anew")
    parser.add_argument("--list", action="store_true", help="name the measurements")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        torch.set_num_threads(arguments.threads)
        print(json.dumps(measure(Cell(**json.loads(arguments.measure)))))
        return
    chosen = [cell for cell in cells() if fnmatch(cell.name, arguments.only)]
    if arguments.list:
        print("\n".join(cell.name for cell in chosen))
        return
    known = json.loads(CELLS.read_text())["cells"] if CELLS.exists() else {}
    for cell in chosen:
        if cell.name in known and not arguments.again:
            continue
        known[cell.name] = measured_apart(cell)
        found = known[cell.name]
        print(f"{cell.name}: {found['seconds']:.2f} s, {found['peak_gib']:.2f} GiB", flush=True)
        content = {
            "caption": f"{platform.machine()} CPU; graphdam {__version__}, torch "
            f"{torch.__version__}.",
            "cells": {each.name: known[each.name] for each in cells() if each.name in known},
        }
        CELLS.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(CELLS, json.dumps(content, indent=1) + "\n")
    content = json.loads(CELLS.read_text())
    record = json.dumps(table(content), indent=1, ensure_ascii=False)
    write_atomically(RESULTS / "scale.json", record + "\n")
    draw(content["cells"].values(), CELLS.with_name("scale.png"))


if __name__ == "__main__":
    main()
