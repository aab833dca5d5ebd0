"""`graphdam report`: records in, tables and figures out, or rows of a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphdam.cli.output import Debug, Json, Output, Quiet
from graphdam.errors import RunFolderError

if TYPE_CHECKING:
    from graphdam.report import Collected, Group


def report(
    records: Annotated[
        list[str],
        typer.Argument(
            metavar="RECORDS_OR_RUNS...",
            help="Records, run folders, bench folders, or folders of records.",
        ),
    ],
    out: Annotated[str | None, typer.Option(help="Folder for tables and figures.")] = None,
    leaderboard: Annotated[
        bool,
        typer.Option(
            "--leaderboard", help="Print the rows that OGB's leaderboards ask for, as Markdown."
        ),
    ] = False,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make tables (Markdown, CSV) and figures of many records.

    Every data set, objective, split, metric and version of graphdam has a table of its own. Cells
    of a bench that failed or are not finished have a row that says so. The same records make the
    same bytes.

    With --leaderboard nothing is written: the rows that OGB's leaderboards ask for are printed.
    """
    from graphdam.report import collect, group_records

    output = Output(json=json_, quiet=quiet or json_)
    if (out is None) != leaderboard:
        raise typer.BadParameter(
            "Give either --out, the folder for tables and figures, or --leaderboard."
        )
    found = collect([Path(name) for name in records])
    groups = group_records(found.records, found.missing)
    if not groups:
        raise RunFolderError(
            f"There is nothing to report in {', '.join(records)}: no run has finished, none failed."
        )
    if found.left_out:
        names = ", ".join(path.name for path in found.left_out)
        output.progress.print(f"Left out, no records of runs: {names}", markup=False)
    if out is None:
        _print_leaderboards(groups, output)
    else:
        _write_tables(groups, found, out, output)


def _print_leaderboards(groups: Sequence[Group], output: Output) -> None:
    from graphdam.report import on_leaderboard, submission

    found = [(group.title, on_leaderboard(group.records)) for group in groups]
    pages = {title: submission(records) for title, records in found if records}
    if not pages:
        raise RunFolderError(
            "None of these records was scored by OGB's evaluator, so none is for a leaderboard of "
            "OGB: name runs on its sets, such as ogbn-arxiv, or ogbl-collab with --objective gae."
        )
    output.text("\n\n".join(f"## {title}\n\n{page}" for title, page in pages.items()))
    output.document([{"title": title, "markdown": page} for title, page in pages.items()])


def _write_tables(groups: Sequence[Group], found: Collected, out: str, output: Output) -> None:
    from graphdam.report import to_rich, without, write_group

    versions = sorted({record.graphdam_version for record in found.records})
    if len(versions) > 1:
        output.progress.print(
            f"Records of graphdam {' and '.join(versions)} are kept apart: each version has tables "
            f"of its own.",
            markup=False,
        )
    document = []
    for group in groups:
        files = [str(path) for path in write_group(group, Path(out))]
        document.append(
            {
                "title": group.title,
                "records": len(group.records),
                "missing": {cell.name: cell.reason for cell in group.missing},
                "files": files,
            }
        )
        # the title says the data set and the split, and a terminal is narrow
        hidden = ("data set", "split", "parameters", "latency ratio (×)", "missing because")
        output.results.print(to_rich(without(group.table, *hidden), title=group.title))
        for cell in group.missing:
            output.text(f"Missing: {cell.name}: {cell.reason}", style="yellow")
    tables = "1 table, with its" if len(groups) == 1 else f"{len(groups)} tables, with their"
    output.text(f"{tables} figures, in {out}")
    output.document(document)
