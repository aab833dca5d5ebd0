"""One run: settings in, a record and a compact model out."""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

from graphdam._version import __version__
from graphdam.baselines import num_nonzero, zero_shares
from graphdam.data import AnyData, Graph, load_data
from graphdam.errors import InexactError, RunFolderError
from graphdam.evaluation.latency import median_latencies
from graphdam.files import write_atomically
from graphdam.gates import DAMGate, gates_of
from graphdam.nn import Encoder
from graphdam.objectives import Prepared, embeddings_alike
from graphdam.report import (
    HistoryLine,
    Latency,
    Prefix,
    RunRecord,
    Scores,
    Sparsity,
    WideReference,
    draw_run,
    read_history,
    read_record,
    write_record,
)
from graphdam.report.metrics import goodness
from graphdam.report.scores import Frozen
from graphdam.training import Settings, Task, Trainer, load_model, seeded, task_of
from graphdam.training.checkpoint import read_checkpoint
from graphdam.training.compute import choose_device, threads_for
from graphdam.training.following import follow, require_shareable
from graphdam.training.learner import balls_for
from graphdam.training.model import AnyObjective, Model
from graphdam.training.run_folder import RunFolder
from graphdam.training.shrink import without_smallest_filters
from graphdam.training.system import system_of
from graphdam.training.team import Team, current_team, joined
from graphdam.training.width import WidthControl

LARGEST_DEVIATION = 1e-5
"""Of gated and compact outputs, relative to the outputs' scale, in float32."""


class WideResult(Frozen):
    """What the wide model of one seed scored."""

    widths: list[int]
    val: float
    test: float
    further: dict[str, float] = Field(default_factory=dict)
    parameters: int
    multiply_adds: int


class SeedResult(Frozen):
    """What one seed found."""

    seed: int
    metric: str
    val: float
    test: float
    further: dict[str, float] = Field(default_factory=dict)
    selected_epoch: int
    widths: list[int]
    start_widths: list[int]
    parameters: int
    multiply_adds: int
    sparsity: Sparsity | None = None
    deviation: float
    seconds: float
    wide: WideResult | None
    prefixes: list[Prefix] | None
    notes: list[str]


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
            results.append(_run_seed(task.at_split(seed), seed, folder, device, observer))
            observer.seed(results[-1])
        best = max(results, key=lambda result: goodness(result.metric, result.val))
        compact = load_model(settings, folder.seed_folder(best.seed)).to(device)
        latency = _latency(task.at_split(best.seed), compact)
        record = _record(task, results, best.seed, latency, device, threads, command)
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
            task.build_wide()


def _run_seed(
    task: Task[Any, Any], seed: int, folder: RunFolder, device: torch.device, observer: Observer
) -> SeedResult:
    settings, done = task.settings, folder.seed_result(seed)
    (is_done,) = current_team().agreed(float(done.exists()))
    if is_done:
        return _read_seed_result(done)
    checkpoint = folder.seed_checkpoint(seed)
    begun = read_checkpoint(checkpoint).values["epoch"] if checkpoint.exists() else 0
    finished = {other for other in settings.seeds if folder.seed_result(other).exists()}
    folder.cut_history(finished, seed=seed, epoch=begun)

    def keep(line: HistoryLine) -> None:
        folder.append_history(line)
        observer.epoch(line)

    with seeded(seed, device):
        model = task.build().to(device)
        objective = task.build_objective(model, seed=seed)
    start_widths = model.widths
    trainer = Trainer(settings, on_epoch=keep)
    fit = trainer.fit(model, task.data, objective, seed=seed, checkpoint=checkpoint)
    model = fit.encoder
    if settings.removed_filters > 0:
        model = without_smallest_filters(model, settings.removed_filters)
    prepared = task.prepare(model, objective)
    compact = model.compact()
    difference = task.deviation(model, compact, prepared)
    if difference > LARGEST_DEVIATION and not task.is_rounding(model, prepared):
        raise InexactError(
            f"The compact model's outputs differ from the gated one's by {difference:.1e} of their "
            f"scale (seed {seed}; {LARGEST_DEVIATION:.0e} is allowed): please report this as a bug "
            f"of graphdam, with {folder.path / 'settings.json'}."
        )
    scored = prepared.scored
    wide = None
    if fit.teacher is not None and fit.teacher_chosen is not None:
        val, test = objective.results(objective.quiet_outputs(fit.teacher, scored), scored)
        test |= task.further(fit.teacher, prepared)
        wide = WideResult(
            widths=fit.teacher.widths,
            val=val[objective.metric],
            test=test.pop(objective.metric),
            further=test,
            **task.cost(fit.teacher, prepared),
        )
    val, test = objective.results(objective.quiet_outputs(compact, scored), scored)
    test |= task.further(compact, prepared)
    if fit.ensemble:
        test |= _together(model, fit.ensemble, objective, scored)
    prefixes = None
    # A prefix of channels means something where they stand in the order of their closing.
    if any(isinstance(gate, DAMGate) for gate in gates_of(model).values()):
        prefixes = task.prefixes(compact, objective, prepared)
    result = SeedResult(
        seed=seed,
        metric=objective.metric,
        val=val[objective.metric],
        test=test.pop(objective.metric),
        further=test,
        selected_epoch=fit.chosen.epoch,
        widths=compact.widths,
        start_widths=start_widths,
        **task.cost(compact, prepared),
        sparsity=sparsity_of(compact) if settings.system is not None else None,
        deviation=difference,
        seconds=fit.seconds,
        wide=wide,
        prefixes=None
        if prefixes is None
        else [Prefix(widths=prefix.widths, val=prefix.score) for prefix in prefixes],
        notes=fit.notes,
    )
    compact.save_pretrained(folder.seed_folder(seed))
    write_atomically(done, result.model_dump_json(indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    return result


def sparsity_of(model: nn.Module) -> Sparsity:
    """How many parameters of a model are not zero, and where the zeros are."""
    return Sparsity(nonzero=num_nonzero(model), layers=zero_shares(model))


def _together(
    model: Model, states: list[dict[str, Tensor]], objective: AnyObjective, scored: Prepared
) -> dict[str, float]:
    """What a model scores on test with the mean of its outputs at several epochs."""
    outputs = []
    for state in states:
        one = copy.deepcopy(model)
        one.load_state_dict(state)
        outputs.append(objective.quiet_outputs(one.compact(), scored))
    _, test = objective.results(torch.stack(outputs).mean(dim=0), scored)
    return {f"{objective.metric}_ensemble": test[objective.metric]}


def _read_seed_result(path: Path) -> SeedResult:
    try:
        return SeedResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, OSError, UnicodeDecodeError) as error:
        raise RunFolderError(
            f"{path} is not the result of a finished seed (it was cut off, edited, or written by "
            f"another version): remove its folder to train that seed again, or start again with "
            f"--overwrite."
        ) from error


def _latency(task: Task[Any, Any], compact: Model) -> Latency | None:
    """One inference of the wide and of the compact model, alternately; weights do not matter."""
    if task.settings.gate is None and task.settings.removed_filters == 0:
        return None
    device = next(compact.parameters()).device
    with seeded(0, device):
        wide = task.build_wide().to(device).eval()
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


def _record(
    task: Task[Any, Any],
    results: list[SeedResult],
    model_seed: int,
    latency: Latency | None,
    device: torch.device,
    threads: int,
    command: str,
) -> RunRecord:
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
        sparsity=None if settings.system is None else _sparsities(results),
        latency=latency,
        deviation=max(result.deviation for result in results),
        seconds=[result.seconds for result in results],
        model_seed=model_seed,
        device=_device_name(device),
        threads=threads,
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torch-geometric": version("torch-geometric"),
        },
        notes=_seed_notes(results) + ([task.reading] if task.reading else []) + task.notes(),
    )


def _prefixes(settings: Settings, results: list[SeedResult]) -> list[list[Prefix]] | None:
    """By seed; of models of graphs alone: elsewhere each cut would have to read all again."""
    if settings.gate is None or settings.kind != "graphs":
        return None
    return [result.prefixes or [] for result in results]


def _sparsities(results: list[SeedResult]) -> list[Sparsity]:
    return [result.sparsity for result in results if result.sparsity is not None]


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
