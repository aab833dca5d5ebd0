"""Does a run of two processes that loses one stop whole, and go on to where it would have ended?"""

from __future__ import annotations

import functools
import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from killed_runs import content, num_lines
from sampler import needs_sampler
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from graphdam import seed_run
from graphdam.cli.main import run
from graphdam.training import Trainer
from graphdam.training.checkpoint import read_checkpoint

ROOT = Path(__file__).resolve().parents[2]

COMMAND = [
    *("train", "--dataset", "digits", "--quiet", "--device", "cpu", "--threads", "1"),
    *("--batch-size", "600", "--neighbors", "5,5", "--epochs", "30", "--seed", "0"),
    *("--hidden-channels", "32", "--set", "start_width=16"),
]
KILLS = 2

PRELOADED = ["graphdam.pipeline", "torch.distributed.launcher.api", "pytest"]
"""What takes seconds to import, once for all processes of this file."""

PATIENCE = 100
"""Seconds for anything here: far more than it takes."""


def _rank(place: Path, arguments: list[str]) -> None:
    """One process of a run, which says who it is and keeps its state after every epoch."""
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    (place / f"rank-{os.environ['RANK']}").write_text(str(os.getpid()))
    vars(seed_run)["Trainer"] = functools.partial(Trainer, checkpoint_seconds=0)
    assert run(arguments) == 0


def _launch(place: Path, arguments: list[str]) -> None:
    """What torchrun does with `--standalone --nproc-per-node 2`, with all imported before.

    It ends like torchrun, with an exit code of 1 where a process has failed.
    """
    os.setsid()
    errors = os.open(place / "errors", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(errors, 2)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id=place.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        start_method="fork",
    )
    elastic_launch(config, _rank)(place, arguments)


class Launch:
    """Two processes of one run, started by torchrun's launcher in a session of their own.

    Args:
        place: where its processes say who they are.
        arguments: of `graphdam`.
    """

    def __init__(self, place: Path, *arguments: str) -> None:
        self.place = place
        for rank in range(2):
            self._said(rank).unlink(missing_ok=True)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self.launcher = context.Process(target=_launch, args=(place, list(arguments)))
        self.launcher.start()

    def _said(self, rank: int) -> Path:
        return self.place / f"rank-{rank}"

    def pids(self) -> list[int]:
        return [int(self._said(rank).read_text()) for rank in range(2)]

    def kill_one(self, rank: int, history: Path, *, after: int, pause: float) -> None:
        """Once the history has so many lines, and a moment later."""
        deadline = time.monotonic() + PATIENCE
        while num_lines(history) < after:
            assert self.launcher.is_alive(), self.errors
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(pause)
        os.kill(self.pids()[rank], signal.SIGKILL)

    @property
    def errors(self) -> str:
        return (self.place / "errors").read_text()

    def end(self) -> int:
        """The exit code, once it is there."""
        self.launcher.join(timeout=PATIENCE)
        assert self.launcher.exitcode is not None, "it hangs"
        return self.launcher.exitcode

    def is_gone(self) -> bool:
        """Whether neither the two processes nor anything else of their session is left."""
        assert self.launcher.pid is not None
        return not any(map(is_alive, self.pids())) and not is_alive(self.launcher.pid, group=True)

    def clear(self) -> None:
        """Leave nothing behind, whatever has failed."""
        assert self.launcher.pid is not None
        if is_alive(self.launcher.pid, group=True):
            os.killpg(self.launcher.pid, signal.SIGKILL)
        self.launcher.join()


def is_alive(pid: int, *, group: bool = False) -> bool:
    try:
        (os.killpg if group else os.kill)(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@needs_sampler
@pytest.mark.skipif(os.name == "nt", reason="needs the signals of POSIX")
def test_a_run_that_loses_a_process_stops_whole_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at moments that a seed chooses, each time further on."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])  # where they find this file
    whole, out = tmp_path / "whole", tmp_path / "run"
    chance = random.Random(20)
    launches: list[Launch] = []
    try:
        launches.append(Launch(tmp_path, *COMMAND, "--out", str(whole)))
        assert launches[-1].end() == 0, launches[-1].errors

        for kill in range(KILLS):
            resume = ["--resume"] if kill else []
            launches.append(Launch(tmp_path, *COMMAND, "--out", str(out), *resume))
            launches[-1].kill_one(
                chance.randrange(2),
                out / "history.jsonl",
                after=12 * kill + chance.randint(2, 6),
                pause=chance.uniform(0, 0.05),
            )
            assert launches[-1].end() != 0
            assert launches[-1].is_gone()
            assert not (out / "result.json").exists()
            kept = read_checkpoint(out / "checkpoint" / "seed-0.safetensors")
            epochs = kept.values["epoch"]
            assert epochs in (num_lines(out / "history.jsonl") - each for each in (0, 1))

        launches.append(Launch(tmp_path, *COMMAND, "--out", str(out), "--resume"))
        assert launches[-1].end() == 0, launches[-1].errors
        assert launches[-1].is_gone()
        assert content(out) == content(whole)
        assert not (out / "checkpoint").exists()
    finally:
        for launch in launches:
            launch.clear()
