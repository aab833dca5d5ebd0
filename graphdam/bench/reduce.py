"""A trained model made narrower without further training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from graphdam.baselines import pca, top_variance, truncate_columns
from graphdam.bench.shrink import shrink_run
from graphdam.errors import SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.nn import Encoder
from graphdam.objectives import LinkReconstruction, Objective, PreparedGraph, prepare_graph
from graphdam.report import Reduction, RunRecord, Scores, read_record
from graphdam.serving import LoadedRun, load_run
from graphdam.training import build_objective

_CUTS: Mapping[str, Callable[[Tensor, int], Tensor]] = {
    "pca": pca,
    "top-variance": top_variance,
    "columns": truncate_columns,
}


def reduce_run(run: Path, reduction: Reduction, *, data_root: Path | None = None) -> RunRecord:
    """The record of a run of one seed whose model is cut as `reduction` says.

    Rebuilt links are inner products, which principal axes keep best without centring.

    Args:
        run: the run folder.
        reduction: how, and to which width.
        data_root: where named data sets lie.

    Raises:
        SettingsError: the model is narrower than that, or has no embedding to cut.
        GraphDamError: the run has not finished, or its graph cannot be loaded.
    """
    if reduction.share is not None:
        return shrink_run(run, reduction, data_root=data_root)
    assert reduction.width is not None
    width = reduction.width
    loaded = load_run(run, data_root=data_root)
    record = read_record(run)
    objective = build_objective(loaded.settings, loaded.graph, loaded.encoder, seed=loaded.seed)
    graph = objective.training_graph(loaded.graph)
    prepared = prepare_graph(loaded.encoder, graph)
    encoder = loaded.encoder
    if reduction.cuts_encoder:
        encoder = _truncated(loaded, width)
        outputs = objective.quiet_outputs(encoder, prepared)
    else:
        outputs = _cut_outputs(loaded, objective, prepared, reduction)
    val, test = objective.results(outputs, prepared)
    metric = objective.metric
    changes: dict[str, Any] = {
        "reduction": reduction,
        "val": Scores.of(metric, [val[metric]]),
        "test": Scores.of(metric, [test.pop(metric)]),
        "further": {name: Scores.of(name, [score]) for name, score in test.items()},
        "widths": [encoder.widths],
        "parameters": [num_parameters(encoder)],
        "multiply_adds": [encoder.multiply_adds(prepared.x, prepared.adjacency)],
        "latency": None,
        "prefixes": None,
    }
    return RunRecord.model_validate({**dict(record), **changes})


def _truncated(loaded: LoadedRun, width: int) -> Encoder:
    """The encoder with `width` channels in its last layer, and as large a share of the others."""
    widths = loaded.encoder.widths
    _require_at_most(width, widths[-1] if widths else 0)
    groups = loaded.encoder.channel_groups()
    repeats = {group.repeats for group in groups}.pop() if groups else 1
    share = width / widths[-1]
    return loaded.encoder.truncate(
        [max(1, round(each * share / repeats)) * repeats for each in widths]
    )


def _cut_outputs(
    loaded: LoadedRun, objective: Objective, prepared: PreparedGraph, reduction: Reduction
) -> Tensor:
    if not loaded.settings.learns_embedding:
        raise SettingsError(
            f"'{reduction.method}' cuts embeddings, and {loaded.settings.objective} makes classes: "
            f"take 'truncate', or an objective that learns an embedding."
        )
    width = reduction.width
    assert width is not None
    z = objective.quiet_outputs(loaded.encoder, prepared)
    _require_at_most(width, z.size(1))
    cut = _CUTS[reduction.method]
    if reduction.method == "pca" and isinstance(objective, LinkReconstruction):
        cut = partial(pca, center=False)
    return cut(z, width)


def _require_at_most(width: int, widest: int) -> None:
    if width > widest:
        raise SettingsError(
            f"A model of width {widest} cannot be cut to {width}: ask for at most {widest}."
        )
