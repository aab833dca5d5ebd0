"""How the gates of one seed closed: a heat map of their soft values over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphdam.errors import RunFolderError
from graphdam.report.figures.canvas import BLUE, ORANGE, log2_axis, save_figure
from graphdam.report.history import HistoryLine

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_COLUMNS = 3


def draw_gates(history: Sequence[HistoryLine], path: str | Path, *, seed: int) -> Path:
    """Draws a panel a gate: value by channel and epoch (needs `gate_values`), width as a line."""
    lines = sorted((line for line in history if line.seed == seed), key=lambda line: line.epoch)
    sampled = [line for line in lines if line.gate_values]
    if not sampled:
        raise RunFolderError(
            f"No gate values of seed {seed} in this history: they are there on some epochs of "
            "every run that has gates. Name a seed that was trained, or train with a gate."
        )
    gates = len(lines[0].widths)
    columns = min(gates, _COLUMNS)
    rows = -(-gates // columns)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
        panels = list(grid.flat)
        mesh = None
        for at, axes in enumerate(panels):
            if at >= gates:
                axes.set_axis_off()
                continue
            mesh = _draw_gate(axes, lines, sampled, at)
            if gates > 1:
                axes.set_title(f"gate {at + 1}")
            if at % columns == 0:
                axes.set_ylabel("channel")
            if at + columns >= gates:
                axes.set_xlabel("epoch")
                axes.tick_params(labelbottom=True)
        assert mesh is not None
        figure.colorbar(mesh, ax=panels, label="gate value", fraction=0.05, pad=0.02)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center")

    width = 7.0 if columns == 1 else 1.2 + 4.0 * columns
    return save_figure(draw, path, width=width, height=0.7 + 2.9 * rows)


def _draw_gate(
    axes: Axes, lines: Sequence[HistoryLine], sampled: Sequence[HistoryLine], at: int
) -> QuadMesh:
    from matplotlib.colors import LinearSegmentedColormap

    values = np.array([line.gate_values[at] for line in sampled if line.gate_values]).T
    channels = values.shape[0]
    colours = LinearSegmentedColormap.from_list("gate", ["#F4F4F4", "#CFE3F1", BLUE, "#0A3F63"])
    # channel j (counted from 1) fills j − ½ … j + ½, so `width` open channels end at width + ½
    mesh = axes.pcolormesh(
        _edges([line.epoch for line in sampled], last=lines[-1].epoch),
        np.arange(channels + 1) + 0.5,
        values,
        cmap=colours,
        vmin=0,
        vmax=1,
        rasterized=True,
    )
    # a gate that rules the channels of several attention heads counts them together
    heads = max(1, round(lines[0].widths[at] / max(1, int((values[:, 0] > 0).sum()))))
    widths = [line.widths[at] / heads + 0.5 for line in lines]
    epochs = [line.epoch for line in lines]
    axes.plot(epochs, widths, color=ORANGE, label="width (open channels)")
    log2_axis(axes, "y", low=0.5, high=(channels + 0.5) * 1.04)
    axes.grid(visible=False)
    return mesh


def _edges(epochs: Sequence[int], *, last: int) -> NDArray[np.float64]:
    """Columns that meet half-way between the sampled epochs and reach to the last epoch."""
    middles = [(one + other) / 2 for one, other in pairwise(epochs)]
    return np.array([epochs[0] - 0.5, *middles, max(last, epochs[-1]) + 0.5])
