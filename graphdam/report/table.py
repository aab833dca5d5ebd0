"""One table, as Markdown for a README, as CSV for a spreadsheet, or for the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.table

Value = str | int | float | None


@dataclass(frozen=True)
class TextTable:
    """A table twice over: `rows` for people to read and `data`, unrounded, for programs.

    The first `labels` columns of `rows` hold words and are set to the left, the others to the
    right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data_columns: tuple[str, ...]
    data: tuple[tuple[Value, ...], ...]
    labels: int = 1

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows)
        assert all(len(row) == len(self.data_columns) for row in self.data)


def without(table: TextTable, *columns: str) -> TextTable:
    """The table for readers without these columns, where they are there; the data stay."""
    keep = [at for at, column in enumerate(table.columns) if column not in columns]
    return replace(
        table,
        columns=tuple(table.columns[at] for at in keep),
        rows=tuple(tuple(row[at] for at in keep) for row in table.rows),
        labels=sum(at < table.labels for at in keep),
    )


def to_markdown(table: TextTable) -> str:
    """The table in GitHub's Markdown, its columns aligned in the source too; no last newline."""
    return markdown(table.columns, table.rows, labels=table.labels)


def to_csv(table: TextTable) -> str:
    """The unrounded values with a header line, lines ending in a newline; `None` is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.data_columns)
    writer.writerows(table.data)
    return stream.getvalue()


def to_rich(table: TextTable, *, title: str | None = None) -> rich.table.Table:
    """The table for `rich.console.Console.print`."""
    import rich.box
    import rich.table
    import rich.text

    drawn = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    for at, column in enumerate(table.columns):
        # as `Text`, because brackets in a user's names are no markup
        header = rich.text.Text(column)
        drawn.add_column(header, justify="left" if at < table.labels else "right")
    for row in table.rows:
        drawn.add_row(*(rich.text.Text(cell) for cell in row))
    return drawn


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], *, labels: int = 1) -> str:
    """Rows of text as a table in GitHub's Markdown; the first `labels` columns are set left.

    >>> print(markdown(["", "wide"], [["parameters", "369 k"]]))
    |            |  wide |
    | :--------- | ----: |
    | parameters | 369 k |
    """
    cells = [[_escaped(cell) for cell in row] for row in (columns, *rows)]
    sizes = [max(3, *(len(row[at]) for row in cells)) for at in range(len(columns))]
    lines = [_line(row, sizes, labels) for row in cells]
    rules = [
        ":" + "-" * (size - 1) if at < labels else "-" * (size - 1) + ":"
        for at, size in enumerate(sizes)
    ]
    return "\n".join([lines[0], _line(rules, sizes, labels), *lines[1:]])


def _line(cells: Sequence[str], sizes: Sequence[int], labels: int) -> str:
    padded = (
        cell.ljust(size) if at < labels else cell.rjust(size)
        for at, (cell, size) in enumerate(zip(cells, sizes, strict=True))
    )
    return f"| {' | '.join(padded)} |"


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")
