"""Run a bench and keep its records, which the tables are made of.

    python benchmarks/records.py planetoid        # all cells without a record of all its seeds
    python benchmarks/records.py links --only 'cora-*' --again

A record is what `graphdam bench` leaves of a cell, copied to benchmarks/results/BENCH; it names
the command that makes it again. Run folders stay under --runs, and what is finished there is not
trained again. A cell that failed is written down in benchmarks/results/failures.json, and its table
says so until it has a record. Data as for `graphdam train`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from blocks import FAILURES, read_failures
from joblib import cpu_count
from pydantic import TypeAdapter
from rich.console import Console

from graphdam.bench import BENCHES, Bench, Cell, find_bench, run_bench
from graphdam.cli.bench_progress import BenchProgress
from graphdam.errors import GraphDamError
from graphdam.files import write_atomically
from graphdam.report import BenchFolder, MissingCell, read_record

RESULTS = Path(__file__).parent / "results"


def without_record(bench: Bench, results: Path, seeds: Sequence[int]) -> Bench:
    """The cells that have no record of all these seeds yet, and those whose models these cut."""

    def has_record(cell: Cell) -> bool:
        file = results / f"{cell.name}.json"
        return file.exists() and set(seeds) <= set(read_record(file).seeds)

    missing = [cell for cell in bench.cells if not has_record(cell)]
    names = {cell.name for cell in missing} | {cell.source for cell in missing}
    return replace(bench, cells=tuple(cell for cell in bench.cells if cell.name in names))


def keep_failures(bench: Bench, missing: Sequence[MissingCell], results: Path) -> None:
    """Writes down which cells of the bench failed, in place of what was known of them."""
    known = read_failures(results)
    for cell in bench.cells:
        known.pop(f"{bench.name}/{cell.name}", None)
    known |= {f"{bench.name}/{cell.name}": cell for cell in missing}
    file = results / FAILURES
    if known:
        content = TypeAdapter(dict[str, MissingCell]).dump_json(known, indent=1)
        write_atomically(file, f"{content.decode()}\n")
    else:
        file.unlink(missing_ok=True)


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", choices=sorted(BENCHES))
    parser.add_argument("--only", default="*", help="names of cells, as in 'cora-*' or 'a-*,b-*'")
    parser.add_argument("--again", action="store_true", help="make records that are there anew")
    parser.add_argument("--overwrite", action="store_true", help="replace runs of other settings")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders lie")
    parser.add_argument("--seeds", type=int, help="seeds 0 to this, less one")
    parser.add_argument("--jobs", type=int, default=cpu_count(), help="runs side by side")
    arguments = parser.parse_args()
    results, folder = RESULTS / arguments.bench, arguments.runs / f"bench-{arguments.bench}"
    try:
        bench = find_bench(arguments.bench).only(arguments.only)
        seeds = range(arguments.seeds or bench.seeds)
        if not arguments.again:
            bench = without_record(bench, results, seeds)
        with BenchProgress(bench, Console(stderr=True)) as progress:
            result = run_bench(
                bench,
                folder,
                jobs=arguments.jobs,
                seeds=seeds,
                overwrite=arguments.overwrite,
                observer=progress.observer,
            )
    except GraphDamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    results.mkdir(parents=True, exist_ok=True)
    for record in result.records:
        shutil.copyfile(record, results / record.name)
    failed = {failure.cell for failure in result.failures}
    missing = [cell for cell in BenchFolder(folder).missing() if cell.name in failed]
    keep_failures(bench, missing, RESULTS)
    for cell in BenchFolder(folder).missing():
        if cell.name not in failed and any(cell.name == each.name for each in bench.cells):
            print(f"no record: {cell.name}: {cell.reason}", file=sys.stderr)
    for failure in result.failures:
        print(f"failed: {failure.cell} seed {failure.seed}: {failure.reason}", file=sys.stderr)
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
