"""Is graphdam on top? The best rival beside it, at every width that it was set to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphdam.errors import RunFolderError
from graphdam.report.comparison import difference_text, paired_by_seed
from graphdam.report.methods import is_graphdam, method_name, require_one_setting
from graphdam.report.metrics import is_error, unit
from graphdam.report.numbers import MISSING, metric_text, p_value, score_text
from graphdam.report.record import RunRecord
from graphdam.report.table import TextTable, Value
from graphdam.report.width import shown_width

RULE = (
    "A rival of another width is compared at the smallest of these widths that is at or above its "
    "own, a mean over the seeds where it learns the width; a wider one is not compared."
)
"""What stands under every verdict."""

_TOLERANCE = 1e-9  # of a mean width, which is a power of a mean of logarithms


@dataclass(frozen=True)
class Verdict:
    """A row a width, and in plain sentences where graphdam is on top and where it is not."""

    table: TextTable
    sentences: tuple[str, ...]


def verdict(records: Sequence[RunRecord]) -> Verdict:
    """Graphdam's models of a set width, each beside the best of the rivals that are as narrow.

    Every record with hidden layers that is not of a DAM gate which closed beside a teacher is a
    rival's, "narrow + teacher" too; a second column leaves those with a teacher out. Differences
    are graphdam's score minus the rival's, paired by seed.

    Raises:
        RunFolderError: the records are of several settings, or none has a width that was set.
    """
    require_one_setting(records)
    set_widths = [
        record for record in records if is_graphdam(record) and "target_width" in record.changed
    ]
    ours = sorted(set_widths, key=shown_width)
    if not ours:
        raise RunFolderError(
            f"None of {len(records)} records is of a gated model beside a teacher whose width was "
            "set: a verdict needs at least one, as `graphdam train --target-width 8` makes."
        )
    rivals = [record for record in records if record.start_widths and not is_graphdam(record)]
    own_widths = [shown_width(record) for record in ours]
    rows: list[tuple[str, ...]] = []
    data: list[tuple[Value, ...]] = []
    above: list[str] = []
    sentences: list[str] = []
    for own in ours:
        width = shown_width(own)
        near = [
            rival
            for rival in rivals
            if _compared_at(rival, own_widths) == width and set(rival.seeds) == set(own.seeds)
        ]
        best, alone = _best(near), _best([rival for rival in near if rival.wide is None])
        rows.append((f"{width:g}", score_text(own.test), *_cells(own, best), *_cells(own, alone)))
        data.append((width, own.test.mean, *_values(own, best), *_values(own, alone)))
        if best is None:
            sentences.append(f"At width {width:g} there is no rival yet.")
        elif own.test.goodness >= best.test.goodness:
            above.append(f"{width:g}")
        else:
            sentences.append(_not_on_top(own, best))
    if above:
        sentences.insert(0, f"graphdam is on or above every recorded rival at {_listed(above)}.")
    sentences += _left_out(ours, rivals)
    metric = records[0].test.metric
    score = f"its score{unit(metric)}"
    difference = f"graphdam − rival{'' if is_error(metric) else ' (points)'}"
    columns = ("width", f"graphdam{unit(metric)}", "best rival", score, difference)
    further = ("best rival without a teacher", score, difference)
    names = ("rival", "rival_mean", "difference", "p_value")
    return Verdict(
        table=TextTable(
            columns=(*columns, *further),
            rows=tuple(rows),
            data_columns=("width", "test_mean", *names, *(f"teacherless_{name}" for name in names)),
            data=tuple(data),
        ),
        sentences=tuple(sentences),
    )


def _compared_at(rival: RunRecord, widths: Sequence[float]) -> float | None:
    """The smallest of the widths at or above the rival's; `None` if it is wider than all."""
    own = shown_width(rival)
    return min((width for width in widths if width >= own - _TOLERANCE), default=None)


def _best(rivals: Sequence[RunRecord]) -> RunRecord | None:
    return max(rivals, key=lambda rival: rival.test.goodness, default=None)


def _cells(own: RunRecord, rival: RunRecord | None) -> tuple[str, str, str]:
    if rival is None:
        return MISSING, MISSING, MISSING
    name, width = method_name(rival), shown_width(rival)
    if abs(width - shown_width(own)) > _TOLERANCE:
        name = f"{name}, width {width:.3g}"
    return (
        name,
        score_text(rival.test),
        difference_text(paired_by_seed(own, rival), own.test.metric),
    )


def _values(own: RunRecord, rival: RunRecord | None) -> tuple[Value, ...]:
    if rival is None:
        return None, None, None, None
    paired = paired_by_seed(own, rival)
    return method_name(rival), rival.test.mean, paired.mean, paired.p


def _not_on_top(own: RunRecord, rival: RunRecord) -> str:
    paired = paired_by_seed(rival, own)
    sure = "" if paired.p is None else f" ({p_value(paired.p)})"
    metric = own.test.metric
    lead = f"scores {100 * paired.mean:.2f} points more"
    if is_error(metric):
        lead = f"has {-paired.mean:.4f} less {metric_text(metric)}"
    return (
        f"At width {shown_width(own):g} graphdam is not on top: {method_name(rival)} {lead}{sure}."
    )


def _left_out(ours: Sequence[RunRecord], rivals: Sequence[RunRecord]) -> list[str]:
    """Rivals that cannot be paired, because they were trained on other seeds."""
    seeds = {frozenset(own.seeds) for own in ours}
    names = [method_name(rival) for rival in rivals if frozenset(rival.seeds) not in seeds]
    return [f"Not compared, for want of the same seeds: {'; '.join(names)}."] if names else []


def _listed(words: Sequence[str]) -> str:
    if len(words) == 1:
        return f"width {words[0]}"
    return f"widths {', '.join(words[:-1])} and {words[-1]}"
