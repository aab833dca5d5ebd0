"""The command line in this process: exit code, stdout and stderr of one command."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphdam.cli.main import run

QUICK = [
    *("--device", "cpu", "--threads", "1", "--epochs", "6", "--hidden-channels", "16"),
    *(
        "--set",
        "start_width=8",
        "--set",
        "min_width=2",
        "--set",
        "gate_end=0.5",
        "--set",
        "heads=2",
    ),
]


@dataclass(frozen=True)
class Result:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line of complaint, without the word before it."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("Error: "), self.err
        return lines[0].removeprefix("Error: ")


Graphdam = Callable[..., Result]


@pytest.fixture
def graphdam(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Graphdam:
    """Runs one command in a fresh folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRAPHDAM_DATA", raising=False)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Result(code, captured.out, captured.err)

    return command


@pytest.fixture
def quick() -> list[str]:
    """Options of a run of six epochs."""
    return list(QUICK)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two seeds on karate; do not change it."""
    out = tmp_path_factory.mktemp("cli") / "run"
    code = run(["train", "--dataset", "karate", "--seeds", "2", "--out", str(out), "-q", *QUICK])
    assert code == 0
    return out


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be damaged."""
    return shutil.copytree(finished, tmp_path / "copied")
