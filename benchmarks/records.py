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
WIDE = ["--recipe", "wide"]
RELU = ["--set", "act=relu"]
PLANETOID = ("cora", "citeseer", "pubmed")
OTHERS = ("digits", "photo", "computers", "cs", "tolokers")


def _commands() -> dict[str, list[str]]:
    """What `graphdam train` is called with, by the name of the record."""
    commands: dict[str, list[str]] = {}
    for name in PLANETOID:
        on = ["--dataset", name]
        commands |= {
            f"{name}-gcn-default": on,
            f"{name}-gcn-target-8": [*on, "--target-width", "8"],
            f"{name}-gcn-target-4": [*on, "--target-width", "4"],
            f"{name}-gcn-wide": [*on, *WIDE],
            f"{name}-gcn-wide-relu": [*on, *WIDE, *RELU],
            f"{name}-gcn-narrow-16": [*on, *WIDE, "--hidden-channels", "16"],
            f"{name}-gcn-narrow-8": [*on, *WIDE, "--hidden-channels", "8"],
            f"{name}-gcn-narrow-4": [*on, *WIDE, "--hidden-channels", "4"],
        }
        for model in ("gat", "graphsage"):
            commands[f"{name}-{model}-default"] = [*on, "--model", model]
            commands[f"{name}-{model}-wide"] = [*on, "--model", model, *WIDE]
        geom = [*on, "--split", "geom-gcn"]
        commands[f"{name}-geom-gcn-default"] = geom
        commands[f"{name}-geom-gcn-wide"] = [*geom, *WIDE]
    for name in OTHERS:
        commands[f"{name}-gcn-default"] = ["--dataset", name]
        commands[f"{name}-gcn-wide"] = ["--dataset", name, *WIDE]
    commands["cora-gcn-paper"] = ["--dataset", "cora", "--recipe", "paper"]
    return commands


COMMANDS = _commands()


def make(name: str, runs: Path, *, again: bool) -> bool:
    """Train and keep one record; whether that went well."""
    record, folder = RESULTS / f"{name}.json", runs / name
    if record.exists() and not again:
        return True
    command = ["train", *COMMANDS[name], *SEEDS]
    arguments = [*command, "--out", str(folder)]
    if folder.exists():
        arguments.append("--overwrite" if again else "--resume")
    # The record names the command that made it, which takes no notice of where the run lay.
    sys.argv = ["graphdam", *command]
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
