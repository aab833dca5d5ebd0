"""How every picture looks, and how it becomes the same bytes each time.

Figures are drawn on a canvas of their own, never through pyplot, so that nothing of a caller's
matplotlib is touched and none of its settings change the picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphdam.report.numbers import human

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

# Okabe and Ito's palette: told apart with every common colour blindness
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, YELLOW, BLACK, GREY = "#56B4E9", "#E69F00", "#222222", "#8A8A8A"
NAVY = "#00345C"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_DPI = 160
# keys are `Any` because matplotlib types each of its settings' names, differently by version
_STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def save_figure(
    draw: Callable[[Figure], None], path: str | Path, *, width: float, height: float
) -> Path:
    """Calls `draw` on a fresh figure of that size in inches and writes it as PNG.

    The same figure is the same bytes: fixed resolution, default settings, no metadata.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    stream = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    _in_few_colours(stream).save(path, format="PNG", optimize=True)
    return path


def _in_few_colours(stream: io.BytesIO) -> Image.Image:
    """A picture with a palette: lines on white need no more, and a third of the bytes."""
    from PIL import Image

    picture = Image.open(stream).convert("RGB")
    return picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def log2_axis(axes: Axes, axis: Literal["x", "y"], *, low: float, high: float) -> None:
    """Makes the x or y axis count in powers of two, with ticks written as whole numbers."""
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

    powers = [2**power for power in range(32) if low <= 2**power <= high]
    # beyond nine ticks labels crowd
    step = 1 + (len(powers) - 1) // 9
    if axis == "x":
        axes.set_xscale("log", base=2)
        axes.set_xlim(low, high)
    else:
        axes.set_yscale("log", base=2)
        axes.set_ylim(low, high)
    chosen = axes.xaxis if axis == "x" else axes.yaxis
    chosen.set_major_locator(FixedLocator(powers[::step]))
    chosen.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    chosen.set_minor_locator(NullLocator())
    chosen.set_minor_formatter(NullFormatter())


def log_axis(axes: Axes, *, low: float, high: float) -> None:
    """Makes the x axis logarithmic, with ticks at round counts: 500 k, 1 M, 2 M."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(low, high)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [
            s * 10**power for power in range(16) for s in steps if low <= s * 10**power <= high
        ]
        if len(ticks) <= 7:
            break
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: human(x).replace(".0 ", " ")))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def legend_below(figure: Figure, *, first: Sequence[str], width: float) -> None:
    """One legend for all the axes of a figure so many inches wide, below them."""
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = [label for label in dict.fromkeys((*first, *handles)) if label in handles]
    figure.legend(
        [handles[label] for label in labels],
        labels,
        loc="outside lower center",
        ncols=legend_columns(labels, width=width),
    )


def legend_columns(labels: Sequence[str], *, width: float) -> int:
    """How many columns of a legend fit into so many inches; its entries go down the columns."""
    inches = [0.75 + 0.076 * len(label) for label in labels]
    for columns in range(len(labels), 1, -1):
        # as matplotlib deals them out: the first columns take what is left over
        each, more = divmod(len(labels), columns)
        ends = [each * (at + 1) + min(at + 1, more) for at in range(columns)]
        if sum(max(inches[at:end]) for at, end in zip([0, *ends], ends, strict=False)) <= width:
            return columns
    return 1
