"""What narrowness costs: the test score against the width or the multiply-adds, a line a method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from graphdam.errors import RunFolderError
from graphdam.report.figures.canvas import (
    BLACK,
    GREY,
    MARKERS,
    PALETTE,
    legend_columns,
    log2_axis,
    log_axis,
    save_figure,
)
from graphdam.report.methods import display_name, line_name, setting_of, wide_alone
from graphdam.report.numbers import metric_text
from graphdam.report.pareto import pareto_front
from graphdam.report.record import RunRecord
from graphdam.report.scores import Scores

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Against = Literal["width", "multiply-adds"]

_COLUMNS = 3

_DEPTH = 12.0
"""So many points below the wide model a panel ends, where anything lies lower."""


def draw_frontier(
    records: Sequence[RunRecord], path: str | Path, *, against: Against = "width"
) -> Path:
    """Draws a panel a setting (data set, split, model, objective, metric, graphdam's version).

    A point is one record, at its mean width (geometric, over seeds and, where no embedding is
    learnt, layers) or its mean number of multiply-adds. Around it lies the deviation over the
    seeds. The grey band is the wide model trained alone, or, where that is not among the records,
    the teacher of the run that has the widest one. Against multiply-adds the Pareto front is
    drawn: the records that no other beats both in cost and in score. Where failures lie more than
    12 points below the wide model, the panel ends there and names their scores at its edge.
    """
    points = [record for record in records if record.start_widths]
    if not points:
        raise RunFolderError(
            f"No widths to draw among {len(records)} records: a frontier needs at least one "
            "record of a model with hidden layers. Name more runs."
        )
    panels: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in points:
        panels.setdefault(setting_of(record), []).append(record)
    methods = [name for _, name in sorted({(_rank(r), line_name(r)) for r in points})]
    named = any(record.learns_embedding for record in points)
    cost, count = _width, _count_in_widths
    if against == "multiply-adds":
        cost, count = _multiply_adds, _count_in_multiply_adds
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)

    def draw(figure: Figure) -> None:
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        handles: dict[str, Artist] = {}
        for at, axes in enumerate(grid):
            if at >= len(panels):
                axes.set_axis_off()
                continue
            members = list(panels.values())[at]
            _draw_band(axes, members)
            if against == "multiply-adds":
                _draw_front(axes, members)
            _draw_methods(axes, members, methods, cost)
            count(axes, members)
            _end_below(axes, members, cost)
            _span_at_least(axes, 2.0)
            first = members[0]
            title = f"{display_name(first.dataset)}, {display_name(first.model)}"
            axes.set_title(f"{title}, {first.objective}" if named else title)
            if at % columns == 0:
                axes.set_ylabel(f"test {metric_text(first.test.metric)} (%)")
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=legend_columns(list(handles), width=width),
        )

    width = 6.5 if columns == 1 else 1.0 + 3.3 * columns
    lines = -(-(len(methods) + 2) // legend_columns(methods, width=width))
    return save_figure(draw, path, width=width, height=0.5 + 0.2 * lines + 3.2 * rows)


def _rank(record: RunRecord) -> int:
    """The taught models first: in the colour of the student in `curves.png`, on every figure."""
    return {"default": 0, "wide": 1}.get(record.recipe, 2)


def _draw_methods(
    axes: Axes,
    records: Sequence[RunRecord],
    methods: Sequence[str],
    cost: Callable[[RunRecord], float],
) -> None:
    for at, method in enumerate(methods):
        mine = sorted((r for r in records if line_name(r) == method), key=cost)
        if not mine:
            continue
        again, colour = at // len(PALETTE), PALETTE[at % len(PALETTE)]
        costs = [cost(record) for record in mine]
        means = [100 * record.test.mean for record in mine]
        deviations = [100 * (record.test.std or 0.0) for record in mine]
        if len(mine) > 1:
            low = [mean - std for mean, std in zip(means, deviations, strict=True)]
            high = [mean + std for mean, std in zip(means, deviations, strict=True)]
            axes.fill_between(costs, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.errorbar(
            costs,
            means,
            yerr=deviations if len(mine) == 1 else None,
            color=colour,
            # more methods than colours: the same colours again, with other marks and dashes
            marker=MARKERS[(at + again) % len(MARKERS)],
            linestyle="--" if again else "-",
            markersize=5.5,
            markeredgecolor="white",
            markeredgewidth=0.7,
            capsize=2.5,
            elinewidth=1.1,
            label=method,
        )


def _draw_band(axes: Axes, records: Sequence[RunRecord]) -> None:
    band = _band(records)
    if band is None:
        return
    name, scores = band
    mean, std = 100 * scores.mean, 100 * (scores.std or 0.0)
    axes.axhspan(mean - std, mean + std, color=GREY, alpha=0.22, linewidth=0)
    axes.axhline(mean, color=GREY, linewidth=1.2, linestyle="--", label=name)


def _band(records: Sequence[RunRecord]) -> tuple[str, Scores] | None:
    alone = [wide for record in records if (wide := wide_alone(record, records)) is not None]
    if alone:
        widest = max(alone, key=lambda record: sum(record.start_widths))
        return "wide, trained alone", widest.test
    beside = [record.wide for record in records if record.wide is not None]
    if beside:
        teacher = max(beside, key=lambda reference: sum(reference.widths))
        return f"wide ({teacher.name})", teacher.test
    return None


def _draw_front(axes: Axes, records: Sequence[RunRecord]) -> None:
    """A stair under which no model is worth its cost."""
    points = [(_multiply_adds(record), 100 * record.test.mean) for record in records]
    front = [points[at] for at in pareto_front(points)]
    axes.plot(
        [cost for cost, _ in front] + [2.2 * max(cost for cost, _ in points)],
        [score for _, score in front] + [front[-1][1]],
        color=BLACK,
        linewidth=1.2,
        linestyle=":",
        drawstyle="steps-post",
        label="Pareto front",
    )


def _end_below(
    axes: Axes, records: Sequence[RunRecord], cost: Callable[[RunRecord], float]
) -> None:
    """Ends a panel where only failures would lie, so that the others can be told apart."""
    band = _band(records)
    scores = [100 * record.test.mean for record in records]
    floor = (100 * band[1].mean if band else max(scores)) - _DEPTH
    if min(scores) >= floor:
        return
    tops = [100 * (record.test.mean + (record.test.std or 0.0)) for record in records]
    axes.set_ylim(floor, max(tops) + 0.05 * (max(tops) - floor))
    below: dict[float, list[float]] = {}
    for record, score in zip(records, scores, strict=True):
        if score < floor:
            below.setdefault(round(math.log2(cost(record)), 1), []).append(score)
    for place, lower in below.items():
        axes.annotate(
            "↓ " + ", ".join(f"{score:.0f}" for score in sorted(lower, reverse=True)),
            (2**place, floor),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            color=BLACK,
        )


def _span_at_least(axes: Axes, points: float) -> None:
    """Keeps small differences small where there is little else to see."""
    low, high = axes.get_ylim()
    if high - low < points:
        middle = (low + high) / 2
        axes.set_ylim(middle - points / 2, middle + points / 2)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 1.4 if high > 2 * low else 2.2
    return low / room, high * room


def _count_in_widths(axes: Axes, records: Sequence[RunRecord]) -> None:
    low, high = _limits([_width(record) for record in records])
    log2_axis(axes, "x", low=low, high=high)
    layers = max(len(record.start_widths) for record in records)
    if records[0].learns_embedding:
        axes.set_xlabel("dimensions of the embedding")
    else:
        axes.set_xlabel("hidden width" if layers == 1 else "hidden width (mean over layers)")


def _count_in_multiply_adds(axes: Axes, records: Sequence[RunRecord]) -> None:
    low, high = _limits([_multiply_adds(record) for record in records])
    log_axis(axes, low=low, high=high)
    axes.set_xlabel("multiply-adds of one inference")


def _multiply_adds(record: RunRecord) -> float:
    return fmean(record.multiply_adds)


def _width(record: RunRecord) -> float:
    if record.reduction is not None and not record.reduction.cuts_encoder:
        return float(record.reduction.width)
    layers = slice(-1, None) if record.learns_embedding else slice(None)
    logs = [math.log2(width) for widths in record.widths for width in widths[layers]]
    return float(2 ** fmean(logs))
