"""A bench of a few epochs on karate, and what tests ask of its records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphdam.bench import Bench, BenchObserver, Cell, Outcome, Unit
from graphdam.report import BenchFolder, RunRecord, read_record

QUICK: dict[str, Any] = {
    "dataset": "karate",
    "device": "cpu",
    "epochs": 6,
    "hidden_channels": 16,
    "start_width": 8,
    "lr": 0.02,
    "gate_end": 0.5,
    "min_width": 2,
}


def make_cell(name: str, **settings: Any) -> Cell:
    return Cell(name, {**QUICK, **settings})


def make_bench(*cells: Cell) -> Bench:
    return Bench("tiny", "For tests.", cells)


TINY = make_bench(make_cell("gated", target_width=4), make_cell("plain", recipe="wide"))


class Log:
    """What a bench told its observer."""

    def __init__(self) -> None:
        self.planned: list[tuple[int, int]] = []
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.left: list[float | None] = []

    @property
    def observer(self) -> BenchObserver:
        return BenchObserver(
            planned=lambda total, finished: self.planned.append((total, finished)),
            begun=self._on_begun,
            ended=self._on_ended,
        )

    def _on_begun(self, unit: Unit) -> None:
        self.begun.append(str(unit))

    def _on_ended(self, outcome: Outcome, left: float | None) -> None:
        self.ended.append(str(outcome.unit))
        self.left.append(left)


def untimed(record: RunRecord) -> dict[str, Any]:
    """A record without what no two runs share."""
    content = record.model_dump()
    for name in ("created", "seconds", "latency"):
        del content[name]
    return content


def records_of(out: Path) -> dict[str, dict[str, Any]]:
    files = sorted(BenchFolder(out).records.glob("*.json"))
    return {file.stem: untimed(read_record(file)) for file in files}
