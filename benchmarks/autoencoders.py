"""Tables of autoencoders: the code beside the dimension of the data, and beside published plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from graphdam.data import POINT_SETS
from graphdam.errors import DataError
from graphdam.report import RunRecord
from graphdam.report._refusal import first_fault
from graphdam.report.methods import display_name, line_name
from graphdam.report.numbers import MISSING, score_text
from graphdam.report.table import TextTable

SOURCE = (
    "Theirs: read off the plots in the authors' notebooks (github.com/jayroxis/dam-pytorch, commit "
    "a32fc8f), means of 5 runs, ±0.15 dimensions and ±0.002 F1; a dash is a figure that was not "
    "read."
)


class Plotted(BaseModel):
    """What the authors' plots show of one gate under one λ, means over their runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: Literal["dam", "l1"]
    penalty_weight: float = Field(gt=0)
    width: float = Field(ge=0)
    mse: float | None = Field(None, gt=0)
    macro_f1: float | None = Field(None, gt=0, le=1)


def read_plots(path: Path) -> list[Plotted]:
    """The figures of a JSON file.

    Raises:
        DataError: it cannot be read, or an entry is not valid.
    """
    try:
        return TypeAdapter(list[Plotted]).validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"The plotted figures {path} cannot be read ({error}).") from error
    except ValidationError as error:
        raise DataError(
            f"The plotted figures {path} are not valid: {first_fault(error)}. Mend that entry."
        ) from error


def dimensions(records: Sequence[RunRecord]) -> TextTable:
    """A row a record of points: the widths of its codes beside the dimension of their data."""
    places = list(POINT_SETS)
    ordered = sorted(records, key=lambda r: (places.index(r.dataset), r.penalty_weight or 0.0))
    rows = []
    for record in ordered:
        known = POINT_SETS[record.dataset].dimension
        codes = [widths[-1] for widths in record.widths]
        equal = sum(code == known for code in codes)
        near = sum(abs(code - known) <= 1 for code in codes)
        rows.append(
            (
                display_name(record.dataset),
                f"{record.penalty_weight:g}",
                str(known),
                ", ".join(map(str, codes)),
                f"{equal} of {len(codes)}",
                f"{near} of {len(codes)}",
                score_text(record.test),
            )
        )
    columns = (
        *("data set", "λ", "true dimension", "width of the code, by seed", "equal", "within one"),
        "test explained variance (%)",
    )
    return TextTable(columns, tuple(rows), columns, tuple(rows))


def beside_plots(records: Sequence[RunRecord], plots: Sequence[Plotted]) -> TextTable:
    """A row a gate and λ: the learnt code, its error and its classes, theirs and ours."""
    ordered = sorted(
        (record for record in records if record.penalty_weight is not None and record.wide is None),
        key=lambda record: (line_name(record), record.penalty_weight or 0.0),
    )
    rows = []
    for record in ordered:
        about = record.gate, record.penalty_weight
        theirs = next((plot for plot in plots if (plot.gate, plot.penalty_weight) == about), None)
        rows.append(
            (
                "DAM" if record.gate == "dam" else "L1 gate",
                f"{record.penalty_weight:g}",
                _plain(None if theirs is None else theirs.width, 1),
                f"{fmean(widths[-1] for widths in record.widths):.1f}",
                _plain(None if theirs is None else theirs.mse, 3),
                score_text(record.further["mse"]),
                _plain(None if theirs is None else theirs.macro_f1, 3),
                _plain(record.further["macro_f1"].mean, 3),
                str(len(record.seeds)),
            )
        )
    columns = (
        *("method", "λ", "dimensions, theirs", "ours", "test MSE, theirs", "ours"),
        *("test macro-F1, theirs", "ours", "our seeds"),
    )
    return TextTable(columns, tuple(rows), columns, tuple(rows))


def _plain(value: float | None, digits: int) -> str:
    return MISSING if value is None else f"{value:.{digits}f}"
