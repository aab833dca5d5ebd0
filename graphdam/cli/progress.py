"""The live line of a training run."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    import torch

    from graphdam.data import Graph
    from graphdam.pipeline import Observer, SeedResult
    from graphdam.report import HistoryLine
    from graphdam.training import Settings


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

        return Observer(graph=self._on_graph, epoch=self._on_epoch, seed=self._on_seed)

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

    def _on_graph(self, graph: Graph, device: torch.device, threads: int) -> None:
        on = f"{device}, {threads} thread{'s' if threads > 1 else ''}"
        self.console.print(
            f"{graph.name}: {graph.num_nodes:,} nodes, {graph.num_edges:,} directed edges, "
            f"{graph.num_features:,} features, {graph.num_classes} classes, "
            f"{graph.split_name} split; on {on}",
            highlight=False,
        )

    def _on_epoch(self, line: HistoryLine) -> None:
        if self.task is None:
            self.task = self.bar.add_task("", total=self.settings.epochs, seed=line.seed, line="")
            self.start_widths = self._start_widths(line.widths)
        teacher = "" if line.teacher_val is None else f" (teacher {line.teacher_val:.1%})"
        widths = ", ".join(
            f"{start} → {now}" for start, now in zip(self.start_widths, line.widths, strict=False)
        )
        self.bar.update(
            self.task,
            completed=line.epoch + 1,
            line=f"loss {line.loss:.3f}  val {line.val:.1%}{teacher}  width {widths}",
        )

    def _start_widths(self, now: list[int]) -> list[int]:
        settings = self.settings
        if settings.gate is None:
            return now
        widths = [settings.start_width] * settings.num_hidden
        if settings.learns_embedding:
            widths[-1] = min(settings.start_width, settings.embedding_width)
        return widths

    def _on_seed(self, result: SeedResult) -> None:
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None
        widths = ", ".join(
            f"{start} → {now}"
            for start, now in zip(result.start_widths, result.widths, strict=True)
        )
        self.console.print(
            f"seed {result.seed}: val {result.val:.1%}, test {result.test:.1%}, width {widths}, "
            f"{result.seconds:.1f} s",
            highlight=False,
        )
