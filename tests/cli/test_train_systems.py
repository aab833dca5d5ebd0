"""Does `graphdam train --method` train the systems beside DAM, and say what their numbers mean?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphdam.report import read_record

Graphdam = Callable[..., Any]

PLAIN = ["--device", "cpu", "--threads", "1", "--epochs", "6", "--hidden-channels", "16"]


@pytest.mark.parametrize("method", ["irrelevance", "aswl"])
def test_masks_are_told_apart_from_size(graphdam: Graphdam, tmp_path: Path, method: str) -> None:
    given = ["--set", "target_sparsity=0.5"] if method == "aswl" else []
    result = graphdam("train", "--dataset", "karate", "--method", method, *given, *PLAIN)
    assert result.code == 0
    record = read_record(tmp_path / "runs" / f"karate-gcn-{method}")
    assert record.sparsity is not None
    assert record.sparsity[0].nonzero <= record.parameters[0]
    assert record.parameters == [34 * 16 + 16 + 16 * 4 + 4]
    assert record.widths == [[16]]
    assert "of them not zero (masked, no smaller)" in result.out


def test_filters_are_removed_at_the_end(graphdam: Graphdam, tmp_path: Path) -> None:
    options = ["--method", "frank-wolfe", "--set", "removed_filters=0.5", "--out", "run"]
    result = graphdam("train", "--dataset", "karate", *options, *PLAIN)
    assert result.code == 0
    record = read_record(tmp_path / "run")
    assert (record.start_widths, record.widths) == ([16], [[8]])
    assert record.parameters == [34 * 8 + 8 + 8 * 4 + 4]
    assert record.sparsity is None
    assert record.latency is not None
    assert graphdam("evaluate", "run").code == 0


def test_dam_is_the_default_recipe(graphdam: Graphdam, quick: list[str], tmp_path: Path) -> None:
    result = graphdam("train", "--dataset", "karate", "--method", "dam", "--out", "run", *quick)
    assert result.code == 0
    assert read_record(tmp_path / "run").recipe == "default"


@pytest.mark.parametrize(
    ("method", "given", "told"),
    [
        ("irrelevance", "lower_bound=1.0", "The lower bound 1 lies above the"),
        ("frank-wolfe", "ball_share=2", "Setting ball_share=2: input should be less than or equal"),
        ("frank-wolfe", "ball_radius=0", "Setting ball_radius=0: input should be greater than 0"),
        ("wide", "ball=l2", "ball=l2 is for the recipe 'frank-wolfe'"),
        ("aswll", "lr=0.1", "Unknown recipe 'aswll': did you mean 'aswl'?"),
    ],
)
def test_bad_input_is_one_sentence(graphdam: Graphdam, method: str, given: str, told: str) -> None:
    result = graphdam(
        "train", "--dataset", "karate", "--method", method, "--set", given, "--quiet", *PLAIN
    )
    assert result.code != 0
    assert told in result.sentence
