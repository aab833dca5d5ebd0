"""Does the command work on real graphs?"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphdam.report import read_record

Graphdam = Callable[..., Any]

pytestmark = pytest.mark.real_data

ROOT = os.environ.get("GRAPHDAM_DATA")


@pytest.fixture
def root() -> str:
    if ROOT is None:
        if os.environ.get("CI"):
            pytest.fail("GRAPHDAM_DATA is not set")
        pytest.skip("GRAPHDAM_DATA is not set")
    return ROOT


def test_cora_ends_narrow_exact_and_right(graphdam: Graphdam, root: str, tmp_path: Path) -> None:
    result = graphdam(
        *("train", "--dataset", "cora", "--data-root", root, "--out", "run", "--quiet"),
        *("--device", "cpu", "--threads", "1", "--epochs", "80", "--target-width", "16"),
        *("--hidden-channels", "64", "--set", "start_width=32", "--set", "gate_end=0.5"),
        *("--set", "lr=0.01", "--set", "gated_lr=0.02"),
    )
    assert result.code == 0, result.err
    record = read_record(tmp_path / "run")
    assert record.split == "public"
    assert record.widths == [[16]]
    assert record.deviation <= 1e-5
    assert record.test.mean > 0.7
    again = graphdam("evaluate", "run", "--data-root", root)
    assert f"{100 * record.test.mean:.1f}" in again.out


def test_tolokers_is_scored_by_roc_auc(graphdam: Graphdam, root: str, tmp_path: Path) -> None:
    result = graphdam(
        *("train", "--dataset", "tolokers", "--data-root", root, "--out", "run", "--quiet"),
        *("--device", "cpu", "--threads", "1", "--epochs", "2", "--hidden-channels", "16"),
        *("--set", "start_width=8"),
    )
    assert result.code == 0, result.err
    record = read_record(tmp_path / "run")
    assert (record.test.metric, record.split) == ("roc_auc", "published")
    assert record.deviation <= 1e-5
    assert "ROC-AUC" in result.out
