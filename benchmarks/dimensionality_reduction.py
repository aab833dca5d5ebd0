"""Does a DAM gate on an autoencoder's code learn the rank of its data?

    python benchmarks/dimensionality_reduction.py                  # all cells that are missing
    python benchmarks/dimensionality_reduction.py --data linear --penalty-weights 0.01 --seeds 3

The linear case of the experiments on dimensionality reduction in `"Learning Compact Representations
of Neural Networks using DiscriminAtive Masking (DAM)" <https://arxiv.org/abs/2110.00684>`_, under
the settings of its authors' code: 5000 points in 100 dimensions that are a linear map of 10
Gaussian factors, a linear encoder and decoder without biases around a gated code of 50, the mean
squared error plus λ β as loss, Adam at 0.01 with weight decay 1e-6, 2000 steps on all points.
Departures: β has no weight decay, one channel stays open whatever is learnt, and the data are also
taken with a constant shift, which adds one to their rank. Points, map and weights are drawn from a
run's seed.

A cell is one run. Finished cells are kept in --cells and not trained again. From them the table in
benchmarks/results/dimensionality-reduction.json is made, which benchmarks/tables.py prints.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from time import perf_counter

import numpy as np
import torch
from cells import read_lines
from torch import Tensor, nn

from graphdam import attach_gates, deviation
from graphdam._version import __version__
from graphdam.compaction import GatedModel
from graphdam.files import write_atomically
from graphdam.gates import parameter_groups
from graphdam.training import seeded

RESULT = Path(__file__).parent / "results" / "dimensionality-reduction.json"
SEEDS = range(10)
PENALTY_WEIGHTS = (0.003, 0.01, 0.03)
"""λ: the authors' 0.01, and a third and three times of it."""

DATA = ("linear", "affine")
"""Without and with a shift."""

FACTORS, DIMENSIONS, POINTS = 10, 100, 5000
CODE, STEPS = 50, 2000


@dataclass(frozen=True)
class Cell:
    """One run.

    Attributes:
        data: one of `DATA`.
        penalty_weight: λ.
        rank: of the matrix of the points, as numpy counts it.
        width: open channels of the code, which is what the compact model's code has.
        explained: 1 − mean squared error of the compact model / variance of the points.
        deviation: how far gated and compact model lie apart, in units of the largest output.
    """

    data: str
    penalty_weight: float
    seed: int
    rank: int
    width: int
    explained: float
    deviation: float
    seconds: float


def draw_points(data: str, num_points: int = POINTS) -> Tensor:
    """Points [num_points, 100] from the global generator: a map of 10 Gaussian factors each.

    The map has the entries of a fresh `torch.nn.Linear`, and so has the shift of affine data.
    """
    mapping = nn.Linear(FACTORS, DIMENSIONS, bias=data == "affine")
    with torch.no_grad():
        points: Tensor = mapping(torch.randn(num_points, FACTORS))
    return points


def train_autoencoder(points: Tensor, penalty_weight: float, steps: int = STEPS) -> GatedModel:
    """A linear autoencoder with a DAM gate on its code, trained on all points at every step."""
    wide = nn.Sequential(
        nn.Linear(DIMENSIONS, CODE, bias=False), nn.Linear(CODE, DIMENSIONS, bias=False)
    )
    gated = attach_gates(wide, points[:2], only=["0"])
    groups = parameter_groups(gated, lr=0.01, gate_lr=0.01, weight_decay=1e-6)
    optimiser = torch.optim.Adam(groups)
    for _ in range(steps):
        optimiser.zero_grad()
        error = nn.functional.mse_loss(gated(points), points)
        (error + penalty_weight * gated.penalty()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return gated


def train_cell(data: str, penalty_weight: float, seed: int) -> Cell:
    """Train one autoencoder, make it compact, and measure it on the points that it learnt from."""
    start = perf_counter()
    with seeded(seed, torch.device("cpu")):
        points = draw_points(data)
        gated = train_autoencoder(points, penalty_weight)
    compact = gated.compact()
    with torch.no_grad():
        error = nn.functional.mse_loss(compact(points), points)
    return Cell(
        data,
        penalty_weight,
        seed,
        rank=int(np.linalg.matrix_rank(points.numpy())),
        width=gated.widths[0],
        explained=1 - float(error / points.var(dim=0, correction=0).mean()),
        deviation=deviation(gated, compact, points, relative=True),
        seconds=perf_counter() - start,
    )


def read_cells(path: Path) -> dict[tuple[str, float, int], Cell]:
    """The finished cells by data, λ and seed; a line that was cut off is left out."""
    return {(cell.data, cell.penalty_weight, cell.seed): cell for cell in read_lines(path, Cell)}


def table(cells: Iterable[Cell]) -> dict[str, object]:
    """The cells as `benchmarks/tables.py` prints them, a row for every λ on every data."""
    known = sorted(cells, key=lambda c: (DATA.index(c.data), c.penalty_weight, c.seed))
    rows = []
    for data, penalty_weight in dict.fromkeys((c.data, c.penalty_weight) for c in known):
        group = [c for c in known if (c.data, c.penalty_weight) == (data, penalty_weight)]
        at_rank = sum(cell.width == cell.rank for cell in group)
        explained = [100 * cell.explained for cell in group]
        rows.append(
            [
                data,
                f"{penalty_weight:g}",
                ", ".join(str(rank) for rank in sorted({cell.rank for cell in group})),
                ", ".join(str(cell.width) for cell in group),
                f"{at_rank} of {len(group)}",
                f"{fmean(explained):.2f} ({min(explained):.2f})",
            ]
        )
    seeds = sorted({cell.seed for cell in known})
    return {
        "title": "The learnt width of a code beside the rank of its data",
        "columns": [
            "data",
            "λ",
            "matrix rank of the data",
            "width of the code, by seed",
            "width = rank",
            "explained variance (%)",
        ],
        "rows": rows,
        "caption": (
            f"A code of {CODE} channels at the start; explained variance of the compact model on "
            "the points that it learnt from, mean (worst seed); gated and compact model differ by "
            f"at most {max(cell.deviation for cell in known):.0e} of the largest output. Seeds "
            f"{', '.join(map(str, seeds))}. graphdam {__version__}, torch {torch.__version__}; "
            "cpu, 1 thread."
        ),
        "cells": [asdict(cell) for cell in known],
    }


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--penalty-weights", nargs="+", type=float, default=PENALTY_WEIGHTS)
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many of them")
    parser.add_argument("--cells", type=Path, default=Path("runs/dimensionality-reduction.jsonl"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.cells.parent.mkdir(parents=True, exist_ok=True)
    cells = read_cells(arguments.cells)
    wanted = [
        (data, penalty_weight, seed)
        for data in arguments.data
        for penalty_weight in arguments.penalty_weights
        for seed in SEEDS[: arguments.seeds]
    ]
    for number, key in enumerate(wanted, start=1):
        if key in cells:
            continue
        cell = cells[key] = train_cell(*key)
        with arguments.cells.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(cell)) + "\n")
        print(
            f"{number} of {len(wanted)}: {cell.data}, λ {cell.penalty_weight:g}, seed {cell.seed}: "
            f"width {cell.width}, rank {cell.rank}, {100 * cell.explained:.2f} % explained, "
            f"{cell.seconds:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    write_atomically(RESULT, json.dumps(table(cells.values()), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
