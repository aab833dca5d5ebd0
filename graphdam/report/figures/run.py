"""The pictures that belong to one run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphdam.report.figures.curves import draw_curves
from graphdam.report.figures.gates import draw_gates
from graphdam.report.figures.prefixes import draw_prefixes
from graphdam.report.history import HistoryLine
from graphdam.report.record import RunRecord

FIGURES_FOLDER = "figures"


def draw_run(record: RunRecord, history: Sequence[HistoryLine], folder: str | Path) -> list[Path]:
    """Draws `curves.png` into `figures/` and, if the run has gates, `gates.png`, `prefixes.png`."""
    figures = Path(folder) / FIGURES_FOLDER
    seed = record.model_seed
    selected = None
    if record.selected_epochs is not None:
        selected = dict(zip(record.seeds, record.selected_epochs, strict=True))
    metric = record.val.metric
    drawn = [
        draw_curves(history, figures / "curves.png", seed=seed, selected=selected, metric=metric)
    ]
    if any(line.gate_values for line in history if line.seed == seed):
        drawn.append(draw_gates(history, figures / "gates.png", seed=seed))
    prefixes = draw_prefixes(record, figures / "prefixes.png")
    return drawn if prefixes is None else [*drawn, prefixes]
