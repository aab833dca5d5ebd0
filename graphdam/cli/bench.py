"""`graphdam bench`: a grid of runs, resumed where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphdam.cli.output import DataRoot, Debug, Json, Output, Quiet
from graphdam.errors import SettingsError

if TYPE_CHECKING:
    from graphdam.bench import Bench, BenchResult


def bench(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="One of those that --list names."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Folder of the bench; by default runs/bench-NAME.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Seeds 0 … N−1 of every cell; 10, 3 or (with --quick) 2."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs side by side; by default one a core.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two seeds, three widths, the first data set only.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Some cells, as in 'cora-*' or 'a-*,b-*'.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace runs that were begun with other settings.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Show the cells (or the benches) and train nothing.")
    ] = False,
    data_root: DataRoot = None,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Train every cell of a bench under every seed, side by side on the cores there are.

    What is finished is not trained again: the same command goes on after an interruption, and
    tries again what failed. A finished cell leaves one record; graphdam report makes tables and
    figures of them.
    """
    from graphdam.bench import BENCHES, find_bench

    output = Output(json=json_, quiet=quiet or json_)
    if name is None:
        if list_:
            _list_benches(output)
            return 0
        raise SettingsError(f"Which bench? Known: {', '.join(sorted(BENCHES))}.")
    chosen = find_bench(name, quick=quick)
    if only is not None:
        chosen = chosen.only(only)
    number = seeds or chosen.seeds
    if list_:
        _list_cells(chosen, number, output)
        return 0
    folder = Path(out or f"runs/bench-{name}{'-quick' if quick else ''}")
    result = _run(chosen, folder, number, jobs, overwrite, data_root, output)
    _show(chosen, folder, result, output)
    return 1 if result.failures else 0


def _run(
    chosen: Bench,
    folder: Path,
    seeds: int,
    jobs: int | None,
    overwrite: bool,
    root: Path | None,
    to: Output,
) -> BenchResult:
    from joblib import cpu_count

    from graphdam.bench import run_bench
    from graphdam.cli.bench_progress import BenchProgress

    with BenchProgress(chosen, to.progress) as progress:
        return run_bench(
            chosen,
            folder,
            jobs=jobs or cpu_count(),
            seeds=range(seeds),
            overwrite=overwrite,
            data_root=root,
            observer=progress.observer,
        )


def _show(chosen: Bench, folder: Path, result: BenchResult, to: Output) -> None:
    to.document(
        {
            "bench": chosen.name,
            "out": str(folder),
            "records": [str(path) for path in result.records],
            "failures": [
                {"cell": failure.cell, "seed": failure.seed, "reason": failure.reason}
                for failure in result.failures
            ],
        }
    )
    to.text(f"{len(result.records)} of {len(chosen.cells)} cells are finished: {folder}/records")
    for failure in result.failures:
        seed = "" if failure.seed is None else f" seed {failure.seed}"
        to.text(f"Failed: {failure.cell}{seed}: {failure.reason}", style="red")
    if result.failures:
        to.text(
            f"The same command tries again what failed; without its folder, as in "
            f"{folder}/CELL/seed-S, a run begins anew."
        )
    to.text(f"Next: graphdam report {folder} --out {folder}/report")


def _list_benches(to: Output) -> None:
    from graphdam.bench import BENCHES, find_bench

    benches = [find_bench(name) for name in BENCHES]
    document = {each.name: {"summary": each.summary, "cells": len(each.cells)} for each in benches}
    to.document(document)
    width = max(len(each.name) for each in benches)
    for each in benches:
        to.text(f"{each.name:{width}} {len(each.cells):3} cells  {each.summary}")


def _list_cells(chosen: Bench, seeds: int, to: Output) -> None:
    commands: dict[str, Any] = {
        cell.name: chosen.command(cell, range(seeds)) for cell in chosen.cells
    }
    to.document(commands)
    width = max(map(len, commands))
    for name, command in commands.items():
        to.text(f"{name:{width}}  {command}")
