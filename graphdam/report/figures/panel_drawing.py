"""What is drawn in a panel: methods, the wide model's band, and where the panel ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from graphdam.report.figures.canvas import GREY
from graphdam.report.figures.panels import Panel
from graphdam.report.figures.style import Style
from graphdam.report.methods import line_name
from graphdam.report.metrics import is_error, shown
from graphdam.report.record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEPTH = 9.0
"""What scores so many points less than the wide model is not what a panel reaches down to."""

_HEIGHT = 0.1
"""What errs by so much more is not what it reaches up to."""

_GAP = 4.0
"""Nor does it reach down to what lies so many times further below the others than these lie
apart."""

_WORD = 24.0
"""Points that a score below a panel takes, with some room."""


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


def _below_most(heights: Sequence[float]) -> float:
    """Where more than half of the heights end, and a gap begins that dwarfs their differences.

    >>> _below_most([97.5, 97.2, 96.9, 91.1])
    96.9
    >>> _below_most([97.5, 97.2, 96.9, 95.1])
    -inf
    """
    ordered = sorted(heights, reverse=True)
    for count in range(len(ordered) // 2 + 1, len(ordered)):
        apart = ordered[0] - ordered[count - 1]
        if 0 < _GAP * apart < ordered[count - 1] - ordered[count]:
            return ordered[count - 1]
    return -math.inf


def draw_band(axes: Axes, panel: Panel) -> None:
    """Draws the wide model's score and deviation across the panel."""
    band = panel.band()
    if band is None:
        return
    name, scores = band
    mean, std = (shown(panel.score, value) for value in (scores.mean, scores.std or 0.0))
    axes.axhspan(mean - std, mean + std, color=GREY, alpha=0.2, linewidth=0)
    axes.axhline(mean, color=GREY, linewidth=1.2, linestyle="--", label=name)


def end_below(
    axes: Axes,
    panel: Panel,
    styles: Mapping[str, Style],
    cost: Callable[[RunRecord], float],
    *,
    span: float,
    unless_most: bool = False,
) -> None:
    """Ends a panel where only failures would lie, so that the others can be told apart.

    It spans so many points at least, so that what hardly differs does not look as if it did.
    With `unless_most` all are shown where most would lie below: the panel is about them. Worked
    out with errors turned around, so that what is below is worse.
    """
    from matplotlib.patheffects import withStroke

    error = is_error(panel.score)
    sign, depth = (-1, _HEIGHT) if error else (1, _DEPTH)
    heights = {id(record): sign * panel.mean(record) for record in panel.records}
    band = panel.band()
    best = max(heights.values()) if band is None else sign * shown(panel.score, band[1].mean)
    limit = best - depth
    least = max(limit, _below_most(list(heights.values())))
    kept = [record for record in panel.records if heights[id(record)] >= least]
    all_are_shown = unless_most and 2 * len(kept) < len(panel.records)
    if all_are_shown or len(kept) == len(panel.records):
        span_at_least(axes, span)
        return
    lowest = min(heights[id(record)] for record in kept)
    bottom = min(heights[id(record)] - panel.std(record) for record in kept)
    top = max(heights[id(record)] + panel.std(record) for record in kept)
    floor = max(limit, bottom - 0.15 * (top - bottom))
    floor = min(floor, lowest - 0.1 * (top - lowest))  # room for words below the marks
    axes.set_ylim(*sorted((sign * floor, sign * (top + 0.05 * (top - floor)))))
    span_at_least(axes, span)
    floor = min(sign * end for end in axes.get_ylim())
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
