"""What each ingredient of the default recipe is worth, on which graph, at which cost.

    python benchmarks/recipe_study.py                              # all cells that are missing
    python benchmarks/recipe_study.py --graphs cora --designs 'relu,no *'

A cell is one training run of one design (the default recipe with some settings changed) on one
graph under one seed. Finished cells are kept in --cells and not trained again. From them the table
in benchmarks/results/recipe-study.json is made, which benchmarks/tables.py prints.

No node that the project's result tables test on is scored here: the public test nodes of the
Planetoid graphs are left out, with seeds of our own; of the geom-gcn splits one half of the
validation nodes is chosen on and the other is scored; other graphs are split anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from cells import read_lines

from graphdam._version import __version__
from graphdam.data import Graph, load_graph
from graphdam.data.graph import Split
from graphdam.files import write_atomically
from graphdam.objectives import NodeClassification, prepare_graph
from graphdam.report.numbers import points
from graphdam.training import Settings, Trainer, build_encoder, seeded

RESULT = Path(__file__).parent / "results" / "recipe-study.json"
SEEDS = (10, 11, 12)
PLANETOID = ("cora", "citeseer", "pubmed")
GRAPHS = ("cora", "citeseer", "citeseer geom-gcn", "digits")

DESIGNS: dict[str, dict[str, Any]] = {
    "default": {},
    "no teacher, no gate: narrow 8 alone": {"recipe": "wide", "hidden_channels": 8},
    "no teacher: gate closed to 8 by schedule": {"teacher": False, "target_width": (8,)},
    "no gate: narrow 8 beside a teacher": {"start_width": 8, "target_width": (8,)},
    "closed to 8 by schedule": {"target_width": (8,)},
    "ReLU": {"act": "relu"},
    "soft gates to the end": {"final_steepness": 1.0},
    "no brake": {"brake_tolerance": 1e9, "brake_loss": 1e9, "brake_errors": 1e9},
    "brake deaf to validation": {"brake_errors": 1e9},
    "tolerance 1": {"brake_tolerance": 1.0},
    "tolerance 4, half of the information": {"brake_tolerance": 4.0, "brake_loss": 0.5},
    "no labels beside the teacher": {"task_weight": 0.0},
    "labels count 2": {"task_weight": 2.0},
    "labels count 8": {"task_weight": 8.0},
    "no relief of weight decay": {"decay_relief": 0.0},
    "L2 as the teacher's": {"decoupled": False, "gated_weight_decay": 5e-4},
    "weight decay 0.1": {"gated_weight_decay": 0.1},
    "dropout as the teacher's": {"gated_dropout": 0.5},
    "features as short as they are": {"least_feature_norm": 0.0},
    "start at 32": {"start_width": 32},
    "start at 128": {"start_width": 128},
    "closing over 40 % of the run": {"gate_end": 0.5},
    "closing over 70 % of the run": {"gate_end": 0.8},
}


@dataclass(frozen=True)
class Cell:
    """One run: scores are fractions, `teacher` the wide model's where there was one."""

    graph: str
    design: str
    seed: int
    score: float
    teacher: float | None
    widths: list[int]
    seconds: float


def study_graph(name: str, seed: int) -> Graph:
    """A graph with one split of the study's own; see the head of this file."""
    base, _, kind = name.partition(" ")
    graph = load_graph(base, split=kind or None)
    generator = np.random.default_rng(1000 + seed)
    if kind or base == "tolokers":
        split = graph.at_split(seed).splits[seed % len(graph.splits)]
        chosen = generator.permutation(split.val.nonzero().squeeze(1).numpy())[::2]
        val = torch.zeros_like(split.val)
        val[torch.from_numpy(chosen)] = True
        return replace(graph, splits=(Split(split.train, val, split.val & ~val),), split_index=0)
    y = graph.y.numpy().copy()
    if base in PLANETOID:
        y[graph.mask("test").numpy()] = -1
    train, rest = [], []
    for label in range(graph.num_classes):
        nodes = generator.permutation(np.flatnonzero(y == label))
        count = min(20, len(nodes) // 3)
        train.append(nodes[:count])
        rest.append(nodes[count:])
    left = generator.permutation(np.concatenate(rest))
    num_val = 500 if base in PLANETOID or base == "digits" else 30 * graph.num_classes
    parts = (np.concatenate(train), left[:num_val], left[num_val:])
    masks = [torch.zeros(graph.num_nodes, dtype=torch.bool) for _ in parts]
    for mask, nodes in zip(masks, parts, strict=True):
        mask[torch.from_numpy(nodes)] = True
    return replace(graph, splits=(Split(*masks),), split_index=0)


def train_cell(name: str, design: str, seed: int) -> Cell:
    """Train one cell and score it on the nodes that were kept for that."""
    graph = study_graph(name, seed)
    # A design that fails is to be seen failing, not to hand the wide model back.
    given = {"dataset": graph.name, "fallback_margin": 1.0, **DESIGNS[design]}
    settings = Settings.of(**given)
    with seeded(seed, torch.device("cpu")):
        encoder = build_encoder(settings, graph)
    fit = Trainer(settings).fit(encoder, graph, seed=seed)
    prepared, objective = prepare_graph(encoder, graph), NodeClassification(graph)

    def score(model: Any) -> float:
        return objective.score(model, prepared, "test")[objective.metric]

    compact = fit.encoder.compact()
    teacher = None if fit.teacher is None else score(fit.teacher)
    return Cell(name, design, seed, score(compact), teacher, compact.widths, fit.seconds)


def read_cells(path: Path) -> dict[tuple[str, str, int], Cell]:
    """The finished cells by graph, design and seed; a line that was cut off is left out."""
    return {(cell.graph, cell.design, cell.seed): cell for cell in read_lines(path, Cell)}


def table(cells: Iterable[Cell]) -> dict[str, Any]:
    """The cells of the known designs as `benchmarks/tables.py` prints them."""
    known = [cell for cell in cells if cell.design in DESIGNS]
    graphs = [name for name in GRAPHS if any(cell.graph == name for cell in known)]
    of_default = {(c.graph, c.seed): c for c in known if c.design == "default"}
    rows = []
    for design in DESIGNS:
        row, ratios = [design], []
        for name in graphs:
            group = [
                cell
                for cell in known
                if (cell.design, cell.graph) == (design, name) and (name, cell.seed) in of_default
            ]
            row.append(_entry(group, of_default))
            ratios += [cell.seconds / of_default[name, cell.seed].seconds for cell in group]
        if ratios:
            rows.append([*row, f"{median(ratios):.2f}"])
    seeds = sorted({cell.seed for cell in known})
    return {
        "title": "Ingredients of the default recipe",
        "columns": ["design", *graphs, "training time"],
        "rows": rows,
        "caption": (
            "Accuracy of the compact model minus that of the wide model that the default recipe "
            "trained under the same seed, in points: mean over the seeds (worst seed) @ mean "
            f"hidden width. Training time as a multiple of the default's, median. Seeds "
            f"{', '.join(map(str, seeds))}; no test node of the result tables is scored. "
            f"graphdam {__version__}, torch {torch.__version__}; cpu, 1 thread."
        ),
        "cells": [asdict(cell) for cell in known],
    }


def _entry(group: Sequence[Cell], of_default: dict[tuple[str, int], Cell]) -> str:
    if not group:
        return "–"
    gains = []
    for cell in group:
        wide = of_default[cell.graph, cell.seed].teacher
        assert wide is not None, "the default design has a teacher"
        gains.append(cell.score - wide)
    width = fmean(fmean(cell.widths) for cell in group)
    return f"{points(fmean(gains))} ({points(min(gains))}) @ {width:.0f}"


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", default=",".join(GRAPHS), help="with commas between")
    parser.add_argument("--designs", default="*", help="patterns with commas between")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many of them")
    parser.add_argument("--cells", type=Path, default=Path("runs/recipe-study.jsonl"))
    arguments = parser.parse_args()
    patterns = arguments.designs.split(",")
    designs = [name for name in DESIGNS if any(fnmatch(name, each) for each in patterns)]
    torch.set_num_threads(1)
    arguments.cells.parent.mkdir(parents=True, exist_ok=True)
    cells = read_cells(arguments.cells)
    for graph in arguments.graphs.split(","):
        for design in designs:
            for seed in SEEDS[: arguments.seeds]:
                if (graph, design, seed) in cells:
                    continue
                cell = train_cell(graph, design, seed)
                cells[graph, design, seed] = cell
                with arguments.cells.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(cell)) + "\n")
                print(
                    f"{graph}, {design}, seed {seed}: {100 * cell.score:.1f} at {cell.widths}, "
                    f"{cell.seconds:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
    write_atomically(RESULT, json.dumps(table(cells.values()), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
