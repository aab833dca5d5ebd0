"""What the default recipe gains: a row a graph, its learnt model beside the wide one."""

from __future__ import annotations

from collections.abc import Sequence

from graphdam.errors import RunFolderError
from graphdam.report.comparison import difference_text, paired_by_seed
from graphdam.report.methods import display_name, require_one_version, wide_alone
from graphdam.report.metrics import unit
from graphdam.report.numbers import (
    MISSING,
    factor,
    metric_text,
    ratio,
    score_text,
    widths_text,
)
from graphdam.report.record import RunRecord
from graphdam.report.table import TextTable


def summary(records: Sequence[RunRecord]) -> TextTable:
    """The default recipe's records that have a wide model trained alone beside them.

    Raises:
        RunFolderError: there is none, or the records are of several versions of graphdam.
    """
    require_one_version(records)
    rows, data, metrics = [], [], []
    for record in records:
        wide = wide_alone(record, records)
        if record.recipe != "default" or record.changed or wide is None:
            continue
        metrics.append(record.test.metric)
        paired = paired_by_seed(record, wide)
        before = wide.multiply_adds[0]
        rows.append(
            (
                display_name(record.dataset),
                record.split,
                f"{widths_text(wide.widths)} → {widths_text(record.widths)}",
                factor(before, record.multiply_adds, smaller="fewer", larger="more"),
                MISSING if record.latency is None else f"{ratio(record.latency.ratio)}×",
                metric_text(record.test.metric),
                score_text(wide.test),
                score_text(record.test),
                difference_text(paired, record.test.metric),
            )
        )
        data.append((record.dataset, record.split, wide.test.mean, record.test.mean, paired.mean))
    if not rows:
        raise RunFolderError(
            f"None of {len(records)} records is of the default recipe with a wide model trained "
            "alone, on the same seeds, beside it: name both."
        )
    in_unit = unit(*metrics)
    return TextTable(
        columns=(
            *("data set", "split", "hidden width", "multiply-adds", "faster", "test score"),
            *(f"wide{in_unit}", f"learnt{in_unit}"),
            f"difference{' (points)' if in_unit == ' (%)' else ''}",
        ),
        rows=tuple(rows),
        data_columns=("dataset", "split", "wide_mean", "test_mean", "difference"),
        data=tuple(data),
        labels=2,
    )
