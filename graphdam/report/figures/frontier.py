"""What narrowness costs: scores against the width or the multiply-adds, a line a method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from graphdam.errors import RunFolderError
from graphdam.report.figures.canvas import (
    BLACK,
    legend_below,
    legend_columns,
    log2_axis,
    log_axis,
    save_figure,
)
from graphdam.report.figures.panel_drawing import (
    draw_band,
    draw_methods,
    end_below,
)
from graphdam.report.figures.panels import Panel, panels_of
from graphdam.report.figures.style import styles_of
from graphdam.report.methods import line_name, setting_of
from graphdam.report.metrics import goodness, shown
from graphdam.report.numbers import metric_label, part_of
from graphdam.report.pareto import pareto_front
from graphdam.report.record import RunRecord
from graphdam.report.width import shown_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Against = Literal["width", "multiply-adds"]

_COLUMNS = 3


def draw_frontier(
    records: Sequence[RunRecord],
    path: str | Path,
    *,
    against: Against = "width",
    further: Sequence[str] = (),
) -> Path:
    """Draws a panel a setting (data set, split, model, objective, metric, graphdam's version).

    A point is one record, at its mean width (geometric, over seeds and, where no embedding is
    learnt, layers) or its mean number of multiply-adds. Around it lies the deviation over the
    seeds: as a band where widths were chosen, as a bar where they were learnt. The grey band is the
    wide model trained alone, or, where that is not among the records, the teacher of the run that
    has the widest one. Against multiply-adds the Pareto front is drawn: the records that no other
    beats both in cost and in score. What lies more than 9 points below the wide model, or 0.1
    above it where errors are drawn, is named at the panel's edge.

    Args:
        records: of one or more settings.
        path: of the PNG.
        against: what the x axis counts.
        further: scores beside the test score, such as "macro_f1", that have panels of their own.

    Raises:
        RunFolderError: no record is of a model with hidden layers.
    """
    points = [record for record in records if record.start_widths]
    if not points:
        raise RunFolderError(
            f"No widths to draw among {len(records)} records: a frontier needs at least one "
            "record of a model with hidden layers. Name more runs."
        )
    panels = panels_of(points, further)
    cost, count = shown_width, _count_in_widths
    if against == "multiply-adds":
        cost, count = multiply_adds_of, _count_in_multiply_adds
    styles = styles_of([line_name(record) for record in points])
    columns = _num_columns(panels)
    rows = -(-len(panels) // columns)

    def draw(figure: Figure) -> None:
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for at, axes in enumerate(grid):
            if at >= len(panels):
                axes.set_axis_off()
                continue
            panel = panels[at]
            draw_band(axes, panel)
            if against == "multiply-adds":
                _draw_front(axes, panel)
            draw_methods(axes, panel, styles, cost)
            count(axes, panel.records)
            if not panel.is_whole:
                end_below(axes, panel, styles, cost, span=shown(panel.score, 0.02))
            axes.set_title(panel.title)
            if at % columns == 0 or panels[at - 1].score != panel.score:
                axes.set_ylabel(f"{part_of(panel.score)} {metric_label(panel.score)}".strip())
        legend_below(figure, first=list(styles), width=width)

    width = 6.5 if columns == 1 else 1.0 + 3.3 * columns
    lines = -(-(len(styles) + 2) // legend_columns(list(styles), width=width))
    return save_figure(draw, path, width=width, height=0.5 + 0.2 * lines + 3.2 * rows)


def _num_columns(panels: Sequence[Panel]) -> int:
    """As many as every setting has scores, so that each has a row; else as many as fit."""
    scores = Counter(setting_of(panel.records[0]) for panel in panels)
    each = set(scores.values())
    return each.pop() if len(each) == 1 and each != {1} else min(len(panels), _COLUMNS)


def _draw_front(axes: Axes, panel: Panel) -> None:
    """A stair on whose worse side no model is worth its cost."""
    points = [(multiply_adds_of(record), panel.mean(record)) for record in panel.records]
    ranked = [(cost, goodness(panel.score, mean)) for cost, mean in points]
    front = [points[at] for at in pareto_front(ranked)]
    axes.plot(
        [cost for cost, _ in front] + [2.2 * max(cost for cost, _ in points)],
        [score for _, score in front] + [front[-1][1]],
        color=BLACK,
        linewidth=1.2,
        linestyle=(0, (1, 1.5)),
        drawstyle="steps-post",
        label="Pareto front",
    )


def limits(values: Sequence[float]) -> tuple[float, float]:
    """Where a logarithmic axis begins and ends."""
    low, high = min(values), max(values)
    room = 1.4 if high > 2 * low else 2.2
    return low / room, high * room


def _count_in_widths(axes: Axes, records: Sequence[RunRecord]) -> None:
    low, high = limits([shown_width(record) for record in records])
    log2_axis(axes, "x", low=low, high=high)
    layers = max(len(record.start_widths) for record in records)
    if records[0].learns_embedding:
        axes.set_xlabel("dimensions of the embedding")
    else:
        axes.set_xlabel("hidden width" if layers == 1 else "hidden width (mean over layers)")


def _count_in_multiply_adds(axes: Axes, records: Sequence[RunRecord]) -> None:
    low, high = limits([multiply_adds_of(record) for record in records])
    log_axis(axes, low=low, high=high)
    axes.set_xlabel("multiply-adds of one inference")


def multiply_adds_of(record: RunRecord) -> float:
    """Of one inference, a mean over the seeds."""
    return fmean(record.multiply_adds)
