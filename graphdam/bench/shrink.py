"""A trained model with a share of its filters, singular values or weights less."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from graphdam.baselines import WeightMasks, factorised
from graphdam.errors import SettingsError
from graphdam.nn import ImageModel
from graphdam.report import Reduction, RunRecord, Scores, read_record
from graphdam.seed_run import sparsity_of
from graphdam.serving import load_any_run
from graphdam.training import task_of
from graphdam.training.model import Model
from graphdam.training.shrink import with_fresh_statistics, without_smallest_filters


def shrink_run(run: Path, reduction: Reduction, *, data_root: Path | None = None) -> RunRecord:
    """The record of a run of one seed whose model lost a share of itself, without retraining.

    Batch norms take their statistics anew, see `with_fresh_statistics`.

    Args:
        run: the run folder.
        reduction: "filters", "svd" or "magnitude", and the share that goes.
        data_root: where named data sets lie.

    Raises:
        SettingsError: "svd" of an encoder of graphs.
        GraphDamError: the run has not finished, or its data cannot be loaded.
    """
    loaded = load_any_run(run, data_root=data_root)
    record = read_record(run)
    task = task_of(loaded.settings, loaded.graph)
    small = with_fresh_statistics(_shrunk(loaded.encoder, reduction), task, seed=loaded.seed)
    objective = task.build_objective(small, seed=loaded.seed)
    prepared = task.prepare(small, objective)
    scored = prepared.scored
    val, test = objective.results(objective.quiet_outputs(small, scored), scored)
    metric, cost = objective.metric, task.cost(small, prepared)
    changes: dict[str, Any] = {
        "reduction": reduction,
        "val": Scores.of(metric, [val[metric]]),
        "test": Scores.of(metric, [test.pop(metric)]),
        "further": {name: Scores.of(name, [score]) for name, score in test.items()},
        "widths": [small.widths],
        "parameters": [cost["parameters"]],
        "multiply_adds": [cost["multiply_adds"]],
        "sparsity": [sparsity_of(small)] if reduction.method == "magnitude" else None,
        "latency": None,
        "prefixes": None,
    }
    return RunRecord.model_validate({**dict(record), **changes})


def _shrunk(model: Model, reduction: Reduction) -> Model:
    assert reduction.share is not None
    match reduction.method:
        case "filters":
            return without_smallest_filters(model, reduction.share)
        case "svd":
            if not isinstance(model, ImageModel):
                raise SettingsError(
                    f"'svd' splits linear layers and convolutions of images in two, and this is a "
                    f"{type(model).__name__}: take 'filters'."
                )
            net = factorised(model.net, removed=reduction.share)
            return ImageModel(net, model.kind, model.arguments, model.shape, model.widths)
    masked = copy.deepcopy(model)
    WeightMasks(masked).prune(reduction.share)
    return masked
