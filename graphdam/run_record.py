"""The record of a run, from what its seeds found."""

from __future__ import annotations

import platform
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from graphdam._version import __version__
from graphdam.report import Latency, Prefix, RunRecord, Scores, Sparsity, WideReference
from graphdam.seed_run import SeedResult
from graphdam.training import Settings, Task


def record_of(
    task: Task[Any, Any],
    results: list[SeedResult],
    model_seed: int,
    latency: Latency | None,
    device: torch.device,
    threads: int,
    command: str,
) -> RunRecord:
    """The record of a run whose seeds found these results.

    Args:
        task: its settings and data.
        results: of every seed.
        model_seed: the seed whose model is handed on.
        latency: of that model.
        device: that it was trained on.
        threads: that it was trained in.
        command: what made it.
    """
    settings, metric = task.settings, results[0].metric
    wides = [result.wide for result in results if result.wide is not None]
    wide = None
    if wides:
        wide = WideReference(
            name="teacher",
            widths=wides[0].widths,
            val=Scores.of(metric, [each.val for each in wides]),
            test=Scores.of(metric, [each.test for each in wides]),
            further=_further([each.further for each in wides]),
            parameters=wides[0].parameters,
            multiply_adds=wides[0].multiply_adds,
        )
    return RunRecord(
        graphdam_version=__version__,
        command=command,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        dataset=task.name,
        split=task.split_name,
        model=settings.model,
        objective=settings.objective,
        recipe=settings.recipe,
        gate=settings.gate,
        penalty_weight=settings.penalty_weight if settings.learns_width else None,
        changed=settings.changed(),
        seeds=list(settings.seeds),
        selection=_selection(settings),
        selected_epochs=[result.selected_epoch for result in results],
        evaluator=task.evaluator,
        val=Scores.of(metric, [result.val for result in results]),
        test=Scores.of(metric, [result.test for result in results]),
        further=_further([result.further for result in results]),
        wide=wide,
        start_widths=results[0].start_widths,
        widths=[result.widths for result in results],
        prefixes=_prefixes(settings, results),
        parameters=[result.parameters for result in results],
        multiply_adds=[result.multiply_adds for result in results],
        trained_parameters=_trained(results),
        sparsity=None if settings.system is None else _sparsities(results),
        latency=latency,
        deviation=max(result.deviation for result in results),
        seconds=[result.seconds for result in results],
        model_seed=model_seed,
        classes=None if task.class_names is None else list(task.class_names),
        device=_device_name(device),
        threads=threads,
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torch-geometric": version("torch-geometric"),
        },
        notes=_seed_notes(results) + _notes(task),
    )


def _notes(task: Task[Any, Any]) -> list[str]:
    """What a reader should know of all seeds."""
    source, notes = task.settings.teacher_from, [task.reading] if task.reading else []
    if source is not None:
        learns_on = task.settings.teacher_rests_from > 0
        notes += [
            f"the teacher is the model of {Path(source).name}, trained before"
            f"{' and further' if learns_on else ''}; the seconds are without that"
        ]
    return notes + task.notes()


def _prefixes(settings: Settings, results: list[SeedResult]) -> list[list[Prefix]] | None:
    """By seed; of models of graphs alone: elsewhere each cut would have to read all again."""
    if settings.gate is None or settings.kind != "graphs":
        return None
    return [result.prefixes or [] for result in results]


def _sparsities(results: list[SeedResult]) -> list[Sparsity]:
    return [result.sparsity for result in results if result.sparsity is not None]


def _trained(results: list[SeedResult]) -> list[int] | None:
    """By seed, where every seed's result says so."""
    counts = [each.trained_parameters for each in results if each.trained_parameters is not None]
    return counts if len(counts) == len(results) else None


def _further(scores: list[dict[str, float]]) -> dict[str, Scores]:
    """The other scores of the test part, by name."""
    return {name: Scores.of(name, [each[name] for each in scores]) for name in scores[0]}


def _selection(settings: Settings) -> str:
    if settings.system == "irrelevance":
        return (
            "The sparsest of all looks at or above the lower bound on validation; test read once."
        )
    if settings.system == "aswl":
        begin = min(round(settings.ratio_end * settings.epochs), settings.epochs - 1)
        return (
            f"The best epoch on validation from {begin} on, when the ratios rest (ties: lower "
            f"loss); test read once."
        )
    if settings.gate is None:
        return "The best of all epochs on validation (ties: lower loss); test read once."
    begin = min(round(settings.gate_end * settings.epochs), settings.epochs - 1)
    if settings.teacher and settings.keeps_nearest:
        rests = settings.teacher_rests_from < settings.epochs
        begin = max(begin, settings.teacher_rests_from) if rests else begin
        return (
            f"The epoch whose outputs are nearest to the teacher's from {begin} on, when the width "
            f"is final{' and the teacher rests' if rests else ''}; test read once."
        )
    return (
        f"The best epoch on validation from {begin} on, when the width is final (ties: "
        f"lower loss); test read once."
    )


def _seed_notes(results: list[SeedResult]) -> list[str]:
    """Every note once, with the seeds that it is about."""
    seeds: dict[str, list[int]] = {}
    for result in results:
        for note in result.notes:
            seeds.setdefault(note, []).append(result.seed)
    return [
        f"{'seed' if len(about) == 1 else 'seeds'} {', '.join(map(str, about))}: {note}"
        for note, about in seeds.items()
    ]


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "cpu"
