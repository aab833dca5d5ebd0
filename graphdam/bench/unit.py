"""The piece of work that a bench hands to a core: one seed of one cell."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from graphdam import pipeline
from graphdam.bench.grid import Cell
from graphdam.bench.reduce import reduce_run
from graphdam.bench.rivals import rate_by
from graphdam.errors import GraphDamError
from graphdam.files import write_atomically
from graphdam.report import RECORD_FILE, BenchFolder, RunRecord, write_record_file
from graphdam.report.bench_folder import ERROR_FILE
from graphdam.training.run_folder import SETTINGS_FILE


@dataclass(frozen=True)
class Unit:
    """One seed of one cell."""

    cell: Cell
    seed: int

    def __str__(self) -> str:
        return f"{self.cell.name} seed {self.seed}"


@dataclass(frozen=True)
class Outcome:
    """How a unit ended: with a record, or with the sentence of an error."""

    unit: Unit
    seconds: float
    record: RunRecord | None = None
    error: str | None = None


def train_unit(unit: Unit, bench: BenchFolder, data_root: Path | None) -> Outcome:
    """Train a unit in its run folder, going on where it was begun, or cut the model of another.

    An error becomes the unit's outcome and is kept beside the run, so that the other units go on.
    Only what the whole bench would meet again (Ctrl-C, a full disk) is raised.
    """
    begun = time.monotonic()
    cell, folder = unit.cell, bench.run(unit.cell.name, unit.seed)
    (folder / ERROR_FILE).unlink(missing_ok=True)
    try:
        if cell.rival is not None:
            settings = cell.resolve((unit.seed,))
            command = f"graphdam bench NAME --only {cell.name} --seeds {unit.seed + 1}"
            record = rate_by(cell.rival, settings, data_root=data_root, command=command)
            write_record_file(record, folder / RECORD_FILE)
        elif cell.reduction is None:
            record = pipeline.run(
                cell.resolve((unit.seed,)),
                folder,
                data_root=data_root,
                resume=(folder / SETTINGS_FILE).exists(),
                command=cell.command((unit.seed,)),
            )
        else:
            assert cell.source is not None
            source = bench.run(cell.source, unit.seed)
            record = reduce_run(source, cell.reduction, data_root=data_root)
            write_record_file(record, folder / RECORD_FILE)
    except OSError:
        raise
    except GraphDamError as error:
        return failed_unit(unit, folder, str(error), seconds=time.monotonic() - begun)
    except Exception as error:
        sentence = f"Unexpected {type(error).__name__}: {error}. This is a bug of graphdam."
        return failed_unit(unit, folder, sentence, seconds=time.monotonic() - begun)
    return Outcome(unit, time.monotonic() - begun, record=record)


def failed_unit(unit: Unit, folder: Path, error: str, *, seconds: float = 0.0) -> Outcome:
    """The outcome of a unit that failed, its sentence kept in `error.txt`."""
    write_atomically(folder / ERROR_FILE, f"{error}\n")
    return Outcome(unit, seconds, error=error)
