"""Time the default recipe, teacher included, against training the wide model alone.

    python benchmarks/overhead.py

writes benchmarks/results/overhead.json, from which `benchmarks/tables.py` makes the table. One
thread; whole runs of either recipe in turn; medians.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from statistics import median

import torch

from graphdam import __version__, load_graph
from graphdam.data import Graph
from graphdam.training import Settings, Trainer, build_encoder, seeded

RECORD = Path(__file__).parent / "results" / "overhead.json"
RECIPES = ("wide", "default")


def seconds_of(recipe: str, graph: Graph, *, seed: int) -> float:
    """The training time of one whole run."""
    settings = Settings.of(recipe, dataset=graph.name)
    with seeded(seed, torch.device("cpu")):
        encoder = build_encoder(settings, graph)
    return Trainer(settings).fit(encoder, graph, seed=seed).seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", default="cora,pubmed", help="with commas between")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each recipe")
    parser.add_argument("--out", type=Path, default=RECORD)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in arguments.graphs.split(","):
        graph = load_graph(name)
        times: dict[str, list[float]] = {recipe: [] for recipe in RECIPES}
        for seed in range(arguments.rounds):
            for recipe in RECIPES:
                times[recipe].append(seconds_of(recipe, graph, seed=seed))
                print(f"{name}, {recipe}: {times[recipe][-1]:.1f} s", file=sys.stderr, flush=True)
        wide, taught = (median(times[recipe]) for recipe in RECIPES)
        rows.append([name, f"{wide:.1f}", f"{taught:.1f}", f"{taught / wide:.2f}"])
    record = {
        "title": "Training time of a GCN, 300 epochs",
        "columns": ["data set", "wide alone (s)", "default recipe with its teacher (s)", "times"],
        "rows": rows,
        "caption": (
            f"Medians of {arguments.rounds} whole runs, the two recipes in turn, 1 thread, "
            f"{platform.machine()} CPU; graphdam {__version__}, torch {torch.__version__}."
        ),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
