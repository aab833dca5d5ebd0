"""What every λ led to: the width that it left, and how good the embedding is."""

from __future__ import annotations

from collections.abc import Sequence

from graphdam.report.methods import display_name, line_name, require_one_version
from graphdam.report.numbers import MISSING, metric_label, part_of, score_text, widths_text
from graphdam.report.record import RunRecord
from graphdam.report.scores import Scores
from graphdam.report.table import TextTable, Value
from graphdam.report.width import shown_width

_ORDER = (
    *("explained_variance", "mse", "accuracy", "macro_f1", "auc", "average_precision", "nmi"),
    *("rmse", "mae"),
)


def sweep(records: Sequence[RunRecord]) -> TextTable:
    """A row a record, by objective and method, from the smallest λ on; models without λ first.

    Raises:
        RunFolderError: the records are of several versions of graphdam.
    """
    require_one_version(records)
    ordered = sorted(
        records,
        key=lambda record: (
            (record.dataset, record.split, record.model, record.objective),
            record.penalty_weight is not None,
            line_name(record),
            record.penalty_weight or 0.0,
        ),
    )
    found = dict.fromkeys(name for record in records for name in _scores(record))
    names = sorted(found, key=lambda name: (_place(name), name))
    learns = any(record.learns_embedding for record in records)
    columns = (
        *("data set", "split", "model", "objective", "method", "λ"),
        "learnt width (embedding last)" if learns else "learnt width",
        *(f"{part_of(name)} {metric_label(name)}".strip() for name in names),
        "seeds",
    )
    rows, data = [], []
    for record in ordered:
        weight, scores = record.penalty_weight, _scores(record)
        about = (record.dataset, record.split, record.model, record.objective)
        shown = [display_name(name) for name in about]
        rows.append(
            (
                *(*shown, line_name(record)),
                MISSING if weight is None else f"{weight:g}",
                widths_text(record.widths),
                *(score_text(scores[name]) if name in scores else MISSING for name in names),
                str(len(record.seeds)),
            )
        )
        values: list[Value] = []
        for name in names:
            values += [scores[name].mean, scores[name].std] if name in scores else [None, None]
        data.append((*about, line_name(record), weight, shown_width(record), *values))
    return TextTable(
        columns=columns,
        rows=tuple(rows),
        data_columns=(
            *("dataset", "split", "model", "objective", "method", "penalty_weight", "mean_width"),
            *(f"{name}_{value}" for name in names for value in ("mean", "std")),
        ),
        data=tuple(data),
        labels=5,
    )


def _scores(record: RunRecord) -> dict[str, Scores]:
    return {record.test.metric: record.test, **record.further}


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
