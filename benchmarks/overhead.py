"""Time every recipe's training against that of the wide model alone.

    python benchmarks/overhead.py

writes benchmarks/results/overhead.json, from which `benchmarks/tables.py` makes the table. One
thread; whole runs of all recipes in turn; medians.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from statistics import median
from typing import Any

import torch

from graphdam import __version__
from graphdam.data import AnyData, load_data
from graphdam.report.methods import display_name
from graphdam.training import Settings, Trainer, seeded, task_of

RECORD = Path(__file__).parent / "results" / "overhead.json"
RECIPES = {
    "wide": "wide alone (s)",
    "default": "DAM + teacher",
    "irrelevance": "irrelevance",
    "aswl": "ASWL",
    "frank-wolfe": "Frank-Wolfe",
}
CASES: dict[str, dict[str, Any]] = {
    "cora": {"dataset": "cora", "model": "gcn", "epochs": 100},
    "pubmed": {"dataset": "pubmed", "model": "gcn", "epochs": 40},
    "mnist": {"dataset": "mnist", "model": "mlp", "epochs": 2},
}
"""What is learnt from; as many epochs under every recipe, which move their widths by shares."""


def seconds_of(recipe: str, data: AnyData, case: dict[str, Any], *, seed: int) -> float:
    """The training time of one whole run."""
    settings = Settings.of(recipe, device="cpu", **case)
    with seeded(seed, torch.device("cpu")):
        model = task_of(settings, data).build()
    return Trainer(settings).fit(model, data, seed=seed).seconds


def row_of(case: dict[str, Any], *, rounds: int) -> list[str]:
    """The cells of one case: names, epochs, seconds of the wide model, and multiples of them."""
    data = load_data(case["dataset"])
    times: dict[str, list[float]] = {recipe: [] for recipe in RECIPES}
    for seed in range(rounds):
        for recipe, taken in times.items():
            taken.append(seconds_of(recipe, data, case, seed=seed))
            print(f"{case['dataset']}, {recipe}: {taken[-1]:.1f} s", file=sys.stderr, flush=True)
    wide, *others = (median(taken) for taken in times.values())
    names = [display_name(case[name]) for name in ("dataset", "model")]
    multiples = [f"{other / wide:.2f} ×" for other in others]
    return [*names, str(case["epochs"]), f"{wide:.1f}", *multiples]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default=",".join(CASES), help="with commas between")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each recipe")
    parser.add_argument("--out", type=Path, default=RECORD)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [CASES[name] for name in arguments.cases.split(",")]
    record = {
        "title": "Training time of whole runs",
        "columns": ["data set", "model", "epochs", *RECIPES.values()],
        "rows": [row_of(case, rounds=arguments.rounds) for case in chosen],
        "caption": (
            f"Medians of {arguments.rounds} whole runs, looks at validation included, all recipes "
            f"in turn, 1 thread, {platform.machine()} CPU; graphdam {__version__}, torch "
            f"{torch.__version__}."
        ),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
