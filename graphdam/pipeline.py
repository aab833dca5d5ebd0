"""One run: settings in, a record and a compact model out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graphdam.data import AnyData, Graph, load_data
from graphdam.evaluation.latency import median_latencies
from graphdam.nn import Encoder
from graphdam.objectives import embeddings_alike
from graphdam.report import (
    HistoryLine,
    Latency,
    RunRecord,
    draw_run,
    read_history,
    read_record,
    write_record,
)
from graphdam.report.metrics import goodness
from graphdam.run_record import record_of
from graphdam.seed_run import SeedResult, run_seed
from graphdam.training import Settings, Task, load_model, seeded, task_of
from graphdam.training.compute import choose_device, require_precision, threads_for
from graphdam.training.following import follow, require_shareable
from graphdam.training.learner import balls_for
from graphdam.training.model import SavedModel
from graphdam.training.run_folder import RunFolder
from graphdam.training.system import system_of
from graphdam.training.team import Team, joined
from graphdam.training.trained_teacher import build_teacher
from graphdam.training.width import WidthControl


@dataclass(frozen=True)
class Observer:
    """Who wants to know how a run goes; each is called as things happen.

    Attributes:
        data: the graph, images, points or ratings, once loaded, with the device and the number of
            threads.
        epoch: every epoch's line of history.
        reading: how the data is read, where there was a choice.
        seed: every finished seed.
    """

    data: Callable[[AnyData, torch.device, int], None] = lambda data, device, threads: None
    reading: Callable[[str], None] = lambda reason: None
    epoch: Callable[[HistoryLine], None] = lambda line: None
    seed: Callable[[SeedResult], None] = lambda result: None


def run(
    settings: Settings,
    out: Path,
    *,
    data_root: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    command: str = "graphdam.pipeline.run",
    observer: Observer | None = None,
) -> RunRecord:
    """Train every seed, compact, score, and leave a run folder at `out`.

    Under torchrun all processes call this: the first leads and writes, the others share its steps.

    Args:
        settings: see `Settings`.
        out: the run folder.
        data_root: where named data sets lie, see `load_graph`.
        overwrite: replace a run that is there.
        resume: go on with the run at `out`, which was interrupted; a finished one is returned as
            it is.
        command: what the record names as its origin.
        observer: who is told about progress.

    Raises:
        GraphDamError: of any kind, each with a sentence that says what to do. A run folder that
            has begun stays resumable.
    """
    observer = observer or Observer()
    device = choose_device(settings.device)
    require_precision(settings, device)
    with joined() as team:
        team.require_same(settings.model_dump(mode="json") | {"resume": resume})
        if not team.leads:
            data = load_data(settings.dataset, split=settings.split, data_root=data_root)
            return follow(settings, data, device, team)
        record = _lead(
            settings,
            out,
            device,
            team,
            data_root=data_root,
            overwrite=overwrite,
            resume=resume,
            command=command,
            observer=observer,
        )
        team.shared(record.model_dump_json().encode())
        return record


def _lead(
    settings: Settings,
    out: Path,
    device: torch.device,
    team: Team,
    *,
    data_root: Path | None,
    overwrite: bool,
    resume: bool,
    command: str,
    observer: Observer,
) -> RunRecord:
    """The run of the process that writes: of the only one, where there are no others."""
    folder = RunFolder(out)
    if resume:
        folder = RunFolder.open(out)
        folder.require_same(settings)
        if folder.is_finished:
            for _ in settings.seeds:
                team.agreed(1.0)
            return read_record(out)
    data = load_data(settings.dataset, split=settings.split, data_root=data_root)
    require_shareable(settings, data, device, team)
    _refuse_unbuildable(task_of(settings, data))
    if not resume:
        folder = RunFolder.create(out, settings, overwrite=overwrite)
    with threads_for(settings, data) as threads, seeded(0, device):
        observer.data(data, device, threads)
        data = data.to(device)
        task = task_of(settings, data)
        if task.reading:
            observer.reading(task.reading)
        results: list[SeedResult] = []
        for seed in settings.seeds:
            results.append(run_seed(task.at_split(seed), seed, folder, device, observer.epoch))
            observer.seed(results[-1])
        best = max(results, key=lambda result: goodness(result.metric, result.val))
        compact = load_model(settings, folder.seed_folder(best.seed)).to(device)
        latency = _latency(task.at_split(best.seed), compact, seed=best.seed)
        record = record_of(task, results, best.seed, latency, device, threads, command)
        if settings.learns_embedding and len(settings.seeds) > 1:
            record = record.model_copy(update={"stability": _stability(settings, data, folder)})
    compact.save_pretrained(folder.model)
    draw_run(record, read_history(folder.history), folder.path)
    write_record(record, folder.path)
    folder.remove_checkpoint()
    return record


def _stability(settings: Settings, data: AnyData, folder: RunFolder) -> float | None:
    """How alike the seeds' embeddings are."""
    assert isinstance(data, Graph)
    models = [Encoder.from_pretrained(folder.seed_folder(seed)) for seed in settings.seeds]
    return embeddings_alike([model.to(data.y.device) for model in models], data)


def _refuse_unbuildable(task: Task[Any, Any]) -> None:
    """Meet the errors of settings that do not fit the data before a folder is made."""
    settings = task.settings
    with seeded(0, torch.device("cpu")):
        model = task.build()
        objective = task.build_objective(model, seed=settings.seeds[0])
        WidthControl(settings, model, task.prepare_training(model, objective))
        balls_for(settings, model)
        system_of(settings, model, 1)
        if settings.teacher:
            for seed in settings.seeds:
                build_teacher(task.at_split(seed), seed=seed)


def _latency(task: Task[Any, Any], compact: SavedModel, *, seed: int) -> Latency | None:
    """One inference of the wide and of the compact model, alternately; weights do not matter."""
    if task.settings.gate is None and task.settings.removed_filters == 0:
        return None
    device = next(compact.parameters()).device
    with seeded(0, device):
        taught = task.settings.teacher_from is not None
        wide = build_teacher(task, seed=seed) if taught else task.build_wide()
        wide = wide.to(device).eval()
    with torch.no_grad():
        wide_seconds, compact_seconds = median_latencies(
            task.inference(wide), task.inference(compact)
        )
    return Latency(
        wide_ms=wide_seconds * 1e3,
        compact_ms=compact_seconds * 1e3,
        ratio=wide_seconds / compact_seconds,
        threads=torch.get_num_threads(),
        **task.items_a_call,
    )
