"""Records from wherever they lie: files, run folders, folders of records, bench folders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphdam.errors import RunFolderError
from graphdam.report.bench_folder import PLAN_FILE, RECORDS_FOLDER, BenchFolder, MissingCell
from graphdam.report.record import RunRecord
from graphdam.report.record_file import RECORD_FILE, read_record


@dataclass
class Collected:
    """What was found.

    Attributes:
        records: in the order of the paths, equal ones once.
        missing: cells of bench folders that have no record.
        left_out: files in folders that are JSON but no record of a run.
    """

    records: list[RunRecord] = field(default_factory=list)
    missing: list[MissingCell] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)


def collect(paths: Sequence[Path]) -> Collected:
    """All records at these paths.

    A path is a record's file, a run folder, the folder of a bench, or a folder of records or run
    folders.

    Raises:
        RunFolderError: there is nothing at a path, or a record is corrupted.
    """
    found = Collected()
    seen: set[Path] = set()
    for path in paths:
        files = [file for file in _files(path, found) if file.resolve() not in seen]
        seen.update(file.resolve() for file in files)
        for file in files:
            record = read_record(file)
            if record not in found.records:
                found.records.append(record)
    return found


def _files(path: Path, found: Collected) -> Iterable[Path]:
    if path.is_file() or (path / RECORD_FILE).is_file():
        return [path]
    if not path.is_dir():
        raise RunFolderError(
            f"{path} does not exist: name a record, a run folder, or a folder of such."
        )
    bench = BenchFolder(path.parent if path.name == RECORDS_FOLDER else path)
    if (bench.path / PLAN_FILE).is_file():
        found.missing += [cell for cell in bench.missing() if cell not in found.missing]
        return bench.record_files()
    files = []
    for file in sorted(path.glob("*.json")):
        if _is_record(file):
            files.append(file)
        else:
            found.left_out.append(file)
    files += [file.parent for file in sorted(path.glob(f"*/{RECORD_FILE}"))]
    if not files:
        raise RunFolderError(
            f"{path} holds no record: a finished run leaves '{RECORD_FILE}', a bench leaves "
            f"'{RECORDS_FOLDER}'. Name a folder that graphdam train or graphdam bench wrote."
        )
    return files


def _is_record(file: Path) -> bool:
    """Whether a file means to be a record; half a record does, and is refused when it is read."""
    try:
        content = json.loads(file.read_bytes())
    except ValueError:
        return True
    return isinstance(content, dict) and "format" in content
