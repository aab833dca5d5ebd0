"""What a page's block holds: from its name and the records to Markdown.

A name is one of

    before-after:RECORD   the wide model beside the compact one
    caption:RECORD        how that record was made
    comparison:GLOB       a row a record, and a row for every cell that failed
    frontier:GLOB         the best rival at every width, and where graphdam is not on top
    summary:GLOB          the default recipe beside the wide model, a row a graph
    sweep:GLOB            what every λ led to
    dimensions:GLOB       the codes of autoencoders beside the dimension of their data
    plots:GLOB            the codes of autoencoders beside the figures of plots.json
    reproduction:GLOB     the wide models beside the figures of references.json
    hours:GLOB            how long the records took to train, a row a bench
    stranding:GLOB        how far single taught runs end below the wide model trained alone
    speed:RECORD          a table that speed.py, overhead.py or another script wrote
    section:NAME          what sections/NAME.md says of the records that are there

where RECORD is a file under benchmarks/results without its `.json`, as in planetoid/cora-gcn-wide,
and GLOB a pattern for such, or several with commas between them.

A section is Markdown in which a line `{{NAME}}` is a block. It is cut in parts by lines `<!-- needs
GLOB -->`. A part is left out until each of its patterns has a record, and so is what stands above
the first such line until a part is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path

from autoencoders import SOURCE, beside_plots, dimensions, read_plots
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from graphdam.errors import DataError, unknown_choice
from graphdam.report import (
    RULE,
    MissingCell,
    RunRecord,
    before_after,
    caption,
    comparison,
    deviation_line,
    hours,
    is_alike,
    notes,
    read_record,
    read_references,
    reproduction,
    summary,
    sweep,
    to_markdown,
    verdict,
    wide_alone,
    with_missing,
)
from graphdam.report.table import markdown

SECTIONS, FAILURES = "sections", "failures.json"
REFERENCES, PLOTS = "references.json", "plots.json"

STRANDED = 2.0
"""A run that ends more points than this below its wide model counts as stranded."""

_NEEDS = re.compile(r"<!-- needs (\S+) -->")
_BLOCK = re.compile(r"\{\{(\S+)\}\}")


class SpeedTable(BaseModel):
    """The part of a speed record that is printed; what else it holds is for other readers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    title: str
    columns: list[str]
    rows: list[list[str | int | float]]
    caption: str


def render(name: str, *, results: Path) -> str:
    """The Markdown of the block of this name."""
    kind, _, argument = name.partition(":")
    if kind not in _KINDS or not argument:
        hint = "A block is named KIND:RECORD."
        raise DataError(unknown_choice("table", name, [f"{kind}:…" for kind in _KINDS], hint))
    return _KINDS[kind](argument, results)


def found_files(pattern: str, results: Path) -> list[Path]:
    """The files of a pattern, or of several with commas between them, each once."""
    found = [sorted(results.glob(f"{each}.json")) for each in pattern.split(",")]
    return list(dict.fromkeys(chain.from_iterable(found)))


def read_records(pattern: str, results: Path) -> list[RunRecord]:
    """The records of a pattern, which must have some."""
    files = found_files(pattern, results)
    if not files:
        raise DataError(_nothing_at(pattern, results))
    return [read_record(file) for file in files]


def read_failures(results: Path) -> dict[str, MissingCell]:
    """The cells that failed, as records.py wrote them down, by bench and name."""
    file = results / FAILURES
    if not file.is_file():
        return {}
    try:
        return TypeAdapter(dict[str, MissingCell]).validate_json(file.read_bytes())
    except ValidationError as error:
        raise DataError(f"{file} is no list of failed cells: {error}. Make it anew.") from error


def _missing(pattern: str, results: Path) -> list[MissingCell]:
    wanted, failures = pattern.split(","), read_failures(results)
    return [cell for at, cell in failures.items() if any(fnmatch(at, each) for each in wanted)]


def _before_after(name: str, results: Path) -> str:
    record = _record(name, results)
    deviation = deviation_line(record)
    table = to_markdown(before_after(record))
    return table if deviation is None else f"{table}\n\n{deviation}"


def _caption(name: str, results: Path) -> str:
    return caption([_record(name, results)])


def _stranding(pattern: str, results: Path) -> str:
    records = read_records(pattern, results)
    falls: list[tuple[float, str]] = []
    for record in records:
        wide = wide_alone(record, records)
        if record.recipe != "default" or wide is None:
            continue
        reference = dict(zip(wide.seeds, wide.test.values, strict=True))
        for seed, score in zip(record.seeds, record.test.values, strict=True):
            where = f"{record.dataset} ({record.split} split), {record.model}, seed {seed}"
            falls.append((100 * (reference[seed] - score), where))
    if not falls:
        raise DataError(f"No taught run has a wide one beside it among the records '{pattern}'.")
    stranded = sum(fall > STRANDED for fall, _ in falls)
    worst, where = max(falls)
    below = sum(fall > 0 for fall, _ in falls)
    return (
        f"{len(falls)} taught runs: {stranded or 'none'} more than {STRANDED:g} points below the "
        f"wide model that was trained alone under the same seed, {below} below it at all; the "
        f"worst is {where}, {worst:.1f} points below."
    )


def _comparison(pattern: str, results: Path) -> str:
    records = read_records(pattern, results)
    table = with_missing(comparison(records), _missing(pattern, results))
    return _with_notes([to_markdown(table), caption(records)], records)


def _frontier(pattern: str, results: Path) -> str:
    records = read_records(pattern, results)
    found = verdict(records)
    sentences = " ".join([*found.sentences, RULE, caption(records)])
    return f"{to_markdown(found.table)}\n\n{sentences}"


def _summary(pattern: str, results: Path) -> str:
    records = read_records(pattern, results)
    return f"{to_markdown(summary(records))}\n\n{caption(records)}"


def _sweep(pattern: str, results: Path) -> str:
    records = read_records(pattern, results)
    table = with_missing(sweep(records), _missing(pattern, results))
    return _with_notes([to_markdown(table), caption(records, compared=False)], records)


def _with_notes(parts: Sequence[str], records: Sequence[RunRecord]) -> str:
    met = notes(records)
    return "\n\n".join(parts if met is None else [*parts, met])


def _reproduction(pattern: str, results: Path) -> str:
    references = read_references(results.parent / REFERENCES)
    records = [
        record
        for record in read_records(pattern, results)
        if any(is_alike(record, reference) for reference in references)
    ]
    if not records:
        raise DataError(f"No reference is of the setting of a record that '{pattern}' names.")
    table = to_markdown(reproduction(records, references))
    return f"{table}\n\n{caption(records, compared=False)}"


def _dimensions(pattern: str, results: Path) -> str:
    records = read_records(pattern, results)
    table = with_missing(dimensions(records), _missing(pattern, results))
    return _with_notes([to_markdown(table), caption(records, compared=False)], records)


def _plots(pattern: str, results: Path) -> str:
    records, plots = read_records(pattern, results), read_plots(results.parent / PLOTS)
    table = with_missing(beside_plots(records, plots), _missing(pattern, results))
    about = f"{SOURCE} Ours: {caption(records, compared=False)}"
    return _with_notes([to_markdown(table), about], records)


def _hours(pattern: str, results: Path) -> str:
    benches: dict[str, list[RunRecord]] = {}
    for file in found_files(pattern, results):
        benches.setdefault(file.parent.name, []).append(read_record(file))
    return to_markdown(hours(benches))


def _section(name: str, results: Path) -> str:
    file = results.parent / SECTIONS / f"{name}.md"
    if not file.is_file():
        known = [each.stem for each in file.parent.glob("*.md")]
        raise DataError(unknown_choice("section", name, known, "Sections lie under benchmarks."))
    # text, pattern, text, pattern, text …: a part is a pattern and the text below it
    head, *rest = _NEEDS.split(file.read_text(encoding="utf-8"))
    parts = [
        text
        for pattern, text in zip(rest[::2], rest[1::2], strict=True)
        if all(found_files(each, results) for each in pattern.split(","))
    ]
    if not parts:
        return ""
    whole = "\n\n".join(part.strip() for part in [head, *parts] if part.strip())
    return _BLOCK.sub(lambda block: render(block[1], results=results), whole)


def _speed(name: str, results: Path) -> str:
    file = _file(name, results)
    try:
        speed = SpeedTable.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise DataError(f"{file} is no speed record: {error}. Make it anew.") from error
    for row in speed.rows:
        if len(row) != len(speed.columns):
            raise DataError(f"{file}: {row} does not fit the columns {speed.columns}. Mend it.")
    rows = [
        [cell if isinstance(cell, str) else f"{cell:.6g}" for cell in row] for row in speed.rows
    ]
    return f"**{speed.title}**\n\n{markdown(speed.columns, rows)}\n\n{speed.caption}"


_KINDS: dict[str, Callable[[str, Path], str]] = {
    "before-after": _before_after,
    "caption": _caption,
    "comparison": _comparison,
    "dimensions": _dimensions,
    "frontier": _frontier,
    "hours": _hours,
    "plots": _plots,
    "reproduction": _reproduction,
    "section": _section,
    "speed": _speed,
    "stranding": _stranding,
    "summary": _summary,
    "sweep": _sweep,
}


def _record(name: str, results: Path) -> RunRecord:
    return read_record(_file(name, results))


def _file(name: str, results: Path) -> Path:
    file = results / f"{name}.json"
    if not file.is_file():
        raise DataError(_nothing_at(name, results))
    return file


def _nothing_at(name: str, results: Path) -> str:
    known = [
        file.relative_to(results).with_suffix("").as_posix() for file in results.rglob("*.json")
    ]
    return unknown_choice("record", name, known, "Records lie under benchmarks/results.")
