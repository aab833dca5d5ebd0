"""Torch-Pruning on the same wide models, cut to the same multiply-adds, without fine-tuning.

    pip install 'graphdam[bench]'
    python benchmarks/records.py pruning --only '*-wide' --seeds 3 --runs runs
    python benchmarks/records.py pruning --only '*-default' --seeds 3 --runs runs
    python benchmarks/against_torch_pruning.py --runs runs --seeds 3

The wide models are those of the pruning bench, trained alone. `Torch-Pruning
<https://github.com/VainF/Torch-Pruning>`_ removes from each the channels of least magnitude, in all
layers by one measure or from every layer the same share, until it costs no more than graphdam's
compact model of the same seed. What both score on the test images then, nothing having been trained
after the removal, is written to benchmarks/results/torch-pruning.json for benchmarks/tables.py.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import nn

from graphdam._version import __version__
from graphdam.bench import find_bench
from graphdam.data import Images
from graphdam.errors import GraphDamError, RunFolderError
from graphdam.evaluation.module_cost import module_multiply_adds
from graphdam.files import write_atomically
from graphdam.nn import ImageModel
from graphdam.report import BenchFolder, RunRecord, read_record
from graphdam.serving import load_any_run, score_run
from graphdam.training.run_folder import RunFolder

RESULT = Path(__file__).parent / "results" / "torch-pruning.json"
MODELS = ("mnist-lenet5", "mnist-mlp", "cifar10-subset-preresnet", "cifar10-subset-vgg16")
GLOBAL, UNIFORM = "all layers by one measure", "the same share of every layer"
HALVINGS = 12
"""Of the interval that the share of removed channels is searched in."""


def cut(
    net: nn.Module, example: torch.Tensor, share: float, *, is_global: bool, last: nn.Module
) -> nn.Module:
    """A copy without this share of its channels, those of least magnitude; `last` keeps its own."""
    pruning = import_module("torch_pruning")
    small, position = copy.deepcopy(net), [*net.modules()].index(last)
    pruner = pruning.pruner.MagnitudePruner(
        small,
        example,
        importance=pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=share,
        global_pruning=is_global,
        ignored_layers=[[*small.modules()][position]],
    )
    pruner.step()
    return small


def cut_to(net: nn.Module, example: torch.Tensor, multiply_adds: int, *, is_global: bool) -> Any:
    """The largest cut model that costs at most so many multiply-adds, by bisection."""
    last = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
    low, high, best = 0.0, 1.0, None
    for _ in range(HALVINGS):
        share = (low + high) / 2
        small = cut(net, example, share, is_global=is_global, last=last)
        if module_multiply_adds(small, example) <= multiply_adds:
            high, best = share, small
        else:
            low = share
    assert best is not None, "a share near 1 leaves a channel a layer"
    return best


def finished(folder: BenchFolder, cell: str, seed: int) -> Path:
    """The run of a cell and a seed, which the pruning bench has finished."""
    run = folder.run(cell, seed)
    if not run.is_dir() or not RunFolder(run).is_finished:
        raise RunFolderError(
            f"{run} is no finished run: python benchmarks/records.py pruning --only {cell} makes "
            f"it."
        )
    return run


def score(wide: Any, net: nn.Module) -> float:
    """Test accuracy of a network in place of the wide one, in percent."""
    model: ImageModel = copy.copy(wide.encoder)
    model._modules = {"net": net}
    loaded = type(wide)(wide.settings, model.eval(), wide.graph, wide.seed)
    return 100 * float(score_run(loaded)["scores"]["test"])


def rows(name: str, folder: BenchFolder, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of one model: graphdam's, the wide one's and its cuts."""
    wides: list[RunRecord] = []
    found: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        run = finished(folder, f"{name}-wide", seed)
        small = read_record(finished(folder, f"{name}-default", seed))
        wide, record = load_any_run(run), read_record(run)
        wides.append(record)
        assert isinstance(wide.graph, Images)
        example = torch.zeros(1, *wide.graph.shape)
        scores = {
            "trained alone": (100 * record.test.mean, record.multiply_adds[0]),
            "DAM + teacher": (100 * small.test.mean, small.multiply_adds[0]),
        }
        for method, is_global in ((GLOBAL, True), (UNIFORM, False)):
            net = cut_to(wide.encoder.net, example, small.multiply_adds[0], is_global=is_global)
            scores[f"Torch-Pruning, {method}"] = (
                score(wide, net),
                module_multiply_adds(net, example),
            )
        for method, (accuracy, cost) in scores.items():
            values = {"seed": seed, "test": accuracy, "multiply_adds": cost}
            found.setdefault(method, []).append(values)
            print(f"{name} seed {seed}: {method} {accuracy:.2f} % at {cost}", file=sys.stderr)
    whole = [record.multiply_adds[0] for record in wides]
    return [
        {"model": name, "method": method, "wide": whole, "runs": runs}
        for method, runs in found.items()
    ]


def table(found: Sequence[dict[str, Any]], seeds: Sequence[int]) -> dict[str, object]:
    """The rows as `benchmarks/tables.py` prints them."""
    printed = []
    for row in found:
        accuracy = [run["test"] for run in row["runs"]]
        left = [
            100 * run["multiply_adds"] / whole
            for run, whole in zip(row["runs"], row["wide"], strict=True)
        ]
        spread = f" ± {stdev(accuracy):.1f}" if len(accuracy) > 1 else ""
        printed.append(
            [row["model"], row["method"], f"{fmean(left):.1f}", f"{fmean(accuracy):.1f}{spread}"]
        )
    return {
        "title": "Accuracy right after removal, nothing being trained afterwards",
        "columns": ["images and model", "method", "multiply-adds left (%)", "test accuracy (%)"],
        "rows": printed,
        "caption": (
            "cifar10-subset is a subset of 10,000 JPEG images. Torch-Pruning "
            f"{version('torch-pruning')} removes channels of least L2 norm from the wide model "
            "trained alone until it costs no more than graphdam's of the same seed. Seeds "
            f"{', '.join(map(str, seeds))}; ± is the unbiased deviation. graphdam {__version__}, "
            f"torch {torch.__version__}; cpu, 1 thread."
        ),
        "cells": list(found),
    }


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--seeds", type=int, default=3, help="how many of them")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders lie")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bench = find_bench("pruning")
    folder, seeds = BenchFolder(arguments.runs / f"bench-{bench.name}"), range(arguments.seeds)
    try:
        found = [row for name in arguments.models for row in rows(name, folder, seeds)]
    except GraphDamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_atomically(RESULT, json.dumps(table(found, seeds), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
