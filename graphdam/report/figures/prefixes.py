"""The curve of one run: validation against the width that its compact model is cut to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphdam.report.figures.canvas import BLACK, BLUE, GREY, log2_axis, save_figure
from graphdam.report.numbers import metric_text
from graphdam.report.record import RunRecord
from graphdam.report.record_parts import Prefix

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_prefixes(record: RunRecord, path: str | Path) -> Path | None:
    """Draws every seed's curve, that of the kept model boldly; `None` if nothing can be cut.

    The width is that of the widest layer; the others are cut in proportion.
    """
    curves = {
        seed: curve
        for seed, curve in zip(record.seeds, record.prefixes or [], strict=False)
        if len(curve) > 1
    }
    if not curves:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for seed, curve in curves.items():
            bold = seed == record.model_seed
            axes.plot(
                _widths(curve),
                [100 * prefix.val for prefix in curve],
                "o-",
                color=BLUE,
                markersize=3.5 if bold else 0,
                linewidth=1.6 if bold else 0.8,
                alpha=1.0 if bold else 0.3,
                zorder=3 if bold else 2,
                label=f"seed {seed}, the model kept" if bold else None,
            )
        if record.wide is not None:
            axes.axhline(
                100 * record.wide.val.mean,
                color=GREY,
                linestyle="--",
                label=f"{record.wide.name}, width {max(record.wide.widths, default=0)}",
            )
        ends = [(max(_widths(curve)), 100 * curve[-1].val) for curve in curves.values()]
        axes.plot(*zip(*ends, strict=True), "s", color=BLACK, markersize=4, label="not cut")
        widest = max(width for width, _ in ends)
        log2_axis(axes, "x", low=0.9, high=1.15 * widest)
        axes.set_xlabel("width that the compact model is cut to")
        axes.set_ylabel(f"validation {metric_text(record.val.metric)} (%)")
        figure.legend(loc="outside lower center", ncols=3)

    return save_figure(draw, path, width=5.5, height=3.8)


def _widths(curve: Sequence[Prefix]) -> list[int]:
    return [max(prefix.widths) for prefix in curve]
