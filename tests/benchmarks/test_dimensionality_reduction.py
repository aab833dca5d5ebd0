"""Does the experiment have the rank that it tells, learn a width, and print what its cells say?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmark_script import load_script
from torch import Tensor

from graphdam import deviation
from graphdam.training import seeded

study = load_script("dimensionality_reduction")


def points_of(data: str) -> Tensor:
    with seeded(0, torch.device("cpu")):
        points: Tensor = study.draw_points(data, 500)
    return points


@pytest.mark.parametrize(("data", "rank"), [("linear", 10), ("affine", 11)])
def test_a_shift_adds_one_to_the_rank_of_the_factors(data: str, rank: int) -> None:
    points = points_of(data).numpy()
    assert np.linalg.matrix_rank(points) == rank
    assert np.linalg.matrix_rank(points - points.mean(axis=0)) == study.FACTORS


def test_channels_close_down_to_the_rank_and_not_below() -> None:
    points = points_of("affine")
    with seeded(0, torch.device("cpu")):
        gated = study.train_autoencoder(points, 0.03, steps=1200)
    compact = gated.compact()
    assert gated.widths == [11]
    assert (compact[0].out_features, compact[1].in_features) == (11, 11)
    assert deviation(gated, compact, points, relative=True) < 1e-5
    with torch.no_grad():
        error = (compact(points) - points).square().sum()
    # with one channel less, even the best code would lose more (Eckart and Young)
    assert error < 0.5 * torch.linalg.svdvals(points)[10].square()


def cell(data: str, seed: int, width: int, explained: float) -> object:
    rank = 11 if data == "affine" else 10
    return study.Cell(data, 0.01, seed, rank, width, explained, 1e-7, 9.0)


def test_the_table_by_hand() -> None:
    cells = [
        cell("affine", 0, 11, 0.99),
        cell("linear", 1, 12, 0.97),
        cell("linear", 0, 10, 0.98),
    ]
    table = study.table(cells)
    assert table["rows"] == [
        ["linear", "0.01", "10", "10, 12", "1 of 2", "97.50 (97.00)"],
        ["affine", "0.01", "11", "11", "1 of 1", "99.00 (99.00)"],
    ]
    assert "Seeds 0, 1." in table["caption"]


def test_the_committed_table_is_that_of_its_cells() -> None:
    record = json.loads(study.RESULT.read_text(encoding="utf-8"))
    again = study.table(study.Cell(**each) for each in record["cells"])
    for part in ("title", "columns", "rows", "cells"):  # the caption tells the versions of the run
        assert again[part] == record[part]
    assert len(again["cells"]) == len(study.DATA) * len(study.PENALTY_WEIGHTS) * len(study.SEEDS)


def test_finished_cells_are_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def train(data: str, penalty_weight: float, seed: int) -> object:
        trained.append((data, penalty_weight, seed))
        return cell(data, seed, 10, 1.0)

    monkeypatch.setattr(study, "train_cell", train)
    monkeypatch.setattr(study, "RESULT", tmp_path / "study.json")
    cells = tmp_path / "cells.jsonl"
    arguments = ["study", "--penalty-weights", "0.01", "--seeds", "2", "--cells", str(cells)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert study.main() == 0
    assert len(trained) == 4
    cells.write_text(cells.read_text()[:-20])  # cut off in the last line
    assert study.main() == 0
    assert trained[4:] == [("affine", 0.01, 1)]
    assert len(json.loads((tmp_path / "study.json").read_text())["cells"]) == 4
