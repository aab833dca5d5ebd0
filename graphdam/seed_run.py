"""One seed of a run: trained, made compact, scored, and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from torch import nn

from graphdam.baselines import num_nonzero, zero_shares
from graphdam.errors import InexactError, RunFolderError
from graphdam.files import write_atomically
from graphdam.gates import DAMGate, gates_of
from graphdam.report import HistoryLine, Prefix, Sparsity
from graphdam.report.scores import Frozen
from graphdam.training import Task, Trainer, seeded
from graphdam.training.checkpoint import read_checkpoint
from graphdam.training.ensemble import scores_together
from graphdam.training.run_folder import RunFolder
from graphdam.training.shrink import with_fresh_statistics, without_smallest_filters
from graphdam.training.team import current_team

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
    trained_parameters: int | None = None
    deviation: float
    seconds: float
    wide: WideResult | None
    prefixes: list[Prefix] | None
    notes: list[str]


def run_seed(
    task: Task[Any, Any],
    seed: int,
    folder: RunFolder,
    device: torch.device,
    on_epoch: Callable[[HistoryLine], None],
) -> SeedResult:
    """Train a seed, make its model compact, score it, and keep both in the run folder.

    One that is there already is read; one that was interrupted goes on.

    Raises:
        InexactError: the compact model has other outputs than the gated one.
        RunFolderError: what is there cannot be read.
    """
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
        on_epoch(line)

    with seeded(seed, device):
        model = task.build().to(device)
        objective = task.build_objective(model, seed=seed)
    start_widths = model.widths
    trainer = Trainer(settings, on_epoch=keep)
    fit = trainer.fit(model, task.data, objective, seed=seed, checkpoint=checkpoint)
    model = fit.encoder
    if settings.removed_filters > 0:
        small = without_smallest_filters(model, settings.removed_filters)
        model = with_fresh_statistics(small, task, seed=seed)
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
        test |= scores_together(model, fit.ensemble, objective, scored)
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
        trained_parameters=fit.num_trained,
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


def _read_seed_result(path: Path) -> SeedResult:
    try:
        return SeedResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, OSError, UnicodeDecodeError) as error:
        raise RunFolderError(
            f"{path} is not the result of a finished seed (it was cut off, edited, or written by "
            f"another version): remove its folder to train that seed again, or start again with "
            f"--overwrite."
        ) from error
