"""What must stand under every table: split, selection, seeds, versions, device, threads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from graphdam.report.methods import display_name, method_name
from graphdam.report.numbers import seeds_text, widths_text
from graphdam.report.record import RunRecord

SHARED = 3
"""From so many records on, what all of them say is said once."""


def caption(records: Sequence[RunRecord], *, compared: bool = True) -> str:
    """One paragraph of Markdown on how these records were made; where they differ, both are said.

    For a single record it ends with the command that makes it again. `compared` says that the table
    holds differences.
    """
    if not records:
        raise ValueError("A caption needs at least one record, received none.")
    sentences = [f"Split: {_distinct(record.split for record in records)}"]
    sentences += _joined(dict.fromkeys(record.selection for record in records))
    if any(record.is_masked for record in records):
        sentences.append(
            "Masked weights are zeros: they are stored and multiplied like others, so parameters "
            "and multiply-adds count them, and masks make a model neither smaller nor faster"
        )
    if any(record.evaluator for record in records):
        evaluators = _distinct(record.evaluator or "graphdam" for record in records)
        sentences.append(f"Scored by {evaluators}")
    seeds = _distinct(seeds_text(record.seeds) for record in records)
    sentences.append(seeds[:1].upper() + seeds[1:])
    if any(len(record.seeds) > 1 for record in records):
        sentences[-1] += "; ± is the unbiased standard deviation over them"
    if len(records) > 1 and compared:
        sentences.append("Differences are paired by seed; p is of a two-sided paired t-test")
    made_with = _distinct(software(record) for record in records)
    sentences.append(f"{made_with}; {_distinct(machine(record) for record in records)}")
    dates = sorted({record.created[:10] for record in records})
    sentences.append(f"Recorded {dates[0] if len(dates) == 1 else f'{dates[0]} to {dates[-1]}'}")
    if len(records) == 1:
        sentences.append(f"Made by `{records[0].command}`")
    return " ".join(f"{sentence.rstrip('.')}." for sentence in sentences)


def _joined(sentences: Iterable[str]) -> list[str]:
    """Sentences that differ in nothing but one number as one sentence with all the numbers.

    >>> _joined(["From 180 on.", "All.", "From 0 on."])
    ['From 180 / 0 on.', 'All.']
    """
    numbers: dict[tuple[str, ...], list[str]] = {}
    for sentence in sentences:
        # a sentence without a number is cut at its end
        before, number, after = re.split(r"(\d+|$)", sentence, maxsplit=1)
        numbers.setdefault((before, after), []).append(number)
    return [f"{before}{' / '.join(each)}{after}" for (before, after), each in numbers.items()]


def notes(records: Sequence[RunRecord]) -> str | None:
    """What single runs met, as a Markdown list: a width not reached, a wide model handed back.

    What many records of one model on one data set say is said once.
    """
    shared = Counter((_subject(record), note) for record in records for note in record.notes)
    lines = []
    for record in records:
        subject = _subject(record)
        for note in record.notes:
            times = shared[subject, note]
            about = f"{subject}, {times} rows" if times >= SHARED else _about(record)
            lines.append(f"- {about}: {note.rstrip('.')}.")
    lines = list(dict.fromkeys(lines))
    return "\n".join(["Notes:", "", *lines]) if lines else None


def _subject(record: RunRecord) -> str:
    words = [display_name(record.dataset), display_name(record.model)]
    if record.learns_embedding:
        words.append(display_name(record.objective))
    return ", ".join(words)


def _about(record: RunRecord) -> str:
    return f"{_subject(record)}, {method_name(record)}, width {widths_text(record.widths)}"


def software(record: RunRecord) -> str:
    """The versions that a record was made with, in a line."""
    versions = {"graphdam": record.graphdam_version, **record.versions}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def machine(record: RunRecord) -> str:
    """The device, the threads and, if lower, the precision of steps that a record was made with."""
    words = [record.device, f"{record.threads} thread{'s' if record.threads > 1 else ''}"]
    if (precision := record.changed.get("precision")) is not None:
        words.append(f"steps in {precision}")
    return ", ".join(words)


def _distinct(texts: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(texts))
