"""What a bench folder is asked for, and what of it is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from graphdam._version import __version__
from graphdam.bench.grid import Bench
from graphdam.bench.unit import Unit
from graphdam.data.own import choose_split, is_path
from graphdam.data.rating_registry import RATING_SETS
from graphdam.data.registry import (
    DATASETS,
    find_dataset,
    find_image_set,
    find_point_set,
    is_image_set,
    is_point_set,
)
from graphdam.errors import RunFolderError
from graphdam.report import (
    RECORD_FILE,
    BenchFolder,
    BenchPlan,
    CellPlan,
    RunRecord,
    read_record,
)
from graphdam.training.run_folder import SETTINGS_FILE, RunFolder


def plan_bench(bench: Bench, folder: BenchFolder, seeds: Sequence[int]) -> BenchPlan:
    """What the folder has been asked for until now and in this call; nothing is written.

    Raises:
        GraphDamError: a cell contradicts itself, a data set or split is unknown, or the folder is
            of another version.
    """
    known = folder.plan()
    if known is not None and known.graphdam_version != __version__:
        raise RunFolderError(
            f"{folder.path} holds runs of graphdam {known.graphdam_version}, this is "
            f"{__version__}, and numbers may differ from version to version: choose another --out."
        )
    cells = {} if known is None else dict(known.cells)
    for cell in bench.cells:
        settings = cell.resolve(seeds)
        dataset, split = settings.dataset, settings.split
        if is_image_set(dataset):
            images = find_image_set(dataset)
            dataset, split = images.name, images.split
        elif is_point_set(dataset):
            points = find_point_set(dataset)
            dataset, split = points.name, points.split
        elif dataset.lower() in RATING_SETS:
            dataset, split = dataset.lower(), "published"
        elif is_path(dataset) and dataset.lower() not in DATASETS:
            dataset = Path(dataset).stem
        else:
            info = find_dataset(dataset)
            dataset, split = info.name, choose_split(split, info.splits, info.name)
        begun = cells[cell.name].seeds if cell.name in cells else []
        all_seeds = sorted({*begun, *seeds})
        cells[cell.name] = CellPlan(
            dataset=dataset,
            split=split,
            model=cell.rival or settings.model,
            objective=settings.objective,
            command=bench.command(cell, all_seeds),
            seeds=all_seeds,
        )
    return BenchPlan(graphdam_version=__version__, cells=cells)


def finished_record(unit: Unit, folder: BenchFolder) -> RunRecord | None:
    """The record of a unit that needs no training.

    Raises:
        RunFolderError: the unit was begun with other settings, see `replace_others`.
    """
    path = folder.run(unit.cell.name, unit.seed)
    if unit.cell.reduction is not None:
        return _reduced_record(unit, folder)
    if unit.cell.rival is not None:
        return read_record(path) if (path / RECORD_FILE).exists() else None
    if not (path / SETTINGS_FILE).exists():
        return None
    run = RunFolder.open(path)
    difference = run.difference(unit.cell.resolve((unit.seed,)))
    if difference is not None:
        raise RunFolderError(
            f"{difference}: --overwrite replaces the runs of other settings, or choose another "
            f"--out."
        )
    return read_record(path) if run.is_finished else None


def replace_others(units: Iterable[Unit], folder: BenchFolder) -> None:
    """Empty the run folders of units that were begun with other settings, or with unreadable ones.

    Raises:
        RunFolderError: a folder that is not a run's.
    """
    for unit in units:
        path, settings = folder.run(unit.cell.name, unit.seed), unit.cell.resolve((unit.seed,))
        if not (path / SETTINGS_FILE).exists():
            continue
        try:
            is_same = RunFolder.open(path).difference(settings) is None
        except RunFolderError:
            is_same = False
        if not is_same:
            RunFolder.create(path, settings, overwrite=True)


def _reduced_record(unit: Unit, folder: BenchFolder) -> RunRecord | None:
    """The record of a cut model, unless what was cut has changed since."""
    cell = unit.cell
    assert cell.source is not None
    record = folder.run(cell.name, unit.seed) / RECORD_FILE
    source = folder.run(cell.source, unit.seed) / RECORD_FILE
    if not record.exists() or not source.exists():
        return None
    found, trained = read_record(record), read_record(source)
    same = found.reduction == cell.reduction and found.created == trained.created
    return found if same else None
