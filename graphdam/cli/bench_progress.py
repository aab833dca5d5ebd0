"""The live line of a bench, and a line for every unit that ends."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from graphdam.bench import Bench, BenchObserver, Outcome, Unit


class BenchProgress:
    """Shows units done of all, the time left, and what is trained just now."""

    def __init__(self, bench: Bench, console: Console) -> None:
        self.bench = bench
        self.console = console
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed}/{task.total} runs"),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[now]}"),
            console=console,
            transient=True,
            disable=console.quiet,
        )
        self.task: TaskID | None = None
        self.total = self.done = 0
        self.now: list[Unit] = []

    @property
    def observer(self) -> BenchObserver:
        from graphdam.bench import BenchObserver

        return BenchObserver(planned=self._on_plan, begun=self._on_begun, ended=self._on_ended)

    def __enter__(self) -> BenchProgress:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def _on_plan(self, total: int, finished: int) -> None:
        self.total, self.done = total, finished
        before = f", {finished} finished before" if finished else ""
        self._print(f"{self.bench.name}: {len(self.bench.cells)} cells, {total} runs{before}")
        self.task = self.bar.add_task(
            self.bench.name, total=total, completed=finished, left="", now=""
        )

    def _on_begun(self, unit: Unit) -> None:
        self.now = [*self.now, unit]
        self._update()

    def _on_ended(self, outcome: Outcome, left: float | None) -> None:
        self.done += 1
        self.now = [unit for unit in self.now if unit != outcome.unit]
        time = "" if left is None or self.done == self.total else f"{duration(left)} left"
        self._update(completed=self.done, left=time)
        from graphdam.report.numbers import told

        found = f"failed: {outcome.error}"
        if outcome.record is not None:
            record = outcome.record
            widths = ", ".join(map(str, record.widths[0])) or "–"
            score = told(record.test.metric, record.test.mean)
            found = f"test {score}, width {widths}, {outcome.seconds:.1f} s"
        tail = f"; {time}" if time else ""
        self._print(f"{self.done}/{self.total} {outcome.unit}: {found}{tail}")

    def _update(self, **changed: object) -> None:
        if self.task is not None:
            self.bar.update(self.task, now=", ".join(map(str, self.now)), **changed)  # type: ignore[arg-type]

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """A time in the one or two units that matter.

    >>> [duration(s) for s in (8, 95, 600, 7000, 30_000)]
    ['8 s', '2 min', '10 min', '1 h 57 min', '8 h 20 min']
    """
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
