"""What one run gained: the wide model beside the compact one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from graphdam.report.metrics import is_error
from graphdam.report.numbers import (
    MISSING,
    difference_in,
    factor,
    human,
    metric_text,
    milliseconds,
    part_of,
    ratio,
    score_text,
    span,
    widths_text,
)
from graphdam.report.record import RunRecord
from graphdam.report.record_parts import Latency, WideReference
from graphdam.report.scores import Scores
from graphdam.report.table import TextTable, Value

_DATA_COLUMNS = ("quantity", "wide", "compact", "ratio", "difference")


def before_after(record: RunRecord) -> TextTable:
    """The before ⇒ after table of a run; with no wide model to compare with, one column.

    Counts that differ between the seeds are given as a range. In the data (CSV) they are means
    over the seeds, shares are fractions, `ratio` is wide ÷ compact and `difference` is
    compact − wide.
    """
    data = _data(record)
    if record.wide is None:
        is_whole = record.recipe == "wide" or record.widths[0] == record.start_widths
        columns: tuple[str, ...] = ("", "model" if is_whole else "compact")
        rows = _alone(record)
    else:
        columns = ("", f"wide ({record.wide.name})", "compact", "change")
        rows = _compared(record, record.wide)
    return TextTable(columns=columns, rows=rows, data_columns=_DATA_COLUMNS, data=data)


def run_title(record: RunRecord) -> str:
    """What a run was about, in a line."""
    about = [record.dataset, record.model]
    if record.learns_embedding:
        about.append(record.objective)
    return " · ".join([*about, record.recipe, f"{record.split} split"])


def deviation_line(record: RunRecord) -> str | None:
    """How far the compact model's outputs are from the gated one's; `None` without a gate."""
    if record.gate is None:
        return None
    seeds = f", the largest of {len(record.seeds)} seeds" if len(record.seeds) > 1 else ""
    if record.deviation == 0:
        return f"The compact model's outputs equal the gated model's exactly{seeds}."
    return (
        "The compact model's outputs differ from the gated model's by at most "
        f"{record.deviation:.1e} of the output's scale{seeds}."
    )


def _compared(record: RunRecord, wide: WideReference) -> tuple[tuple[str, ...], ...]:
    totals = [sum(widths) for widths in record.widths]
    rows = [
        (
            _widths_label(record),
            widths_text([wide.widths]),
            widths_text(record.widths),
            factor(sum(wide.widths), totals, smaller="narrower", larger="wider")
            if wide.widths and record.start_widths
            else MISSING,
        ),
        _count_row("parameters", wide.parameters, record.parameters),
        _count_row("multiply-adds", wide.multiply_adds, record.multiply_adds),
    ]
    if record.latency is not None:
        latency = record.latency
        faster = latency.ratio >= 1
        change = ratio(latency.ratio if faster else 1 / latency.ratio)
        rows.append(
            (
                _latency_label(latency),
                milliseconds(latency.wide_ms),
                milliseconds(latency.compact_ms),
                f"{change}× {'faster' if faster else 'slower'}",
            )
        )
    rows.append(_score_row("test", wide.test, record.test))
    rows += [
        _score_row(part_of(name), wide.further[name], scores)
        for name, scores in record.further.items()
        if name in wide.further
    ]
    rows.append(_score_row("val.", wide.val, record.val))
    return tuple(rows)


def _alone(record: RunRecord) -> tuple[tuple[str, ...], ...]:
    widths = widths_text(record.widths)
    if any(own != record.start_widths for own in record.widths):
        widths = f"{widths} (from {widths_text([record.start_widths])})"
    rows = [
        (_widths_label(record), widths),
        ("parameters", span(record.parameters)),
        ("multiply-adds", span(record.multiply_adds)),
    ]
    if record.sparsity is not None:
        nonzero = span([each.nonzero for each in record.sparsity])
        rows.insert(2, ("of them not zero (masked, no smaller)", nonzero))
    if record.latency is not None:
        rows.append((_latency_label(record.latency), milliseconds(record.latency.compact_ms)))
    rows.append((_score_label("test", record.test), score_text(record.test)))
    rows += [
        (_score_label(part_of(name), scores), score_text(scores))
        for name, scores in record.further.items()
    ]
    rows.append((_score_label("val.", record.val), score_text(record.val)))
    return tuple(rows)


def _count_row(name: str, wide: int, compact: Sequence[int]) -> tuple[str, str, str, str]:
    change = factor(wide, compact, smaller="fewer", larger="more")
    return name, human(wide), span(compact), change


def _score_row(split: str, wide: Scores, compact: Scores) -> tuple[str, str, str, str]:
    change = difference_in(compact.metric, compact.mean - wide.mean)
    if not is_error(compact.metric):
        change += " points"
    return _score_label(split, compact), score_text(wide), score_text(compact), change


def _widths_label(record: RunRecord) -> str:
    if record.learns_embedding:
        several = len(record.start_widths) > 1
        return "widths (embedding last)" if several else "width of the embedding"
    return "hidden width" if len(record.start_widths) <= 1 else "hidden widths"


def _latency_label(latency: Latency) -> str:
    counts = {"images": latency.images, "pairs": latency.pairs}
    read = "".join(f"{count} {name}, " for name, count in counts.items() if count is not None)
    return f"latency (ms, {read}{latency.threads} thread{'s' if latency.threads > 1 else ''})"


def _score_label(split: str, scores: Scores) -> str:
    seeds = len(scores.values)
    name = f"{split} {metric_text(scores.metric)}".strip()
    told = [] if is_error(scores.metric) else ["%"]
    told += [f"{seeds} seeds"] if seeds > 1 else []
    return f"{name} ({', '.join(told)})" if told else name


def _data(record: RunRecord) -> tuple[tuple[Value, ...], ...]:
    wide, latency = record.wide, record.latency
    layers = list(zip(*record.widths, strict=True))
    # a teacher may have another number of layers than its student
    paired = wide is not None and len(wide.widths) == len(layers)
    pairs: list[tuple[str, float | None, float | None]] = [
        (
            f"width of layer {at + 1}",
            wide.widths[at] if wide is not None and paired else None,
            fmean(layer),
        )
        for at, layer in enumerate(layers)
    ]
    pairs += [
        ("parameters", None if wide is None else wide.parameters, fmean(record.parameters)),
        (
            "multiply_adds",
            None if wide is None else wide.multiply_adds,
            fmean(record.multiply_adds),
        ),
    ]
    rows: list[tuple[Value, ...]] = [
        (name, before, after, before / after if before and after else None, None)
        for name, before, after in pairs
    ]
    if latency is not None:
        rows.append(("latency_ms", latency.wide_ms, latency.compact_ms, latency.ratio, None))
    scores = [
        ("test", record.test, None if wide is None else wide.test),
        ("val", record.val, None if wide is None else wide.val),
    ]
    scores += [
        (part_of(name), own, None if wide is None else wide.further.get(name))
        for name, own in record.further.items()
    ]
    for part, own, other in scores:
        before = None if other is None else other.mean
        difference = None if before is None else own.mean - before
        rows.append((f"{part}_{own.metric}".strip("_"), before, own.mean, None, difference))
    return tuple(rows)
