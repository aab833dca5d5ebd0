"""How training went: loss, validation of student and teacher, and widths over the epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphdam.errors import RunFolderError
from graphdam.report.figures.canvas import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PALETTE,
    log2_axis,
    save_figure,
)
from graphdam.report.history import HistoryLine
from graphdam.report.metrics import is_error, shown, unit
from graphdam.report.numbers import metric_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_curves(
    history: Sequence[HistoryLine],
    path: str | Path,
    *,
    seed: int,
    selected: Mapping[int, int] | None = None,
    metric: str = "accuracy",
) -> Path:
    """Draws the course of `seed` boldly over light lines of the other seeds; widths if gated.

    `selected` is the chosen epoch by seed; that of `seed` is marked.
    """
    by_seed: dict[int, list[HistoryLine]] = {}
    for line in sorted(history, key=lambda line: (line.seed, line.epoch)):
        by_seed.setdefault(line.seed, []).append(line)
    if seed not in by_seed:
        raise RunFolderError(
            f"No epochs of seed {seed} in this history: it holds the seeds {sorted(by_seed)}. "
            "Name one of them."
        )
    # the bold seed last, so that it lies on top
    ordered = [by_seed[other] for other in by_seed if other != seed] + [by_seed[seed]]
    gated = any(line.widths for line in by_seed[seed])
    columns = 3 if gated else 2
    epoch = None if selected is None else selected.get(seed)

    def draw(figure: Figure) -> None:
        panels = list(figure.subplots(1, columns))
        _draw_loss(panels[0], ordered)
        _draw_validation(panels[1], ordered, epoch=epoch, metric=metric)
        if gated:
            _draw_widths(panels[2], ordered)
        for axes in panels:
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.margins(x=0.02)
            if epoch is not None:
                axes.axvline(epoch, color=BLACK, linewidth=1, linestyle=":", label="selected epoch")
        handles = {
            label: handle
            for axes in panels
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="outside lower center",
            ncols=min(len(handles), 2 * columns),
        )

    return save_figure(draw, path, width=3.5 * columns, height=3.5)


def _draw_loss(axes: Axes, seeds: Sequence[Sequence[HistoryLine]]) -> None:
    axes.set_title("training loss")
    _draw_seeds(axes, seeds, lambda line: line.loss, colour=BLUE)
    if all(line.loss > 0 for lines in seeds for line in lines):
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        axes.set_yscale("log")
        losses = [line.loss for lines in seeds for line in lines]
        narrow = max(losses) < 30 * min(losses)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_validation(
    axes: Axes, seeds: Sequence[Sequence[HistoryLine]], *, epoch: int | None, metric: str
) -> None:
    axes.set_title(f"validation {metric_text(metric)}{unit(metric)}")
    taught = all(line.teacher_val is not None for lines in seeds for line in lines)
    if taught:
        _draw_seeds(
            axes,
            seeds,
            lambda line: shown(metric, line.teacher_val or 0.0),
            colour=GREY,
            label="teacher",
        )
    _draw_seeds(
        axes,
        seeds,
        lambda line: shown(metric, line.val),
        colour=BLUE,
        label="student" if taught else "model",
    )
    # the first epochs start at chance and would flatten everything that matters
    curves = [[shown(metric, line.val) for lines in seeds for line in lines]]
    if taught:
        curves.append([shown(metric, line.teacher_val or 0.0) for lines in seeds for line in lines])
    low, top, most = min(map(min, curves)), max(map(max, curves)), math.inf
    if is_error(metric):
        top = max(sorted(curve)[-1 - len(curve) // 8] for curve in curves)
    else:
        low, most = min(sorted(curve)[len(curve) // 8] for curve in curves), 100.5
    room = max(shown(metric, 0.006), 0.12 * (top - low))
    axes.set_ylim(max(0.0, low - room), min(most, top + room))
    chosen = [line for line in seeds[-1] if line.epoch == epoch]
    if chosen:
        axes.plot([chosen[0].epoch], [shown(metric, chosen[0].val)], "o", color=BLACK, markersize=5)


def _draw_widths(axes: Axes, seeds: Sequence[Sequence[HistoryLine]]) -> None:
    axes.set_title("width")
    gates = len(seeds[-1][0].widths)
    for at in range(gates):
        _draw_seeds(
            axes,
            seeds,
            _width_of(at),
            colour=PALETTE[(at + 1) % len(PALETTE)] if gates > 1 else ORANGE,
            label=f"width, gate {at + 1}" if gates > 1 else "width",
        )
    widest = max((width for lines in seeds for line in lines for width in line.widths), default=1)
    log2_axis(axes, "y", low=0.8, high=1.3 * widest)


def _width_of(gate: int) -> Callable[[HistoryLine], float]:
    return lambda line: float(line.widths[gate])


def _draw_seeds(
    axes: Axes,
    seeds: Sequence[Sequence[HistoryLine]],
    value: Callable[[HistoryLine], float],
    *,
    colour: str,
    label: str | None = None,
) -> None:
    for lines in seeds:
        bold = lines is seeds[-1]
        axes.plot(
            [line.epoch for line in lines],
            [value(line) for line in lines],
            color=colour,
            label=label if bold else None,
            linewidth=1.4 if bold else 0.8,
            alpha=1.0 if bold else 0.3,
        )
