"""`graphdam train` on batches of a graph, as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch_geometric.typing
from sampler import needs_sampler, needs_walks

from graphdam.nn import partition
from graphdam.report import read_record

Graphdam = Callable[..., Any]
BATCHES = ("train", "--dataset", "karate", "--batch-size", "17", "--neighbors", "4,2")


@needs_sampler
def test_a_run_on_batches_says_how_it_reads_and_is_used_as_any(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = graphdam(*BATCHES, "--out", out, *quick)
    assert result.code == 0
    reading = "batches of 17 seed nodes, 4, 2 of their neighbours a hop, as batch_size asks"
    assert f"Reads {reading}" in " ".join(result.err.split())
    record = read_record(out)
    assert reading in record.notes
    assert record.changed["batch_size"] == 17
    scores = json.loads(graphdam("evaluate", out, "--json").out)["scores"]
    assert scores["test"] == record.test.values[0]
    assert graphdam("embed", out).code == 0


def test_a_budget_in_which_all_fits_reads_the_whole_graph(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = graphdam("train", "--dataset", "karate", "--memory-budget", "4", "--out", out, *quick)
    assert result.code == 0
    assert "the whole graph in every step: about 0.5 GiB" in " ".join(result.err.split())


def test_a_budget_too_small_leaves_no_folder(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = graphdam("train", "--memory-budget", "0.01", "--out", out, "-q", *quick)
    assert result.code == 1
    assert "the least that works" in result.sentence
    assert not out.exists()


def test_without_a_sampler_no_folder_is_left(
    graphdam: Graphdam, quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_geometric.typing, "WITH_PYG_LIB", False)
    monkeypatch.setattr(torch_geometric.typing, "WITH_TORCH_SPARSE", False)
    out = tmp_path / "run"
    result = graphdam(*BATCHES, "--out", out, "-q", *quick)
    assert result.code == 1
    assert "pyg-lib or by torch-sparse, and neither is installed" in result.sentence
    assert not out.exists()


def test_neighbours_that_are_no_numbers(graphdam: Graphdam) -> None:
    result = graphdam("train", "--batch-size", "9", "--neighbors", "many")
    assert result.sentence == (
        "--neighbors takes one number or one a layer, as in 15 or 15,10; received 'many'."
    )


@needs_walks
def test_a_run_on_random_walks(graphdam: Graphdam, quick: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ("--dataset", "karate", "--batch-size", "17", "--loader", "saint")
    result = graphdam("train", *given, "--out", out, *quick)
    assert result.code == 0
    reading = "batches of at most 17 nodes, which random walks meet, as batch_size asks"
    assert reading in read_record(out).notes
    assert read_record(out).changed["loader"] == "saint"


def test_without_metis_no_folder_is_left(
    graphdam: Graphdam, quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "_pyg_has_metis", lambda: False)
    monkeypatch.setattr(partition, "_has_pymetis", lambda: False)
    out = tmp_path / "run"
    given = ("--dataset", "karate", "--batch-size", "17", "--loader", "cluster")
    result = graphdam("train", *given, "--out", out, "-q", *quick)
    assert result.code == 1
    assert "cuts a graph by METIS" in result.sentence
    assert not out.exists()
