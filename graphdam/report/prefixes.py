"""The curve of one run as a table: what the compact model scores when it is cut further."""

from __future__ import annotations

from graphdam.report.numbers import metric_text, widths_text
from graphdam.report.record import RunRecord
from graphdam.report.table import TextTable


def prefix_table(record: RunRecord) -> TextTable | None:
    """What each prefix of the model that the run folder holds scores; `None` without gates."""
    if not record.prefixes:
        return None
    curve = record.prefixes[record.seeds.index(record.model_seed)]
    if not curve:
        return None
    columns = ("cut to width", f"validation {metric_text(record.val.metric)} (%)")
    rows = tuple((widths_text([prefix.widths]), f"{100 * prefix.val:.1f}") for prefix in curve)
    data = tuple((",".join(map(str, prefix.widths)), prefix.val) for prefix in curve)
    return TextTable(columns=columns, rows=rows, data_columns=("widths", "val"), data=data)
