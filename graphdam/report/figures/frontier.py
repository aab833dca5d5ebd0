"""What narrowness costs: scores against the width or the multiply-adds, a line a method."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from graphdam.errors import RunFolderError
from graphdam.report.figures.canvas import (
    BLACK,
    GREY,
    legend_below,
    legend_columns,
    log2_axis,
    log_axis,
    save_figure,
)
from graphdam.report.figures.style import Style, styles_of
from graphdam.report.methods import display_name, line_name, setting_of, wide_alone
from graphdam.report.metrics import goodness, is_error, shown
from graphdam.report.numbers import metric_label, part_of
from graphdam.report.pareto import pareto_front
from graphdam.report.record import RunRecord
from graphdam.report.scores import Scores
from graphdam.report.width import shown_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Against = Literal["width", "multiply-adds"]

_COLUMNS = 3

_DEPTH = 9.0
"""What scores so many points less than the wide model is not what a panel reaches down to."""

_HEIGHT = 0.1
"""What errs by so much more is not what it reaches up to."""

_WORD = 24.0
"""Points that a score below a panel takes, with some room."""


@dataclass(frozen=True)
class Panel:
    """The records of one setting that hold one score, and that score."""

    title: str
    records: tuple[RunRecord, ...]
    score: str

    def of(self, record: RunRecord) -> Scores:
        scores = _score(record, self.score)
        assert scores is not None
        return scores

    @property
    def is_whole(self) -> bool:
        """An error told beside a share is drawn whole: it may differ by factors."""
        return is_error(self.score) and self.score != self.records[0].test.metric

    def mean(self, record: RunRecord) -> float:
        return shown(self.score, self.of(record).mean)

    def std(self, record: RunRecord) -> float:
        return shown(self.score, self.of(record).std or 0.0)


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
                end_below(axes, panel, styles, cost)
                span_at_least(axes, shown(panel.score, 0.02))
            axes.set_title(panel.title)
            if at % columns == 0 or panels[at - 1].score != panel.score:
                axes.set_ylabel(f"{part_of(panel.score)} {metric_label(panel.score)}".strip())
        legend_below(figure, first=list(styles), width=width)

    width = 6.5 if columns == 1 else 1.0 + 3.3 * columns
    lines = -(-(len(styles) + 2) // legend_columns(list(styles), width=width))
    return save_figure(draw, path, width=width, height=0.5 + 0.2 * lines + 3.2 * rows)


def panels_of(records: Sequence[RunRecord], further: Sequence[str]) -> list[Panel]:
    """A panel a setting and score, the scores of a setting beside each other."""
    settings: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        settings.setdefault(setting_of(record), []).append(record)
    panels = []
    for members, name in product(settings.values(), (None, *further)):
        score = name or members[0].test.metric
        holding = tuple(record for record in members if _score(record, score) is not None)
        if holding:
            panels.append(Panel(_title(members[0], records), holding, score))
    return panels


def _num_columns(panels: Sequence[Panel]) -> int:
    """As many as every setting has scores, so that each has a row; else as many as fit."""
    scores = Counter(setting_of(panel.records[0]) for panel in panels)
    each = set(scores.values())
    return each.pop() if len(each) == 1 and each != {1} else min(len(panels), _COLUMNS)


def _title(record: RunRecord, records: Sequence[RunRecord]) -> str:
    """The setting in words, with as much of it as tells it from the others."""
    words = [display_name(record.dataset), display_name(record.model)]
    if any(other.learns_embedding for other in records):
        words.append(display_name(record.objective))
    if len({other.split for other in records}) > 1:
        words.append(record.split)
    if len({other.graphdam_version for other in records}) > 1:
        words.append(f"graphdam {record.graphdam_version}")
    return ", ".join(words)


def _score(record: RunRecord, name: str) -> Scores | None:
    return record.test if record.test.metric == name else record.further.get(name)


def draw_methods(
    axes: Axes, panel: Panel, styles: Mapping[str, Style], cost: Callable[[RunRecord], float]
) -> None:
    """Draws every method's records at their costs, joined where sizes were chosen."""
    for method, style in styles.items():
        mine = sorted((r for r in panel.records if line_name(r) == method), key=cost)
        if not mine:
            continue
        costs = [cost(record) for record in mine]
        means = [panel.mean(record) for record in mine]
        deviations = [panel.std(record) for record in mine]
        # between learnt widths nothing was measured, so no band joins them
        learnt = len({record.penalty_weight for record in mine}) > 1 or len(mine) == 1
        over = 3.0 if style.front else 2.0
        if not learnt:
            low = [mean - std for mean, std in zip(means, deviations, strict=True)]
            high = [mean + std for mean, std in zip(means, deviations, strict=True)]
            axes.fill_between(costs, low, high, color=style.colour, alpha=0.13, linewidth=0)
        axes.errorbar(
            costs,
            means,
            yerr=deviations if learnt else None,
            color=style.colour,
            marker=style.marker,
            linestyle="none" if len(mine) == 1 else ":" if learnt else style.dashes,
            linewidth=2.2 if style.front else 1.4,
            markersize=style.size,
            markeredgecolor="white",
            markeredgewidth=0.7,
            capsize=2.5,
            elinewidth=1.1,
            zorder=over,
            label=method,
        )


def draw_band(axes: Axes, panel: Panel) -> None:
    """Draws the wide model's score and deviation across the panel."""
    band = _band(panel)
    if band is None:
        return
    name, scores = band
    mean, std = (shown(panel.score, value) for value in (scores.mean, scores.std or 0.0))
    axes.axhspan(mean - std, mean + std, color=GREY, alpha=0.2, linewidth=0)
    axes.axhline(mean, color=GREY, linewidth=1.2, linestyle="--", label=name)


def _band(panel: Panel) -> tuple[str, Scores] | None:
    records = panel.records
    alone = [wide for record in records if (wide := wide_alone(record, records)) is not None]
    if alone:
        widest = max(alone, key=lambda record: sum(record.start_widths))
        return "wide, trained alone", panel.of(widest)
    beside = [record.wide for record in records if record.wide is not None]
    if beside:
        teacher = max(beside, key=lambda reference: sum(reference.widths))
        scores = teacher.further.get(panel.score)
        if teacher.test.metric == panel.score:
            scores = teacher.test
        return None if scores is None else (f"wide ({teacher.name})", scores)
    return None


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


def end_below(
    axes: Axes, panel: Panel, styles: Mapping[str, Style], cost: Callable[[RunRecord], float]
) -> None:
    """Ends a panel where only failures would lie, so that the others can be told apart.

    Worked out with errors turned around, so that what is below is worse.
    """
    from matplotlib.patheffects import withStroke

    error = is_error(panel.score)
    sign, depth = (-1, _HEIGHT) if error else (1, _DEPTH)
    heights = {id(record): sign * panel.mean(record) for record in panel.records}
    band = _band(panel)
    best = max(heights.values()) if band is None else sign * shown(panel.score, band[1].mean)
    limit = best - depth
    kept = [record for record in panel.records if heights[id(record)] >= limit]
    if len(kept) == len(panel.records):
        return
    lowest = min(heights[id(record)] for record in kept)
    bottom = min(heights[id(record)] - panel.std(record) for record in kept)
    top = max(heights[id(record)] + panel.std(record) for record in kept)
    floor = max(limit, bottom - 0.15 * (top - bottom))
    floor = min(floor, lowest - 0.1 * (top - lowest))  # room for words below the marks
    axes.set_ylim(*sorted((sign * floor, sign * (top + 0.05 * (top - floor)))))
    below = [record for record in panel.records if heights[id(record)] < floor]
    below.sort(key=lambda record: heights[id(record)])
    places = [math.log2(cost(record)) for record in below]
    low, high = (math.log2(limit) for limit in axes.get_xlim())
    figure = axes.get_figure(root=True)
    assert figure is not None
    points_wide = 72 * axes.bbox.width / figure.dpi
    lines = stacked(places, room=_WORD * (high - low) / points_wide)
    for record, place, line in zip(below, places, lines, strict=True):
        axes.annotate(
            f"↑ {panel.mean(record):.2f}" if error else f"↓ {panel.mean(record):.0f}",
            (2**place, sign * floor),
            xytext=(0, sign * (3 + 10 * line)),
            textcoords="offset points",
            ha="center",
            va="top" if error else "baseline",
            fontsize="small",
            color=styles[line_name(record)].colour,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            zorder=4,
        )


def stacked(places: Sequence[float], *, room: float) -> list[int]:
    """The lowest line for each place in turn on which no earlier one lies nearer than `room`.

    >>> stacked([1.0, 5.0, 1.5, 1.2], room=1.0)
    [0, 0, 1, 2]
    """
    lines: list[list[float]] = []
    found = []
    for place in places:
        free = (
            number
            for number, others in enumerate(lines)
            if all(abs(place - other) >= room for other in others)
        )
        line = next(free, len(lines))
        if line == len(lines):
            lines.append([])
        lines[line].append(place)
        found.append(line)
    return found


def span_at_least(axes: Axes, points: float) -> None:
    """Keeps small differences small where there is little else to see."""
    low, high = axes.get_ylim()
    if high - low < points:
        middle = (low + high) / 2
        axes.set_ylim(middle - points / 2, middle + points / 2)


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
