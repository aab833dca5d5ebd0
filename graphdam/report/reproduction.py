"""Do the wide models reach what others have published for the same setting?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from graphdam.errors import RunFolderError
from graphdam.report._refusal import first_fault
from graphdam.report.methods import display_name, require_one_version, wide_alone
from graphdam.report.numbers import MISSING, metric_text, points, score_text, widths_text
from graphdam.report.record import RunRecord
from graphdam.report.scores import Frozen, Positive, Scores, Width
from graphdam.report.table import TextTable

WITHIN = 1.0
"""So many points count as reached where no deviation was published."""

Percent = Positive


class Reference(Frozen):
    """What somebody else published, in percent; `std` is the deviation over their runs, if told.

    `widths` are their hidden and embedding channels, where they are known.
    """

    dataset: str
    split: str
    model: Literal["gcn", "graphsage", "gat"]
    objective: str
    metric: str
    mean: Percent
    std: Percent | None = None
    widths: list[Width] | None = None
    source: str = Field(min_length=1)


def read_references(path: Path) -> list[Reference]:
    """The references of a JSON file.

    Raises:
        RunFolderError: it cannot be read, or an entry is not valid.
    """
    try:
        return TypeAdapter(list[Reference]).validate_json(path.read_bytes())
    except OSError as error:
        raise RunFolderError(
            f"The references {path} cannot be read ({error}): a JSON list is expected there."
        ) from error
    except ValidationError as error:
        raise RunFolderError(
            f"The references {path} are not valid: {first_fault(error)}. Mend that entry."
        ) from error


def reproduction(records: Sequence[RunRecord], references: Sequence[Reference]) -> TextTable:
    """A row a reference that has a record: the wide model trained alone, and one of their widths.

    Reached is what lies within one published deviation, or within a point where none is published.

    Raises:
        RunFolderError: the records are of several versions of graphdam.
    """
    require_one_version(records)
    rows, data = [], []
    for reference in references:
        alike = [record for record in records if is_alike(record, reference)]
        wide = max(
            (found for record in alike if (found := wide_alone(record, records)) is not None),
            key=lambda record: len(record.seeds),
            default=None,
        )
        if wide is None:
            continue
        scores = _scores(wide, reference.metric)
        same = next((record for record in alike if record.widths[0] == reference.widths), None)
        if scores is None:
            continue
        difference = scores.mean - reference.mean / 100
        rows.append(
            (
                *(display_name(reference.dataset), _what(reference), reference.source),
                metric_text(reference.metric),
                f"{reference.mean:.1f}" + (f" ± {reference.std:.1f}" if reference.std else ""),
                f"{score_text(scores)} at {widths_text(wide.widths)}",
                points(difference),
                _judged(difference, reference),
                _of_their_width(same, reference),
            )
        )
        data.append(
            (
                *(reference.dataset, reference.split, reference.model, reference.objective),
                *(reference.metric, reference.source, reference.mean / 100),
                *(None if reference.std is None else reference.std / 100, scores.mean, difference),
            )
        )
    return TextTable(
        columns=(
            *("data set", "model", "source", "test score", "published (%)"),
            *("wide model here (%)", "difference (points)", "reached", "of their width here (%)"),
        ),
        rows=tuple(rows),
        data_columns=(
            *("dataset", "split", "model", "objective", "metric", "source", "published"),
            *("published_std", "test_mean", "difference"),
        ),
        data=tuple(data),
        labels=4,
    )


def is_alike(record: RunRecord, reference: Reference) -> bool:
    """Whether the record is of a model trained alone in the reference's setting."""
    mine = (record.dataset, record.split, record.model, record.objective)
    theirs = (reference.dataset, reference.split, reference.model, reference.objective)
    return mine == theirs and record.recipe == "wide" and record.reduction is None


def _scores(record: RunRecord, metric: str) -> Scores | None:
    return record.test if record.test.metric == metric else record.further.get(metric)


def _what(reference: Reference) -> str:
    name = display_name(reference.model)
    if reference.objective == "node-classification":
        return name
    return f"{name}, {display_name(reference.objective)}"


def _judged(difference: float, reference: Reference) -> str:
    allowed = WITHIN if reference.std is None else reference.std
    of = "a point" if reference.std is None else "their deviation"
    if abs(100 * difference) <= allowed + 1e-9:
        return f"within {of}"
    return f"above by more than {of}" if difference > 0 else f"no, below by more than {of}"


def _of_their_width(record: RunRecord | None, reference: Reference) -> str:
    scores = None if record is None else _scores(record, reference.metric)
    if record is None or scores is None:
        return MISSING
    return f"{score_text(scores)} at {widths_text(record.widths)}"
