"""Is a record the same after writing and reading, and is a wrong one refused in clear words?"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from graphdam.errors import RunFolderError
from graphdam.report import RunRecord, Scores, read_record, write_record

EXAMPLE = Path(__file__).parent / "example.json"


def altered(**fields: Any) -> RunRecord:
    return RunRecord.model_validate({**read_record(EXAMPLE).model_dump(), **fields})


def test_deviation_by_hand() -> None:
    # mean 0.5; squares 0.01 + 0 + 0.01 over n − 1 = 2
    scores = Scores.of("accuracy", [0.4, 0.5, 0.6])
    assert scores.mean == pytest.approx(0.5, abs=1e-15)
    assert scores.std == pytest.approx(0.1, abs=1e-15)
    assert scores.values == [0.4, 0.5, 0.6]


def test_one_seed_has_no_deviation() -> None:
    assert Scores.of("accuracy", [0.8]).std is None
    with pytest.raises(ValidationError, match="one seed has no deviation: leave it null"):
        Scores(metric="accuracy", mean=0.8, std=0.0, values=[0.8])


def test_mean_and_deviation_must_be_those_of_the_values() -> None:
    with pytest.raises(ValidationError, match=r"mean is 0\.6, but the values' mean is 0\.5"):
        Scores(metric="accuracy", mean=0.6, std=math.sqrt(0.02), values=[0.4, 0.6])
    # the biased deviation, which divides by n
    with pytest.raises(ValidationError, match=r"std is 0\.1, but the values' unbiased deviation"):
        Scores(metric="accuracy", mean=0.5, std=0.1, values=[0.4, 0.6])
    with pytest.raises(ValidationError, match="std is None, but"):
        Scores(metric="accuracy", mean=0.5, std=None, values=[0.4, 0.6])


def test_scores_are_fractions() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        Scores.of("accuracy", [81.3])
    with pytest.raises(ValidationError, match="finite number"):
        Scores.of("accuracy", [math.nan])
    with pytest.raises(ValueError, match="no values of 'accuracy'"):
        Scores.of("accuracy", [])


def test_writing_and_reading_is_the_identity(tmp_path: Path) -> None:
    record = read_record(EXAMPLE)
    path = write_record(record, tmp_path)
    assert path == tmp_path / "result.json"
    assert read_record(tmp_path) == read_record(path) == record


def test_bytes_are_stable(tmp_path: Path) -> None:
    record = read_record(EXAMPLE)
    versions = dict(reversed(record.versions.items()))
    path = write_record(altered(versions=versions), tmp_path)
    assert path.read_bytes() == EXAMPLE.read_bytes()
    assert path.read_bytes().endswith(b"}\n")
    assert list(tmp_path.iterdir()) == [path], "a temporary file was left behind"


def test_a_failed_write_keeps_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = read_record(EXAMPLE)
    path = write_record(record, tmp_path)

    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunFolderError, match=r"cannot be written.*No space left.*Make room"):
        write_record(altered(notes=["other"]), tmp_path)
    assert read_record(tmp_path) == record
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"written into an existing run folder\. Create it"):
        write_record(read_record(EXAMPLE), tmp_path / "absent")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": [0, 1]}, "val.values has length 3, but there are 2 seeds"),
        ({"parameters": [1]}, "parameters has length 1, but there are 3 seeds"),
        ({"selected_epochs": [4]}, "selected_epochs has length 1, but there are 3 seeds"),
        ({"seeds": [0, 1, 1]}, r"seeds \[0, 1, 1\] hold one seed twice"),
        ({"model_seed": 7}, r"model_seed 7 is not among the seeds \[0, 1, 2\]"),
        ({"widths": [[8], [8], [300]]}, r"widths \[300\] of seed 2 do not fit"),
        ({"widths": [[8], [8], [8, 8]]}, "as many layers are needed"),
        ({"widths": [[8], [8], [0]]}, "greater than or equal to 1"),
        ({"created": "yesterday"}, "'yesterday' is not an ISO date such as 2025-01-31"),
        ({"model": "gin"}, "'gcn', 'graphsage', 'gat', 'mlp'"),
        ({"device": None}, "valid string"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        altered(**fields)


def test_a_branch_of_a_model_of_images_may_vanish(tmp_path: Path) -> None:
    latency = {"wide_ms": 3.0, "compact_ms": 1.0, "ratio": 3.0, "threads": 1, "images": 64}
    fields = {"model": "preresnet", "objective": "image-classification", "latency": latency}
    record = altered(**fields, widths=[[8], [0], [0]])
    assert record.widths == [[8], [0], [0]]
    write_record(record, tmp_path)
    assert read_record(tmp_path) == record


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read_record(EXAMPLE).device = "cuda"


def changed_file(folder: Path, **fields: Any) -> Path:
    content = json.loads(EXAMPLE.read_text(encoding="utf-8")) | fields
    path = folder / "result.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_only_an_error_may_lie_above_one(tmp_path: Path) -> None:
    assert Scores.of("mse", [1.5, 2.5]).mean == 2
    with pytest.raises(ValidationError, match=r"values hold 1\.5, .*less than or equal to 1"):
        Scores.of("accuracy", [0.5, 1.5])
    scores = {"metric": "auc", "mean": 1.5, "std": None, "values": [1.5]}
    changed_file(tmp_path, further={"auc": scores})
    with pytest.raises(RunFolderError, match=r"values hold 1\.5"):
        read_record(tmp_path)


def test_unknown_fields_are_refused(tmp_path: Path) -> None:
    changed_file(tmp_path, lerning_rate=0.1)
    message = "is not valid: 'lerning_rate': is not a field that is known here. It must be as"
    with pytest.raises(RunFolderError, match=message):
        read_record(tmp_path)


def test_what_was_received_is_said(tmp_path: Path) -> None:
    changed_file(tmp_path, threads="one", device=3)
    with pytest.raises(RunFolderError, match=r"'device': .*valid string, received 3 \(and 1 more"):
        read_record(tmp_path)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    path = changed_file(tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["split"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RunFolderError, match="'split': is missing"):
        read_record(path)


@pytest.mark.parametrize(("value", "said"), [(2, "format 2"), (None, "no format"), (True, "True")])
def test_another_format_is_refused(tmp_path: Path, value: object, said: str) -> None:
    changed_file(tmp_path, format=value)
    message = f"{said}, but graphdam .* reads format 1: use the version of graphdam that wrote it"
    with pytest.raises(RunFolderError, match=message):
        read_record(tmp_path)


def test_a_missing_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RunFolderError, match=r"No record at .*: a finished run holds 'result\.json'"
    ):
        read_record(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"format": 1,', b"[]", b"\xff\xfe{}"])
def test_half_a_record_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(RunFolderError, match=r"is not JSON|has no format|cannot be read"):
        read_record(tmp_path)


def test_reports_need_neither_torch_nor_matplotlib() -> None:
    code = (
        "import sys, graphdam.report; "
        "print([name for name in ('torch', 'matplotlib', 'scipy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
