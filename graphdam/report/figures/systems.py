"""What systems buy: scores against size and cost, masked weights apart from what is really gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from graphdam.errors import RunFolderError
from graphdam.report.figures.canvas import legend_below, legend_columns, log_axis, save_figure
from graphdam.report.figures.frontier import limits, multiply_adds_of
from graphdam.report.figures.panel_drawing import (
    draw_band,
    draw_methods,
    end_below,
)
from graphdam.report.figures.panels import Panel, panels_of
from graphdam.report.figures.style import styles_of
from graphdam.report.methods import line_name
from graphdam.report.numbers import metric_text
from graphdam.report.record import RunRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class _Column:
    """A count on the x axis, and whether it is about models with masks."""

    label: str
    count: Callable[[RunRecord], float]
    masked: bool


def _parameters(record: RunRecord) -> float:
    return fmean(record.parameters)


def _nonzero(record: RunRecord) -> float:
    return fmean(each.nonzero for each in record.sparsity or [])


_COLUMNS = (
    _Column("parameters (smaller models)", _parameters, masked=False),
    _Column("multiply-adds (smaller models)", multiply_adds_of, masked=False),
    _Column("parameters not zero (masks; no smaller)", _nonzero, masked=True),
)


def draw_systems(records: Sequence[RunRecord], path: str | Path) -> Path:
    """Draws a row a setting and three panels in it.

    Two hold the models that are really smaller, against parameters and multiply-adds; the third
    those with masked weights, against the parameters that are not zero, which are stored and
    multiplied all the same. The grey band is the wide model trained alone.

    Raises:
        RunFolderError: no records.
    """
    if not records:
        raise RunFolderError("There are no records to draw: name a run or a bench.")
    rows = panels_of(records, ())
    styles = styles_of([line_name(record) for record in records])
    width = 12.0

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(rows), len(_COLUMNS), squeeze=False)
        for line, row in zip(grid, rows, strict=True):
            for axes, column in zip(line, _COLUMNS, strict=True):
                shown = tuple(r for r in row.records if r.is_masked == column.masked)
                axes.set_xlabel(column.label)
                draw_band(axes, row)
                if shown:
                    panel: Panel = replace(row, records=shown)
                    draw_methods(axes, panel, styles, column.count)
                    low, high = limits([column.count(record) for record in shown])
                    log_axis(axes, low=low, high=high)
                    end_below(axes, panel, styles, column.count, span=2.0, unless_most=True)
            line[0].set_ylabel(f"{row.title}\n{metric_text(row.score)} (%)")
        legend_below(figure, first=list(styles), width=width)

    lines = -(-(len(styles) + 1) // legend_columns(list(styles), width=width))
    return save_figure(draw, path, width=width, height=0.5 + 0.2 * lines + 3.0 * len(rows))
