"""How a run's record is read and written: JSON, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from graphdam._version import __version__
from graphdam.errors import RunFolderError
from graphdam.files import write_atomically
from graphdam.report._refusal import first_fault
from graphdam.report.record import FORMAT, RunRecord

RECORD_FILE = "result.json"


def read_record(path: str | Path) -> RunRecord:
    """The record of a run folder, or of a record's own file."""
    file = Path(path)
    if file.is_dir():
        file = file / RECORD_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunFolderError(
            f"No record at {file}: a finished run holds '{RECORD_FILE}'. Name the folder that "
            "`graphdam train` wrote, or finish the run first."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunFolderError(
            f"The record {file} cannot be read ({error}): a UTF-8 file in JSON is expected. "
            "Check the file, or train again."
        ) from error
    return _parse_record(text, file=file)


def write_record(record: RunRecord, folder: str | Path) -> Path:
    """Writes `result.json` into an existing run folder, whole or not at all; returns its path."""
    folder = Path(folder)
    if not folder.is_dir():
        raise RunFolderError(
            f"No folder at {folder}: a record is written into an existing run folder. Create it."
        )
    return write_record_file(record, folder / RECORD_FILE)


def write_record_file(record: RunRecord, path: Path) -> Path:
    """Writes a record under a name of its own, its folder made; whole or not at all."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        write_atomically(path, f"{text}\n")
    except OSError as error:
        raise RunFolderError(
            f"The record {path} cannot be written ({error}): a writable folder with free space "
            "is needed. Make room, or choose another folder."
        ) from error
    return path


def _parse_record(text: str, *, file: Path) -> RunRecord:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise RunFolderError(
            f"The record {file} is not JSON ({error}): it may have been cut off or edited. "
            "Restore it, or train again."
        ) from error
    found = content.get("format") if isinstance(content, dict) else None
    if type(found) is not int or found != FORMAT:
        said = "no format" if found is None else f"format {found!r}"
        raise RunFolderError(
            f"The record {file} has {said}, but graphdam {__version__} reads format {FORMAT}: "
            "use the version of graphdam that wrote it, or train again."
        )
    try:
        return RunRecord.model_validate_json(text)
    except ValidationError as error:
        raise RunFolderError(
            f"The record {file} is not valid: {first_fault(error)}. It must be as graphdam wrote "
            "it: undo the edit, or train again."
        ) from error
