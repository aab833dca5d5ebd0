"""Which run did better: many records in one table, with a paired test against the wide model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from graphdam.report.numbers import (
    MISSING,
    metric_text,
    p_value,
    percent,
    points,
    ratio,
    span,
    widths_text,
)
from graphdam.report.record import RunRecord
from graphdam.report.table import TextTable, Value

_GATES = {"dam": "DAM", "l1": "L1 gate", "l0": "L0 gate", "hard_concrete": "L0 gate"}
_NAMES = {
    "cora": "Cora",
    "citeseer": "CiteSeer",
    "pubmed": "PubMed",
    "gcn": "GCN",
    "graphsage": "GraphSAGE",
    "gat": "GAT",
}
_DATA_COLUMNS = (
    "dataset",
    "split",
    "model",
    "objective",
    "method",
    "widths",
    "mean_width",
    "parameters",
    "multiply_adds",
    "latency_ratio",
    "metric",
    "test_mean",
    "test_std",
    "difference",
    "p_value",
    "seeds",
)


@dataclass(frozen=True)
class PairedDifference:
    """The mean difference over the seeds and the two-sided p of a paired t-test.

    `p` is `None` where the test says nothing: one seed, or the same difference on every seed.
    """

    mean: float
    p: float | None


def paired_difference(values: Sequence[float], reference: Sequence[float]) -> PairedDifference:
    """`values` − `reference`, paired in their order.

    >>> paired_difference([0.5, 0.75], [0.25, 0.25]).mean
    0.375
    """
    differences = [own - other for own, other in zip(values, reference, strict=True)]
    mean = fmean(differences)
    if len(differences) < 2 or stdev(differences) < 1e-12:
        return PairedDifference(mean=mean, p=None)
    from scipy.stats import ttest_rel

    return PairedDifference(mean=mean, p=float(ttest_rel(values, reference).pvalue))


def setting_of(record: RunRecord) -> tuple[str, str, str, str, str]:
    """What two runs must share to be compared: data set, split, model, objective, metric."""
    return record.dataset, record.split, record.model, record.objective, record.test.metric


def wide_alone(record: RunRecord, records: Iterable[RunRecord]) -> RunRecord | None:
    """The widest model trained alone (recipe "wide") in the same setting with the same seeds.

    Of several as wide, with other activations say, the one that scores highest on the test nodes:
    a compact model is held against the best that width can do.
    """
    candidates = [
        other
        for other in records
        if other.recipe == "wide"
        and setting_of(other) == setting_of(record)
        and set(other.seeds) == set(record.seeds)
    ]
    return max(
        candidates, key=lambda other: (sum(other.start_widths), other.test.mean), default=None
    )


def method_name(record: RunRecord) -> str:
    """The method in the words of the tables, such as "DAM + teacher" or "trained alone"."""
    return ", ".join([_recipe_name(record), *_changes(record)])


def _recipe_name(record: RunRecord) -> str:
    if record.recipe == "wide":
        return "trained alone"
    gate = "no gate" if record.gate is None else _GATES.get(record.gate, record.gate)
    if record.recipe == "paper":
        return f"{gate} (paper's recipe)"
    return f"{gate} + {record.wide.name}" if record.wide is not None else gate


def _changes(record: RunRecord) -> list[str]:
    """Departures from the recipe in words; widths stand in a column of their own."""
    words = ["width set"] if "target_width" in record.changed else []
    shown = {"target_width", "hidden_channels", "start_width"}
    return words + [
        f"{name}={value}" for name, value in record.changed.items() if name not in shown
    ]


def display_name(name: str) -> str:
    """A data set or model as its authors spell it.

    >>> display_name("citeseer"), display_name("my_graph")
    ('CiteSeer', 'my_graph')
    """
    return _NAMES.get(name, name)


def comparison(records: Sequence[RunRecord]) -> TextTable:
    """A row a record, grouped by setting, the widest first.

    The difference is to the widest model trained alone with the same seeds, if it is among the
    records. Columns that would say the same on every row (objective) are left out.
    """
    settings = list(dict.fromkeys(setting_of(record) for record in records))
    ordered = sorted(
        records,
        key=lambda record: (
            settings.index(setting_of(record)),
            record.recipe != "wide",
            -_mean_width(record),
            method_name(record),
        ),
    )
    metrics = {record.test.metric for record in records}
    several_objectives = len({record.objective for record in records}) > 1
    metric = metric_text(next(iter(metrics))) if len(metrics) == 1 else "score"
    columns = (
        "data set",
        "model",
        *(("objective",) if several_objectives else ()),
        "method",
        "width per layer",
        "parameters",
        "multiply-adds",
        "latency ratio (×)",
        f"test {metric} (%)",
        "difference to wide (points)",
        "seeds",
        "split",
    )
    rows, data = [], []
    for record in ordered:
        reference = wide_alone(record, records)
        paired = None
        if reference is not None and reference is not record:
            paired = _paired_with(record, reference)
        rows.append(
            (
                display_name(record.dataset),
                display_name(record.model),
                *((record.objective,) if several_objectives else ()),
                method_name(record),
                widths_text(record.widths),
                span(record.parameters),
                span(record.multiply_adds),
                MISSING if record.latency is None else ratio(record.latency.ratio),
                percent(record.test)
                + (f" {metric_text(record.test.metric)}" if len(metrics) > 1 else ""),
                "reference" if reference is record else _difference_text(paired),
                str(len(record.seeds)),
                record.split,
            )
        )
        data.append(_data_row(record, paired))
    return TextTable(
        columns=columns,
        rows=tuple(rows),
        data_columns=_DATA_COLUMNS,
        data=tuple(data),
        labels=4 if several_objectives else 3,
    )


def _paired_with(record: RunRecord, reference: RunRecord) -> PairedDifference:
    of_seed = dict(zip(reference.seeds, reference.test.values, strict=True))
    return paired_difference(record.test.values, [of_seed[seed] for seed in record.seeds])


def _difference_text(paired: PairedDifference | None) -> str:
    if paired is None:
        return MISSING
    return points(paired.mean) + ("" if paired.p is None else f" ({p_value(paired.p)})")


def _mean_width(record: RunRecord) -> float:
    return fmean(width for widths in record.widths for width in widths) if record.widths[0] else 0.0


def _data_row(record: RunRecord, paired: PairedDifference | None) -> tuple[Value, ...]:
    return (
        record.dataset,
        record.split,
        record.model,
        record.objective,
        method_name(record),
        "; ".join(" ".join(str(width) for width in widths) for widths in record.widths),
        _mean_width(record),
        fmean(record.parameters),
        fmean(record.multiply_adds),
        None if record.latency is None else record.latency.ratio,
        record.test.metric,
        record.test.mean,
        record.test.std,
        None if paired is None else paired.mean,
        None if paired is None else paired.p,
        " ".join(str(seed) for seed in record.seeds),
    )
