"""What narrowness costs: the test score against the width, a line a method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from graphdam.errors import RunFolderError
from graphdam.report.comparison import display_name, method_name, setting_of, wide_alone
from graphdam.report.figures.canvas import GREY, MARKERS, PALETTE, log2_axis, save_figure
from graphdam.report.numbers import metric_text
from graphdam.report.record import RunRecord
from graphdam.report.scores import Scores

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3


def draw_frontier(records: Sequence[RunRecord], path: str | Path) -> Path:
    """Draws a panel a setting (data set, split, model, objective, metric).

    A point is one record at its mean width (over layers and seeds, geometric), its bar the
    deviation over the seeds. The band is the wide model trained alone, or, where that is not
    among the records, the teacher of the run that has the widest one.
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
    # the taught models first, so that they have the colour of the student in `curves.png`
    ranked = sorted(points, key=lambda record: ("default", "paper", "wide").index(record.recipe))
    methods = list(dict.fromkeys(method_name(record) for record in ranked))
    objectives = {record.objective for record in points}
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
            _draw_panel(axes, members, methods, several=len(objectives) > 1)
            if at % columns == 0:
                axes.set_ylabel(f"test {metric_text(members[0].test.metric)} (%)")
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=min(len(handles), 2 * columns),
        )

    width = 6.5 if columns == 1 else 1.0 + 3.3 * columns
    return save_figure(draw, path, width=width, height=0.7 + 3.2 * rows)


def _draw_panel(
    axes: Axes, records: Sequence[RunRecord], methods: Sequence[str], *, several: bool
) -> None:
    band = _band(records)
    if band is not None:
        name, scores = band
        mean, std = 100 * scores.mean, 100 * (scores.std or 0.0)
        axes.axhspan(mean - std, mean + std, color=GREY, alpha=0.22, linewidth=0)
        axes.axhline(mean, color=GREY, linewidth=1.2, linestyle="--", label=name)
    for at, method in enumerate(methods):
        mine = sorted((r for r in records if method_name(r) == method), key=_width)
        if not mine:
            continue
        axes.errorbar(
            [_width(record) for record in mine],
            [100 * record.test.mean for record in mine],
            yerr=[100 * (record.test.std or 0.0) for record in mine],
            color=PALETTE[at % len(PALETTE)],
            marker=MARKERS[at % len(MARKERS)],
            markersize=5.5,
            markeredgecolor="white",
            markeredgewidth=0.7,
            capsize=2.5,
            elinewidth=1.1,
            label=method,
        )
    widths = [_width(record) for record in records]
    log2_axis(axes, "x", low=min(widths) / 1.4, high=max(widths) * 1.4)
    layers = max(len(record.start_widths) for record in records)
    axes.set_xlabel("hidden width" if layers == 1 else "hidden width (mean over layers)")
    first = records[0]
    title = f"{display_name(first.dataset)}, {display_name(first.model)}"
    axes.set_title(f"{title}, {first.objective}" if several else title)


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


def _width(record: RunRecord) -> float:
    logs = [math.log2(width) for widths in record.widths for width in widths]
    return float(2 ** fmean(logs))
