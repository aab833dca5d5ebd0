"""Which run did better: many records in one table, with a paired test against the wide model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from graphdam.report.methods import (
    display_name,
    is_of_system,
    method_name,
    require_one_version,
    setting_of,
    wide_alone,
)
from graphdam.report.metrics import is_error, unit
from graphdam.report.numbers import (
    MISSING,
    difference_in,
    metric_label,
    metric_text,
    p_value,
    part_of,
    ratio,
    score_text,
    span,
    widths_text,
)
from graphdam.report.record import RunRecord
from graphdam.report.table import TextTable, Value
from graphdam.report.width import narrower_part

_DATA_COLUMNS = (
    "dataset",
    "split",
    "model",
    "objective",
    "method",
    "widths",
    "mean_width",
    "narrower_part",
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


def comparison(records: Sequence[RunRecord]) -> TextTable:
    """A row a record, grouped by setting, the widest first.

    The difference is to the widest model trained alone with the same seeds, if it is among the
    records. Columns that would say the same on every row (objective) are left out; so is the one
    on what became narrower, where no encoder stays wide behind a cut embedding, the one on weights
    that are not zero, where none were masked, and the one on training time, where no system beside
    DAM was trained.

    Raises:
        RunFolderError: the records are of several versions of graphdam.
    """
    require_one_version(records)
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
    in_points = "" if any(map(is_error, metrics)) else " (points)"
    further = sorted({name for record in records for name in record.further})
    some_stay_wide = any(record.output_cut_to is not None for record in records)
    some_masked = any(record.is_masked for record in records)
    tells_time = any(is_of_system(record) for record in records)
    tells_stability = any(record.stability is not None for record in records)
    columns = (
        "data set",
        "model",
        *(("objective",) if several_objectives else ()),
        "method",
        "width per layer",
        *(("narrower part",) if some_stay_wide else ()),
        "parameters",
        *(("of them not zero",) if some_masked else ()),
        "multiply-adds",
        "latency ratio (×)",
        *(("training time (×)",) if tells_time else ()),
        f"test {metric}{unit(*metrics)}",
        *(f"{part_of(name)} {metric_label(name)}".strip() for name in further),
        *(("alike over seeds (CKA)",) if tells_stability else ()),
        f"difference to wide{in_points}",
        "seeds",
        "split",
    )
    rows, data = [], []
    for record in ordered:
        reference = wide_alone(record, records)
        paired = None
        if reference is not None and reference is not record:
            paired = paired_by_seed(record, reference)
        narrower = narrower_part(record, records)
        nonzero = None if record.sparsity is None else [each.nonzero for each in record.sparsity]
        time = None if reference is None else fmean(record.seconds) / fmean(reference.seconds)
        rows.append(
            (
                display_name(record.dataset),
                display_name(record.model),
                *((display_name(record.objective),) if several_objectives else ()),
                method_name(record),
                _widths_cell(record),
                *((narrower or MISSING,) if some_stay_wide else ()),
                span(record.parameters),
                *((MISSING if nonzero is None else span(nonzero),) if some_masked else ()),
                span(record.multiply_adds),
                MISSING if record.latency is None else ratio(record.latency.ratio),
                *((MISSING if time is None else ratio(time),) if tells_time else ()),
                score_text(record.test)
                + (f" {metric_text(record.test.metric)}" if len(metrics) > 1 else ""),
                *(
                    score_text(record.further[name]) if name in record.further else MISSING
                    for name in further
                ),
                *((_stability_cell(record),) if tells_stability else ()),
                "reference" if reference is record else difference_text(paired, record.test.metric),
                str(len(record.seeds)),
                record.split,
            )
        )
        more: list[Value] = []
        if some_masked:
            more.append(None if nonzero is None else fmean(nonzero))
        if tells_time:
            more.append(time)
        for name in further:
            scores = record.further.get(name)
            more += [None, None] if scores is None else [scores.mean, scores.std]
        if tells_stability:
            more.append(record.stability)
        data.append((*_data_row(record, narrower, paired), *more))
    return TextTable(
        columns=columns,
        rows=tuple(rows),
        data_columns=(
            *_DATA_COLUMNS,
            *(("nonzero_parameters",) if some_masked else ()),
            *(("training_time_ratio",) if tells_time else ()),
            *(
                f"{part_of(name)}_{name}_{value}".strip("_")
                for name in further
                for value in ("mean", "std")
            ),
            *(("stability",) if tells_stability else ()),
        ),
        data=tuple(data),
        labels=4 if several_objectives else 3,
    )


def paired_by_seed(record: RunRecord, reference: RunRecord) -> PairedDifference:
    """The difference of their test scores, over the same seeds."""
    of_seed = dict(zip(reference.seeds, reference.test.values, strict=True))
    return paired_difference(record.test.values, [of_seed[seed] for seed in record.seeds])


def difference_text(paired: PairedDifference | None, metric: str) -> str:
    """A difference, of shares in points, and how sure it is, as in −1.2 (p = 0.030)."""
    if paired is None:
        return MISSING
    return difference_in(metric, paired.mean) + (
        "" if paired.p is None else f" ({p_value(paired.p)})"
    )


def _stability_cell(record: RunRecord) -> str:
    return MISSING if record.stability is None else f"{record.stability:.2f}"


def _widths_cell(record: RunRecord) -> str:
    """The widths, and what was asked for where that could not be reached."""
    if record.output_cut_to is not None:
        return f"{widths_text(record.widths)}, output cut to {record.output_cut_to}"
    target = record.changed.get("target_width")
    if isinstance(target, list) and record.widths[0]:
        asked = target * (len(record.widths[0]) // len(target))
        if any(widths != asked for widths in record.widths):
            return f"{widths_text(record.widths)} (asked for {', '.join(map(str, target))})"
    return widths_text(record.widths)


def _mean_width(record: RunRecord) -> float:
    if record.output_cut_to is not None:
        return record.output_cut_to
    return fmean(width for widths in record.widths for width in widths) if record.widths[0] else 0.0


def _data_row(
    record: RunRecord, narrower: str | None, paired: PairedDifference | None
) -> tuple[Value, ...]:
    return (
        record.dataset,
        record.split,
        record.model,
        record.objective,
        method_name(record),
        "; ".join(" ".join(str(width) for width in widths) for widths in record.widths),
        _mean_width(record),
        narrower,
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
