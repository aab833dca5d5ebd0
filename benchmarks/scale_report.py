"""The table and the figure of what `scale.py` has measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphdam.report.figures.canvas import (
    BLUE,
    GREEN,
    NAVY,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    save_figure,
)
from graphdam.report.numbers import human

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Found = Mapping[str, Any]

LINES = {
    "train-whole": ("an epoch on the whole graph", NAVY, "o"),
    "train-sampled": ("an epoch on samples", BLUE, "s"),
    "train-clusters": ("an epoch on clusters", SKY, "P"),
    "train-walks": ("an epoch on random walks", YELLOW, "X"),
    "infer-stock": ("inference, stock PyG", ORANGE, "D"),
    "infer-wide": ("inference, wide", PURPLE, "^"),
    "infer-compact": ("inference, compact", GREEN, "v"),
    "infer-turns": ("inference, compact in turns with stock PyG at width 256", GREEN, "v"),
}

SWEEPS = {"nodes": "nodes, ten edges each", "edges": "directed edges", "width": "width"}


def sweep(cells: Iterable[Found], what: str, along: str) -> list[Found]:
    """The measurements of a line: two layers, and all but one size as in the middle."""
    chosen = [cell for cell in cells if cell["what"] == what and cell["layers"] == 2]
    chosen = [cell for cell in chosen if not cell["on_disk"]]
    if along == "nodes":
        chosen = [cell for cell in chosen if cell["edges"] == 10 * cell["nodes"]]
        chosen = [cell for cell in chosen if cell["width"] in (16, 256)]
    elif along == "edges":
        chosen = [cell for cell in chosen if cell["nodes"] == 100_000]
        chosen = [cell for cell in chosen if cell["width"] in (16, 256)]
    else:
        chosen = [cell for cell in chosen if cell["nodes"] == 100_000]
        chosen = [cell for cell in chosen if cell["edges"] == 1_000_000]
    return sorted(chosen, key=lambda cell: float(cell[along]))


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """That of the straight line through the logarithms, by least squares.

    >>> round(slope([1, 10, 100], [3, 300, 30000]), 6)
    2.0
    """
    a, b = [math.log(each) for each in x], [math.log(each) for each in y]
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    over = sum((p - mean_a) * (q - mean_b) for p, q in zip(a, b, strict=True))
    return over / sum((p - mean_a) ** 2 for p in a)


def table(content: Mapping[str, Any]) -> dict[str, Any]:
    """A row a measurement."""
    cells: Mapping[str, Found] = content["cells"]
    rows = []
    for cell in cells.values():
        disk = ", features on disk" if cell["on_disk"] else ""
        rows.append(
            [
                f"{LINES[cell['what']][0]}{disk}{_ratio(cell)}",
                f"{cell['nodes']:,}",
                f"{cell['edges_found']:,}",
                f"{cell['width']} × {cell['layers']}",
                f"{cell['seconds']:.2f}",
                f"{cell['peak_gib']:.2f}",
                f"{cell['estimate_gib']:.2f}" if "estimate_gib" in cell else "",
            ]
        )
    threads = sorted({int(cell["threads"]) for cell in cells.values()})
    return {
        "title": "Time and memory on synthetic power-law graphs (GCN, 128 features, 40 classes)",
        "columns": [
            *("what", "nodes", "directed edges", "width × layers", "seconds"),
            *("peak memory (GiB)", "estimate (GiB)"),
        ],
        "rows": rows,
        "caption": (
            f"A process a row, {' and '.join(map(str, threads))} thread"
            f"{'s' if threads != [1] else ''}, {content['caption']} An epoch trains a gated model "
            f"of width 64 beside a teacher of the width told, looks at validation included; one on "
            f"samples (1,024 seeds a step), clusters or random walks (as many nodes a step) is its "
            f"number of steps times the median of 16, and a look. The machine did other work "
            f"beside, which lengthens times and leaves peaks as they are. Peak memory is that of "
            f"the process; the estimate is what memory_budget decides by."
        ),
    }


def _ratio(cell: Found) -> str:
    return f": {cell['ratio']:.1f} × faster" if "ratio" in cell else ""


def draw(cells: Iterable[Found], path: Path) -> Path:
    """Seconds and peak memory along nodes, edges and width, the slopes in the legend."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, ScalarFormatter

    found = list(cells)

    def paint(figure: Figure) -> None:
        axes = figure.subplots(2, 3, sharex="col", sharey="row")
        for column, (along, label) in enumerate(SWEEPS.items()):
            for row, (value, unit) in enumerate(
                (("seconds", "seconds"), ("peak_gib", "peak memory (GiB)"))
            ):
                axis = axes[row][column]
                for what, (name, colour, marker) in LINES.items():
                    line = sweep(found, what, along)
                    if len(line) < 3:
                        continue
                    x = [float(cell[along]) for cell in line]
                    y = [float(cell[value]) for cell in line]
                    told = f"{name}: {slope(x, y):.2f}"
                    axis.plot(x, y, color=colour, marker=marker, markersize=4.5, label=told)
                axis.set_xscale("log")
                axis.set_yscale("log")
                sizes = {float(cell[along]) for what in LINES for cell in sweep(found, what, along)}
                axis.xaxis.set_major_locator(FixedLocator(sorted(sizes)))
                axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: human(size)))
                axis.yaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
                axis.xaxis.set_minor_formatter(NullFormatter())
                if row == 1:  # less than two decades: the ticks between are needed
                    axis.yaxis.set_minor_formatter(ScalarFormatter())
                if axis.lines:
                    axis.legend(title="slope", fontsize=6.5, title_fontsize=6.5)
                if column == 0:
                    axis.set_ylabel(unit)
                if column == row == 0:
                    axis.set_ylim(top=1e4)  # the legend's place
                if row == 1:
                    axis.set_xlabel(label)

    return save_figure(paint, path, width=12.0, height=7.2)
