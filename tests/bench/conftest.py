"""A finished bench that tests may read but never change, and a way to break one off."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tiny_bench import TINY

from graphdam import pipeline, seed_run
from graphdam.bench import Bench, BenchResult, run_bench
from graphdam.report import HistoryLine, RunRecord
from graphdam.training import Trainer


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BenchResult]:
    """The tiny bench with seeds 0 and 1, never interrupted; do not change it."""
    out = tmp_path_factory.mktemp("bench") / "whole"
    return out, run_bench(TINY, out, seeds=range(2))


@pytest.fixture
def break_off(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Presses Ctrl-C at an epoch of the n-th unit of a bench."""
    original = pipeline.run

    def arrange(bench: Bench, out: Path, *, unit: int, epoch: int) -> None:
        calls = 0

        def stop(line: HistoryLine) -> None:
            if (calls, line.epoch) == (unit, epoch):
                raise KeyboardInterrupt

        def run(*arguments: Any, **named: Any) -> RunRecord:
            nonlocal calls
            calls += 1
            return original(*arguments, **named, observer=pipeline.Observer(epoch=stop))

        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "run", run)
            patch.setattr(seed_run, "Trainer", partial(Trainer, checkpoint_seconds=0))
            with pytest.raises(KeyboardInterrupt):
                run_bench(bench, out, seeds=range(2))

    return arrange
