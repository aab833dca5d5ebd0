"""A bench on the cores it is given: resumed where it stopped, a record for every finished cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from graphdam.bench.grid import Bench, Cell
from graphdam.bench.plan import finished_record, plan_bench, replace_others
from graphdam.bench.remaining import seconds_left
from graphdam.bench.unit import Outcome, Unit
from graphdam.bench.workers import outcomes_of
from graphdam.data import load_graph
from graphdam.errors import GraphDamError
from graphdam.files import write_atomically
from graphdam.nn import Encoder
from graphdam.objectives import embeddings_alike
from graphdam.report import (
    BenchFolder,
    BenchPlan,
    RunRecord,
    merge_records,
    read_record,
    write_record_file,
)
from graphdam.training.run_folder import RunFolder


@dataclass(frozen=True)
class BenchObserver:
    """Who wants to know how a bench goes.

    Attributes:
        planned: all units, and how many of them were finished before.
        begun: a unit that a core has taken, called from any thread.
        ended: its outcome, and the seconds that the others take, once that can be told.
    """

    planned: Callable[[int, int], None] = lambda total, finished: None
    begun: Callable[[Unit], None] = lambda unit: None
    ended: Callable[[Outcome, float | None], None] = lambda outcome, left: None


@dataclass(frozen=True)
class Failure:
    """What a bench could not do; `seed` is `None` where a cell's seeds could not be merged."""

    cell: str
    seed: int | None
    reason: str


@dataclass(frozen=True)
class BenchResult:
    """The records of the bench's finished cells, and what failed in this call."""

    records: tuple[Path, ...]
    failures: tuple[Failure, ...]


def run_bench(
    bench: Bench,
    out: Path,
    *,
    jobs: int = 1,
    seeds: Sequence[int] = range(10),
    overwrite: bool = False,
    data_root: Path | None = None,
    observer: BenchObserver | None = None,
) -> BenchResult:
    """Train what is missing of a bench, and write a record for every cell whose seeds are there.

    A unit of work is one seed of one cell, in a process of its own. Finished units count and are
    never trained again, interrupted ones go on, failed ones are tried again. A cell's record
    holds all seeds that the folder was ever asked for.

    Args:
        bench: the cells.
        out: the folder, see `BenchFolder`.
        jobs: units that are trained side by side.
        seeds: of every cell.
        overwrite: train anew what was begun with other settings, in place of refusing it.
        data_root: where named data sets lie, see `load_graph`.
        observer: who is told about progress.

    Raises:
        GraphDamError: cells that contradict themselves, unknown data sets, a folder that holds
            runs of other settings or another version: all before anything is trained.
    """
    observer = observer or BenchObserver()
    folder = BenchFolder(out)
    plan = plan_bench(bench, folder, seeds)
    units = [Unit(cell, seed) for cell in bench.cells for seed in plan.cells[cell.name].seeds]
    if overwrite:
        replace_others(units, folder)
    records = {
        unit: record for unit in units if (record := finished_record(unit, folder)) is not None
    }
    left = [unit for unit in units if unit not in records and unit.seed in seeds]
    for unit in units:
        if unit not in records:  # its cell may have a record, of fewer seeds
            folder.record(unit.cell.name).unlink(missing_ok=True)
    folder.write_plan(plan)
    observer.planned(len(records) + len(left), len(records))
    taken = [(unit.cell, sum(record.seconds)) for unit, record in records.items()]
    merge = partial(_merge, plan=plan, records=records, folder=folder, data_root=data_root)
    failures = [failure for cell in bench.cells for failure in merge(cell)]
    trained = tuple(unit for unit in left if unit.cell.reduction is None)
    cut = tuple(unit for unit in left if unit.cell.reduction is not None)
    for some in (trained, cut):  # what is cut must have been trained
        with closing(outcomes_of(some, folder, data_root, jobs, observer.begun)) as outcomes:
            for outcome in outcomes:
                unit = outcome.unit
                left.remove(unit)
                if outcome.record is None:
                    failures.append(Failure(unit.cell.name, unit.seed, outcome.error or ""))
                else:
                    records[unit] = outcome.record
                    taken.append((unit.cell, outcome.seconds))
                    failures += merge(unit.cell)
                estimate = seconds_left(taken, [other.cell for other in left], jobs=jobs)
                observer.ended(outcome, estimate)
    written = [folder.record(cell.name) for cell in bench.cells]
    return BenchResult(tuple(file for file in written if file.is_file()), tuple(failures))


def _merge(
    cell: Cell,
    *,
    plan: BenchPlan,
    records: Mapping[Unit, RunRecord],
    folder: BenchFolder,
    data_root: Path | None,
) -> list[Failure]:
    """Write the record of a cell if all of its seeds are there."""
    planned = plan.cells[cell.name]
    found = [records.get(Unit(cell, seed)) for seed in planned.seeds]
    there = [record for record in found if record is not None]
    if len(there) < len(found):
        return []
    folder.error(cell.name).unlink(missing_ok=True)
    try:
        record = merge_records(there, command=planned.command)
        if record.reduction is None and record.embeds_nodes and len(there) > 1:
            record = _with_stability(cell, record, folder, data_root)
    except GraphDamError as error:
        write_atomically(folder.error(cell.name), f"{error}\n")
        return [Failure(cell.name, None, str(error))]
    write_record_file(record, folder.record(cell.name))
    return []


def _with_stability(
    cell: Cell, record: RunRecord, folder: BenchFolder, data_root: Path | None
) -> RunRecord:
    """How alike the seeds' embeddings are, unless the record that is there says so already."""
    file = folder.record(cell.name)
    if file.is_file():
        known = read_record(file)
        if known.model_copy(update={"stability": None}) == record:
            return known
    folders = [RunFolder(folder.run(cell.name, seed)).model for seed in record.seeds]
    models = [Encoder.from_pretrained(model) for model in folders]
    graph = load_graph(record.dataset, split=record.split, data_root=data_root)
    return record.model_copy(update={"stability": embeddings_alike(models, graph)})
