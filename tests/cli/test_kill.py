"""Does a run that was interrupted, resumed and killed end where an untouched one ends?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from killed_runs import content, num_lines

from graphdam.cli.main import run

# A shell starts jobs in the background with SIGINT ignored, and programs inherit that.
PROGRAM = """
import functools, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from graphdam import seed_run
from graphdam.training import Trainer
seed_run.Trainer = functools.partial(Trainer, checkpoint_seconds=0)
from graphdam.cli.main import main
main()
"""

COMMAND = [
    *("train", "--dataset", "karate", "--quiet", "--device", "cpu", "--threads", "1"),
    *("--epochs", "500", "--seeds", "2", "--hidden-channels", "16", "--target-width", "3"),
    *("--set", "start_width=8"),
]


def stop(arguments: list[str], out: Path, *, after: int, by: signal.Signals) -> tuple[int, str]:
    """Send a signal to a real `graphdam` once its history has so many lines."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    ) as process:
        deadline = time.monotonic() + 120
        while num_lines(out / "history.jsonl") < after and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(by)
        _, error = process.communicate(timeout=60)
    return process.returncode, error


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs the signals of POSIX")
def test_interrupted_then_killed_then_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "run"
    assert run([*COMMAND, "--out", str(whole)]) == 0

    arguments = [*COMMAND, "--out", str(out)]
    code, error = stop(arguments, out, after=40, by=signal.SIGINT)
    begun = num_lines(out / "history.jsonl")
    assert not (out / "result.json").exists()
    assert 40 <= begun < 1000

    killed, _ = stop([*arguments, "--resume"], out, after=600, by=signal.SIGKILL)
    assert killed == -signal.SIGKILL
    assert not (out / "result.json").exists()
    assert (out / "checkpoint" / "seed-0" / "result.json").exists()

    assert run(["train", "--out", str(out), "--resume", "--quiet"]) == 0
    assert content(out) == content(whole)
    assert not (out / "checkpoint").exists()
    capsys.readouterr()

    # last, so that what matters more is seen first
    assert code == 130
    assert "Traceback" not in error
    assert "Interrupted: the same command with --resume continues a run." in error
