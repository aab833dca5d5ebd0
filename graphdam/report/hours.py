"""How long a grid took to train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphdam.report.record import RunRecord
from graphdam.report.table import TextTable, Value


def core_hours(record: RunRecord) -> float:
    """The training time of all its seeds times its threads; none for a model that was only cut."""
    if record.reduction is not None:
        return 0.0  # its seconds are those of the model that it cuts, which has a record
    return sum(record.seconds) * record.threads / 3600


def hours(benches: Mapping[str, Sequence[RunRecord]]) -> TextTable:
    """A row a bench, and one of the sum: runs trained, core-hours, and hours on two cores."""
    rows: list[tuple[str, ...]] = []
    data: list[tuple[Value, ...]] = []
    everything = [record for records in benches.values() for record in records]
    for name, records in [*benches.items(), ("all", everything)]:
        trained = [record for record in records if record.reduction is None]
        runs = sum(len(record.seeds) for record in trained)
        total = sum(core_hours(record) for record in trained)
        cut = len(records) - len(trained)
        row = (name, len(trained), cut, runs, total)
        rows.append((*(str(value) for value in row[:-1]), f"{total:.1f}", f"{total / 2:.1f}"))
        data.append((*row, total / 2))
    return TextTable(
        columns=(
            *("bench", "cells trained", "cells that cut others' models", "runs", "core-hours"),
            "hours on two cores",
        ),
        rows=tuple(rows),
        data_columns=("bench", "trained", "cut", "runs", "core_hours", "hours_on_two_cores"),
        data=tuple(data),
    )
