"""The folder of a bench: what it was asked for, what is there, and what is missing and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from graphdam.errors import RunFolderError
from graphdam.files import write_atomically
from graphdam.report._refusal import first_fault
from graphdam.report.record_file import RECORD_FILE
from graphdam.report.scores import Count, Frozen

PLAN_FILE = "bench.json"
ERROR_FILE = "error.txt"
RECORDS_FOLDER = "records"


class CellPlan(Frozen):
    """What a cell is about; `split` is `None` where a user's graph decides it."""

    dataset: str
    split: str | None
    model: str
    objective: str
    command: str
    seeds: list[Count] = Field(min_length=1)


class BenchPlan(Frozen):
    """Every cell that a bench folder was ever asked for, with all its seeds."""

    format: Literal[1] = 1
    graphdam_version: str
    cells: dict[str, CellPlan] = Field(default_factory=dict)


@dataclass(frozen=True)
class MissingCell:
    """A cell without a record: how far it got, or why it failed."""

    name: str
    plan: CellPlan
    graphdam_version: str
    reason: str


@dataclass(frozen=True)
class BenchFolder:
    """A run folder a seed under `CELL/seed-S`, a record a finished cell under `records`.

    What failed leaves its sentence in `error.txt`: in the seed's folder, or in the cell's where
    its seeds could not be merged.
    """

    path: Path

    @property
    def records(self) -> Path:
        return self.path / RECORDS_FOLDER

    def record(self, cell: str) -> Path:
        return self.records / f"{cell}.json"

    def run(self, cell: str, seed: int) -> Path:
        return self.path / cell / f"seed-{seed}"

    def error(self, cell: str, seed: int | None = None) -> Path:
        folder = self.path / cell if seed is None else self.run(cell, seed)
        return folder / ERROR_FILE

    def plan(self) -> BenchPlan | None:
        """What the folder was asked for; `None` where there is no bench.

        Raises:
            RunFolderError: the plan is not one that this version wrote.
        """
        file = self.path / PLAN_FILE
        if not file.is_file():
            return None
        try:
            return BenchPlan.model_validate_json(file.read_bytes())
        except (ValidationError, OSError) as error:
            fault = first_fault(error) if isinstance(error, ValidationError) else str(error)
            raise RunFolderError(
                f"{file} is not the plan of a bench ({fault}): remove it and run the same "
                f"graphdam bench again, which keeps finished runs."
            ) from error

    def write_plan(self, plan: BenchPlan) -> None:
        write_atomically(self.path / PLAN_FILE, plan.model_dump_json(indent=1) + "\n")

    def record_files(self) -> list[Path]:
        """The records of the finished cells, in the order of the plan."""
        plan = self.plan()
        return (
            [] if plan is None else [file for c in plan.cells if (file := self.record(c)).is_file()]
        )

    def missing(self) -> list[MissingCell]:
        """The planned cells without a record, in the order of the plan."""
        plan = self.plan()
        if plan is None:
            return []
        return [
            MissingCell(name, cell, plan.graphdam_version, self._reason(name, cell))
            for name, cell in plan.cells.items()
            if not self.record(name).is_file()
        ]

    def _reason(self, name: str, cell: CellPlan) -> str:
        if self.error(name).is_file():
            return f"failed: {_sentence(self.error(name))}"
        failed = [seed for seed in cell.seeds if self.error(name, seed).is_file()]
        if failed:
            sentence = _sentence(self.error(name, failed[0]))
            of = f"{len(failed)} of {len(cell.seeds)} seeds failed"
            return f"{of}; seed {failed[0]}: {sentence}"
        there = sum((self.run(name, seed) / RECORD_FILE).is_file() for seed in cell.seeds)
        return f"not finished: {there} of {len(cell.seeds)} seeds are there"


def _sentence(file: Path) -> str:
    return " ".join(file.read_text(encoding="utf-8", errors="replace").split())
