"""Writes the tables and figures of README.md and benchmarks/README.md from benchmarks/results.

    python benchmarks/tables.py            # writes them anew
    python benchmarks/tables.py --check    # exit code 1 if a block or a figure is stale

A block lies between two lines, `<!-- table:NAME -->` and `<!-- /table -->`. NAME is one of

    before-after:RECORD   the wide model beside the compact one
    caption:RECORD        how that record was made
    comparison:GLOB       a row a record
    stranding:GLOB        how far single taught runs end below the wide model trained alone
    speed:RECORD          a table that speed.py, overhead.py or recipe_study.py wrote

where RECORD is a file under benchmarks/results without its `.json`, as in planetoid/cora-gcn-wide,
and GLOB a pattern for such, or several with commas between them. Figures are those of FIGURES.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from graphdam.errors import DataError, GraphDamError, unknown_choice
from graphdam.report import (
    RunRecord,
    before_after,
    caption,
    comparison,
    deviation_line,
    draw_frontier,
    read_record,
    to_markdown,
    wide_alone,
)
from graphdam.report.table import markdown

ROOT = Path(__file__).resolve().parent.parent
PAGES = (Path("README.md"), Path("benchmarks/README.md"))
RESULTS = Path("benchmarks/results")
FIGURES_FOLDER = Path("benchmarks/figures")

FIGURES: dict[str, str] = {
    **{f"{name}-gcn.png": f"planetoid/{name}-gcn-*" for name in ("cora", "citeseer", "pubmed")},
    "cora-links.png": "links/cora-gcn-*",
}
"""The score against the width, by file: the records of each."""

STRANDED = 2.0
"""A run that ends more points than this below its wide model counts as stranded."""

_OPENING = re.compile(r"<!-- table:(\S+) -->")
_CLOSING = "<!-- /table -->"


class SpeedTable(BaseModel):
    """The part of a speed record that is printed; what else it holds is for other readers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    title: str
    columns: list[str]
    rows: list[list[str | int | float]]
    caption: str


@dataclass(frozen=True)
class Page:
    """A page as it is and as it should be, with the names of the blocks where the two differ."""

    text: str
    fresh: str
    stale: tuple[str, ...]


def render(name: str, *, results: Path) -> str:
    """The Markdown of the block of this name."""
    kind, _, argument = name.partition(":")
    if kind not in _KINDS or not argument:
        hint = "A block is named KIND:RECORD."
        raise DataError(unknown_choice("table", name, [f"{kind}:…" for kind in _KINDS], hint))
    return _KINDS[kind](argument, results)


def renew(text: str, *, results: Path, page: str) -> Page:
    """The page with the content of every block made anew."""
    fresh: list[str] = []
    stale: list[str] = []
    name: str | None = None
    held: list[str] = []
    for at, line in enumerate(text.splitlines(keepends=True), start=1):
        opening = _OPENING.fullmatch(line.strip())
        if name is None:
            if line.strip() == _CLOSING:
                raise DataError(f"{page}, line {at}: '{_CLOSING}' closes no table. Remove it.")
            fresh.append(line)
            if opening:
                name, held = opening[1], []
        elif opening:
            raise DataError(f"{page}, line {at}: table '{name}' is still open. {_close_it()}")
        elif line.strip() == _CLOSING:
            block = f"\n{render(name, results=results)}\n\n"
            if block != "".join(held):
                stale.append(name)
            fresh += [block, line]
            name = None
        else:
            held.append(line)
    if name is not None:
        raise DataError(f"{page}: table '{name}' is never closed. {_close_it()}")
    return Page(text=text, fresh="".join(fresh), stale=tuple(stale))


def stale_figures(
    figures: Mapping[str, str], folder: Path, *, results: Path, write: bool
) -> list[str]:
    """The figures whose bytes are not those that their records make; mended if asked to."""
    stale = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, pattern in figures.items():
            fresh = draw_frontier(_records(pattern, results), Path(scratch) / name).read_bytes()
            file = folder / name
            if file.is_file() and file.read_bytes() == fresh:
                continue
            stale.append(name)
            if write:
                folder.mkdir(parents=True, exist_ok=True)
                file.write_bytes(fresh)
    return stale


def main(
    arguments: Sequence[str] | None = None,
    *,
    root: Path = ROOT,
    figures: Mapping[str, str] = FIGURES,
) -> int:
    """The exit code: 0 where all is well, 1 for stale blocks under `--check`, 2 for an error."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, name stale blocks")
    check = parser.parse_args(arguments).check
    try:
        results = root / RESULTS
        pages = {page: _renew_file(root / page, results=results) for page in PAGES}
        pictures = stale_figures(figures, root / FIGURES_FOLDER, results=results, write=not check)
    except GraphDamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path, page in pages.items():
        for name in page.stale:
            print(f"{path.as_posix()}: table:{name} {'is stale' if check else 'written anew'}")
        if not check and page.fresh != page.text:
            (root / path).write_text(page.fresh, encoding="utf-8", newline="\n")
    for name in pictures:
        print(f"{(FIGURES_FOLDER / name).as_posix()} {'is stale' if check else 'drawn anew'}")
    if check and (pictures or any(page.stale for page in pages.values())):
        print("Run `python benchmarks/tables.py` and commit what it writes.")
        return 1
    return 0


def _renew_file(path: Path, *, results: Path) -> Page:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}): the page must exist.") from error
    return renew(text, results=results, page=path.name)


def _before_after(name: str, results: Path) -> str:
    record = _record(name, results)
    deviation = deviation_line(record)
    table = to_markdown(before_after(record))
    return table if deviation is None else f"{table}\n\n{deviation}"


def _caption(name: str, results: Path) -> str:
    return caption([_record(name, results)])


def _records(pattern: str, results: Path) -> list[RunRecord]:
    found = [sorted(results.glob(f"{each}.json")) for each in pattern.split(",")]
    files = list(dict.fromkeys(chain.from_iterable(found)))
    if not files:
        raise DataError(_nothing_at(pattern, results))
    return [read_record(file) for file in files]


def _stranding(pattern: str, results: Path) -> str:
    records = _records(pattern, results)
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
    records = _records(pattern, results)
    return f"{to_markdown(comparison(records))}\n\n{caption(records)}"


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
    "speed": _speed,
    "stranding": _stranding,
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


def _close_it() -> str:
    return f"Close it with a line '{_CLOSING}'."


if __name__ == "__main__":
    sys.exit(main())
