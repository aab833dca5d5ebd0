"""One run: settings in, a record and a compact model out."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import Field, ValidationError

from graphdam._version import __version__
from graphdam.compaction import deviation
from graphdam.data import Graph, load_graph
from graphdam.errors import InexactError, RunFolderError
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.latency import median_latencies
from graphdam.evaluation.ogb import evaluator_name
from graphdam.files import write_atomically
from graphdam.gates import DAMGate, gates_of
from graphdam.nn import Encoder
from graphdam.objectives import embeddings_alike, prepare_graph, score_prefixes
from graphdam.report import (
    HistoryLine,
    Latency,
    Prefix,
    RunRecord,
    Scores,
    WideReference,
    draw_run,
    read_history,
    read_record,
    write_record,
)
from graphdam.report.scores import Frozen
from graphdam.training import (
    Settings,
    Trainer,
    build_encoder,
    build_objective,
    build_wide,
    seeded,
)
from graphdam.training.checkpoint import read_checkpoint
from graphdam.training.compute import choose_device, threads_for
from graphdam.training.run_folder import RunFolder
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
    deviation: float
    seconds: float
    wide: WideResult | None
    prefixes: list[Prefix] | None
    notes: list[str]


@dataclass(frozen=True)
class Observer:
    """Who wants to know how a run goes; each is called as things happen.

    Attributes:
        graph: the graph, once it is loaded, with the device and the number of threads.
        epoch: every epoch's line of history.
        seed: every finished seed.
    """

    graph: Callable[[Graph, torch.device, int], None] = lambda graph, device, threads: None
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
    folder = RunFolder(out)
    if resume:
        folder = RunFolder.open(out)
        folder.require_same(settings)
        if folder.is_finished:
            return read_record(out)
    graph = load_graph(settings.dataset, split=settings.split, data_root=data_root)
    _refuse_unbuildable(settings, graph)
    if not resume:
        folder = RunFolder.create(out, settings, overwrite=overwrite)
    with threads_for(settings, graph) as threads, seeded(0, device):
        observer.graph(graph, device, threads)
        graph = graph.to(device)
        results: list[SeedResult] = []
        for seed in settings.seeds:
            results.append(_run_seed(settings, graph.at_split(seed), seed, folder, observer))
            observer.seed(results[-1])
        best = max(results, key=lambda result: result.val)
        compact = Encoder.from_pretrained(folder.seed_folder(best.seed)).to(device)
        latency = _latency(settings, graph.at_split(best.seed), compact)
        record = _record(settings, graph, results, best.seed, latency, device, threads, command)
        if settings.learns_embedding and len(settings.seeds) > 1:
            models = [Encoder.from_pretrained(folder.seed_folder(seed)) for seed in settings.seeds]
            alike = embeddings_alike([model.to(device) for model in models], graph)
            record = record.model_copy(update={"stability": alike})
    compact.save_pretrained(folder.model)
    draw_run(record, read_history(folder.history), folder.path)
    write_record(record, folder.path)
    folder.remove_checkpoint()
    return record


def _refuse_unbuildable(settings: Settings, graph: Graph) -> None:
    """Meet the errors of settings that do not fit the graph before a folder is made."""
    with seeded(0, graph.y.device):
        encoder = build_encoder(settings, graph)
        objective = build_objective(settings, graph, encoder, seed=settings.seeds[0])
        WidthControl(settings, encoder, prepare_graph(encoder, objective.training_graph(graph)))
        if settings.teacher:
            build_wide(settings, graph)


def _run_seed(
    settings: Settings, graph: Graph, seed: int, folder: RunFolder, observer: Observer
) -> SeedResult:
    done = folder.seed_result(seed)
    if done.exists():
        return _read_seed_result(done)
    checkpoint = folder.seed_checkpoint(seed)
    begun = read_checkpoint(checkpoint).values["epoch"] if checkpoint.exists() else 0
    finished = {other for other in settings.seeds if folder.seed_result(other).exists()}
    folder.cut_history(finished, seed=seed, epoch=begun)

    def keep(line: HistoryLine) -> None:
        folder.append_history(line)
        observer.epoch(line)

    with seeded(seed, graph.y.device):
        encoder = build_encoder(settings, graph).to(graph.y.device)
        objective = build_objective(settings, graph, encoder, seed=seed)
    start_widths = encoder.widths
    trainer = Trainer(settings, on_epoch=keep)
    fit = trainer.fit(encoder, graph, objective, seed=seed, checkpoint=checkpoint)
    encoder = fit.encoder
    prepared = prepare_graph(encoder, objective.training_graph(graph))
    compact = encoder.compact()
    inputs = (prepared.x, prepared.adjacency)
    difference = deviation(encoder, compact, *inputs, keep=encoder.open_outputs, relative=True)
    if difference > LARGEST_DEVIATION:
        raise InexactError(
            f"The compact model's outputs differ from the gated one's by {difference:.1e} of their "
            f"scale (seed {seed}; {LARGEST_DEVIATION:.0e} is allowed): please report this as a bug "
            f"of graphdam, with {folder.path / 'settings.json'}."
        )
    wide = None
    if fit.teacher is not None and fit.teacher_chosen is not None:
        val, test = objective.results(objective.quiet_outputs(fit.teacher, prepared), prepared)
        wide = WideResult(
            widths=fit.teacher.widths,
            val=val[objective.metric],
            test=test.pop(objective.metric),
            further=test,
            parameters=num_parameters(fit.teacher),
            multiply_adds=fit.teacher.multiply_adds(*inputs),
        )
    val, test = objective.results(objective.quiet_outputs(compact, prepared), prepared)
    result = SeedResult(
        seed=seed,
        metric=objective.metric,
        val=val[objective.metric],
        test=test.pop(objective.metric),
        further=test,
        selected_epoch=fit.chosen.epoch,
        widths=compact.widths,
        start_widths=start_widths,
        parameters=num_parameters(compact),
        multiply_adds=compact.multiply_adds(*inputs),
        deviation=difference,
        seconds=fit.seconds,
        wide=wide,
        # A prefix of channels means something where they stand in the order of their closing.
        prefixes=None
        if not any(isinstance(gate, DAMGate) for gate in gates_of(encoder).values())
        else [
            Prefix(widths=prefix.widths, val=prefix.score)
            for prefix in score_prefixes(compact, objective, prepared)
        ],
        notes=fit.notes,
    )
    compact.save_pretrained(folder.seed_folder(seed))
    write_atomically(done, result.model_dump_json(indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    return result


def _read_seed_result(path: Path) -> SeedResult:
    try:
        return SeedResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, OSError, UnicodeDecodeError) as error:
        raise RunFolderError(
            f"{path} is not the result of a finished seed (it was cut off, edited, or written by "
            f"another version): remove its folder to train that seed again, or start again with "
            f"--overwrite."
        ) from error


def _latency(settings: Settings, graph: Graph, compact: Encoder) -> Latency | None:
    """One inference of the wide and of the compact model, alternately; weights do not matter."""
    if settings.gate is None:
        return None
    with seeded(0, graph.y.device):
        wide = build_wide(settings, graph).to(graph.y.device).eval()
    prepared = prepare_graph(wide, graph)
    with torch.no_grad():
        wide_seconds, compact_seconds = median_latencies(
            lambda: wide(prepared.x, prepared.adjacency),
            lambda: compact(prepared.x, prepared.adjacency),
        )
    return Latency(
        wide_ms=wide_seconds * 1e3,
        compact_ms=compact_seconds * 1e3,
        ratio=wide_seconds / compact_seconds,
        threads=torch.get_num_threads(),
    )


def _record(
    settings: Settings,
    graph: Graph,
    results: list[SeedResult],
    model_seed: int,
    latency: Latency | None,
    device: torch.device,
    threads: int,
    command: str,
) -> RunRecord:
    metric = results[0].metric
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
        dataset=graph.name,
        split=graph.split_name,
        model=settings.model,
        objective=settings.objective,
        recipe=settings.recipe,
        gate=settings.gate,
        penalty_weight=settings.penalty_weight if settings.learns_width else None,
        changed=settings.changed(),
        seeds=list(settings.seeds),
        selection=_selection(settings),
        selected_epochs=[result.selected_epoch for result in results],
        evaluator=_evaluator(settings, graph),
        val=Scores.of(metric, [result.val for result in results]),
        test=Scores.of(metric, [result.test for result in results]),
        further=_further([result.further for result in results]),
        wide=wide,
        start_widths=results[0].start_widths,
        widths=[result.widths for result in results],
        prefixes=None if settings.gate is None else [result.prefixes or [] for result in results],
        parameters=[result.parameters for result in results],
        multiply_adds=[result.multiply_adds for result in results],
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
        notes=_seed_notes(results) + _graph_notes(settings, graph),
    )


def _further(scores: list[dict[str, float]]) -> dict[str, Scores]:
    """The other scores of the test part, by name."""
    return {name: Scores.of(name, [each[name] for each in scores]) for name in scores[0]}


def _selection(settings: Settings) -> str:
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


def _evaluator(settings: Settings, graph: Graph) -> str | None:
    if graph.evaluator is None or settings.learns_embedding:
        return None
    return evaluator_name(graph.evaluator)


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


def _graph_notes(settings: Settings, graph: Graph) -> list[str]:
    if graph.edge_weight is not None and settings.model != "gcn":
        return [f"the edge weights of {graph.name} are not used: {settings.model} takes none"]
    return []


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "cpu"
