"""Train what the tables are made of, and keep each run's record.

    python benchmarks/records.py                    # all records that are not there yet
    python benchmarks/records.py 'cora-*' --again   # some of them, anew

Every record is the result.json of one `graphdam train` command, copied to benchmarks/results. Run
folders stay under --runs; an interrupted one is resumed. Data as for `graphdam train`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

from graphdam.cli.main import run

RESULTS = Path(__file__).parent / "results"
SEEDS = ["--seeds", "10"]
FEW = ["--seeds", "3"]
WIDE = ["--recipe", "wide"]
GEOM = ["--dataset", "cora", "--split", "geom-gcn"]

COMMANDS: dict[str, list[str]] = {
    "digits-gcn-default": ["--dataset", "digits"],
    "digits-gcn-wide": ["--dataset", "digits", *WIDE],
    "cora-gcn-default": ["--dataset", "cora"],
    "cora-gcn-wide": ["--dataset", "cora", *WIDE],
    "cora-gcn-wide-relu": ["--dataset", "cora", *WIDE, "--set", "act=relu"],
    "cora-gcn-narrow-16": ["--dataset", "cora", *WIDE, "--hidden-channels", "16"],
    "cora-gcn-narrow-8": ["--dataset", "cora", *WIDE, "--hidden-channels", "8"],
    "cora-gcn-target-8": ["--dataset", "cora", "--target-width", "8"],
    "cora-gcn-target-4": ["--dataset", "cora", "--target-width", "4"],
    "cora-gcn-paper": ["--dataset", "cora", "--recipe", "paper"],
    "cora-graphsage-default": ["--dataset", "cora", "--model", "graphsage"],
    "cora-graphsage-wide": ["--dataset", "cora", "--model", "graphsage", *WIDE],
    "cora-gat-default": ["--dataset", "cora", "--model", "gat"],
    "cora-gat-wide": ["--dataset", "cora", "--model", "gat", *WIDE],
    "citeseer-gcn-default": ["--dataset", "citeseer"],
    "citeseer-gcn-wide": ["--dataset", "citeseer", *WIDE],
    "citeseer-gcn-wide-relu": ["--dataset", "citeseer", *WIDE, "--set", "act=relu"],
    "pubmed-gcn-default": ["--dataset", "pubmed"],
    "pubmed-gcn-wide": ["--dataset", "pubmed", *WIDE],
    "pubmed-gcn-wide-relu": ["--dataset", "pubmed", *WIDE, "--set", "act=relu"],
    "limits-cora-geom-gcn": GEOM,
    "limits-cora-geom-gcn-wide": [*GEOM, *WIDE],
    "limits-photo": ["--dataset", "photo", *FEW],
    "limits-photo-wide": ["--dataset", "photo", *FEW, *WIDE],
    "limits-tolokers": ["--dataset", "tolokers", *FEW],
    "limits-tolokers-wide": ["--dataset", "tolokers", *FEW, *WIDE],
}


def make(name: str, runs: Path, *, again: bool) -> bool:
    """Train and keep one record; whether that went well."""
    record, folder = RESULTS / f"{name}.json", runs / name
    if record.exists() and not again:
        return True
    seeds = [] if "--seeds" in COMMANDS[name] else SEEDS
    arguments = ["train", *COMMANDS[name], *seeds, "--out", str(folder)]
    if folder.exists():
        arguments.append("--overwrite" if again else "--resume")
    # The record names the command that made it: what `graphdam` was called with.
    sys.argv = ["graphdam", *arguments]
    if run(arguments) != 0:
        return False
    RESULTS.mkdir(exist_ok=True)
    shutil.copyfile(folder / "result.json", record)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="*", help="names of records to make")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders lie")
    parser.add_argument("--again", action="store_true", help="make records that are there anew")
    arguments = parser.parse_args()
    names = [name for name in COMMANDS if fnmatch(name, arguments.pattern)]
    if not names:
        parser.error(f"no record is called '{arguments.pattern}'; known: {', '.join(COMMANDS)}")
    return 0 if all(make(name, arguments.runs, again=arguments.again) for name in names) else 1


if __name__ == "__main__":
    sys.exit(main())
