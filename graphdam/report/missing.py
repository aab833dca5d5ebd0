"""Rows for what a table should hold and does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphdam.report.bench_folder import MissingCell
from graphdam.report.methods import display_name
from graphdam.report.numbers import MISSING
from graphdam.report.table import TextTable


def with_missing(table: TextTable, missing: Sequence[MissingCell]) -> TextTable:
    """A comparison with a row for every cell that has no record, its reason in a last column.

    Without such cells the table stays as it is. In the data (CSV) the column is `failure`.
    """
    if not missing:
        return table
    rows = [(*row, "") for row in table.rows]
    data = [(*row, None) for row in table.data]
    for cell in missing:
        plan = cell.plan
        words = {
            "data set": display_name(plan.dataset),
            "model": display_name(plan.model),
            "objective": display_name(plan.objective),
            "method": cell.name,
            "split": plan.split or MISSING,
        }
        values = {
            "dataset": plan.dataset,
            "split": plan.split,
            "model": plan.model,
            "objective": plan.objective,
            "method": cell.name,
        }
        rows.append((*(words.get(column, MISSING) for column in table.columns), cell.reason))
        data.append((*(values.get(column) for column in table.data_columns), cell.reason))
    return replace(
        table,
        columns=(*table.columns, "missing because"),
        rows=tuple(rows),
        data_columns=(*table.data_columns, "failure"),
        data=tuple(data),
    )
