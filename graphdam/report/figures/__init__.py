"""The pictures of a run and of many; matplotlib is loaded only when one is drawn."""

from graphdam.report.figures.curves import draw_curves
from graphdam.report.figures.frontier import draw_frontier
from graphdam.report.figures.gates import draw_gates
from graphdam.report.figures.prefixes import draw_prefixes
from graphdam.report.figures.run import FIGURES_FOLDER, draw_run
from graphdam.report.figures.systems import draw_systems

__all__ = [
    "FIGURES_FOLDER",
    "draw_curves",
    "draw_frontier",
    "draw_gates",
    "draw_prefixes",
    "draw_run",
    "draw_systems",
]
