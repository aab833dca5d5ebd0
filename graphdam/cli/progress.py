"""The live line of a training run."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    import torch

    from graphdam.data import AnyData
    from graphdam.pipeline import Observer
    from graphdam.report import HistoryLine
    from graphdam.seed_run import SeedResult
    from graphdam.training import Settings

MOST_LISTED = 4
"""So many layers' widths fit into a line."""


class TrainingProgress:
    """Shows one line a seed while it trains: epoch, loss, validation, widths."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self.settings = settings
        self.console = console
        self.bar = Progress(
            TextColumn("seed {task.fields[seed]}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[line]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=console.quiet,
        )
        self.task: TaskID | None = None
        self.start_widths: list[int] = []

    @property
    def observer(self) -> Observer:
        from graphdam.pipeline import Observer

        return Observer(
            data=self._on_data,
            reading=lambda reason: self.console.print(f"Reads {reason}", highlight=False),
            epoch=self._on_epoch,
            seed=self._on_seed,
        )

    def __enter__(self) -> TrainingProgress:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def _on_data(self, data: AnyData, device: torch.device, threads: int) -> None:
        on = f"{device}, {threads} thread{'s' if threads > 1 else ''}"
        self.console.print(f"{_about(data)}, {data.split_name} split; on {on}", highlight=False)

    def _on_epoch(self, line: HistoryLine) -> None:
        if self.task is None:
            self.task = self.bar.add_task("", total=self.settings.epochs, seed=line.seed, line="")
            self.start_widths = self._start_widths(line.widths)
        teacher = "" if line.teacher_val is None else f" (teacher {self._told(line.teacher_val)})"
        widths = _widths(self.start_widths, line.widths)
        self.bar.update(
            self.task,
            completed=line.epoch + 1,
            line=f"loss {line.loss:.3f}  val {self._told(line.val)}{teacher}  width {widths}",
        )

    def _told(self, score: float) -> str:
        from graphdam.report.numbers import told

        return told("rmse" if self.settings.kind == "ratings" else "accuracy", score)

    def _start_widths(self, now: list[int]) -> list[int]:
        settings = self.settings
        if settings.gate is None or settings.kind != "graphs":
            return now
        widths = [settings.start_width] * settings.num_hidden
        if settings.learns_embedding:
            widths[-1] = min(settings.start_width, settings.embedding_width)
        return widths

    def _on_seed(self, result: SeedResult) -> None:
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None
        widths = _widths(result.start_widths, result.widths)
        self.console.print(
            f"seed {result.seed}: val {self._told(result.val)}, test {self._told(result.test)}, "
            f"width {widths}, {result.seconds:.1f} s",
            highlight=False,
        )


def _about(data: AnyData) -> str:
    from graphdam.data import Images, Points, Ratings

    if isinstance(data, Points):
        return f"{data.name}: {len(data.x):,} points of {data.x.size(1)} numbers"
    if isinstance(data, Ratings):
        users, items = data.shape
        return (
            f"{data.label}: {data.num_ratings:,} ratings of {items:,} items by {users:,} users, "
            f"{data.num_levels} levels"
        )
    if isinstance(data, Images):
        size = " × ".join(map(str, data.shape))
        classes = f"{data.num_classes} classes"
        return f"{data.label}: {data.num_images:,} images of {size} numbers, {classes}"
    told = f"{data.num_classes} classes"
    if data.links is not None:
        told = f"{data.links.test.pos_edges.size(1):,} links to test on"
    return (
        f"{data.name}: {data.num_nodes:,} nodes, {data.num_edges:,} directed edges, "
        f"{data.num_features:,} features, {told}"
    )


def _widths(start: list[int], now: list[int]) -> str:
    """Every layer's width, or that of all together where they are too many for a line."""
    if len(now) > MOST_LISTED:
        return f"{sum(start)} → {sum(now)} in {len(now)} layers"
    return ", ".join(f"{before} → {after}" for before, after in zip(start, now, strict=False))
