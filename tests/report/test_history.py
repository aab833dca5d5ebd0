"""Is a history read line by line, and does a stopped run's torn last line do no harm?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from graphdam.errors import RunFolderError
from graphdam.report import HistoryLine, read_history


def line(epoch: int, **fields: Any) -> HistoryLine:
    content = {
        "seed": 0,
        "epoch": epoch,
        "loss": 1.5,
        "train": 0.5,
        "val": 0.4,
        "teacher_val": None,
        "penalty": -0.1,
        "widths": [8, 4],
        "offsets": [-0.5, -0.25],
        "steepness": 1.0,
        "gate_values": [[1.0, 0.5], [1.0]] if epoch == 0 else None,
        "seconds": 0.1,
    }
    return HistoryLine.model_validate(content | fields)


def write(folder: Path, *lines: str) -> Path:
    path = folder / "history.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_written_lines_are_read_in_their_order(tmp_path: Path) -> None:
    lines = [line(epoch) for epoch in range(3)]
    path = write(tmp_path, *(f"{entry.model_dump_json()}\n" for entry in lines))
    assert read_history(path) == read_history(tmp_path) == lines


@pytest.mark.parametrize("kept", [1, 20, 100])
def test_a_torn_last_line_is_ignored(tmp_path: Path, kept: int) -> None:
    whole = f"{line(0).model_dump_json()}\n"
    path = write(tmp_path, whole, line(1).model_dump_json()[:kept])
    assert read_history(path) == [line(0)]


def test_a_whole_last_line_without_newline_counts(tmp_path: Path) -> None:
    path = write(tmp_path, f"{line(0).model_dump_json()}\n", line(1).model_dump_json())
    assert read_history(path) == [line(0), line(1)]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    whole = f"{line(0).model_dump_json()}\n"
    path = write(tmp_path, whole, '{"seed": 0, "ep\n', whole)
    with pytest.raises(RunFolderError, match=r"history\.jsonl, line 2, is not JSON .*cut off"):
        read_history(path)


def test_a_wrong_last_line_is_no_torn_one(tmp_path: Path) -> None:
    path = write(tmp_path, f"{line(0).model_dump_json()}\n", '{"seed": 0}\n')
    with pytest.raises(RunFolderError, match=r"line 2, is not valid: 'epoch': is missing"):
        read_history(path)


def test_gate_values_are_of_every_gate() -> None:
    with pytest.raises(ValidationError, match="gate_values are of 1 gates, widths of 2"):
        line(0, gate_values=[[1.0]])


def test_a_missing_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RunFolderError, match=r"cannot be read .* holds 'history\.jsonl'\. Name the"
    ):
        read_history(tmp_path)


def test_an_empty_history_has_no_lines(tmp_path: Path) -> None:
    assert read_history(write(tmp_path)) == []
