"""Does the study keep off the test nodes, resume, and print what its cells say?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from benchmark_script import load_script

from graphdam.data import load_graph
from graphdam.training import Settings

study = load_script("recipe_study")


@pytest.mark.parametrize("design", study.DESIGNS)
def test_every_design_is_a_valid_recipe(design: str) -> None:
    settings = Settings.of(**study.DESIGNS[design])
    assert (settings == Settings.of()) == (design == "default")


def test_a_study_graph_is_split_anew_for_every_seed() -> None:
    first, again, other = (study.study_graph("digits", seed) for seed in (10, 10, 11))
    assert len(first.splits) == 1
    train, val, test = first.splits[0]
    assert int(train.sum()) == 200
    assert not (train & val | train & test | val & test).any()
    assert all(one.equal(two) for one, two in zip(first.splits[0], again.splits[0], strict=True))
    assert not train.equal(other.mask("train"))


@pytest.mark.real_data
@pytest.mark.skipif(
    not os.environ.get("GRAPHDAM_DATA") and not os.environ.get("CI"),
    reason="GRAPHDAM_DATA is not set",
)
def test_public_test_nodes_are_in_no_part() -> None:
    published = load_graph("cora").mask("test")
    for part in study.study_graph("cora", 10).splits[0]:
        assert not (part & published).any()
    graph = load_graph("cora", split="geom-gcn")
    mine = study.study_graph("cora geom-gcn", 10).splits[0]
    theirs = graph.splits[0]
    assert mine.train.equal(theirs.train)
    assert (mine.val | mine.test).equal(theirs.val)


def cell(graph: str, design: str, seed: int, score: float, seconds: float) -> object:
    return study.Cell(graph, design, seed, score, 0.80, [8], seconds)


def test_the_table_by_hand() -> None:
    cells = [
        cell("cora", "default", 10, 0.82, 4.0),
        cell("cora", "default", 11, 0.81, 4.0),
        cell("cora", "ReLU", 10, 0.79, 6.0),
        cell("cora", "ReLU", 11, 0.80, 5.0),
        cell("digits", "ReLU", 10, 0.80, 5.0),  # without a default to be compared with
    ]
    table = study.table(cells)
    assert table["columns"] == ["design", "cora", "digits", "training time"]
    assert table["rows"] == [
        ["default", "+1.5 (+1.0) @ 8", "–", "1.00"],
        ["ReLU", "−0.5 (−1.0) @ 8", "–", "1.38"],
    ]
    assert "Seeds 10, 11;" in table["caption"]
    assert len(table["cells"]) == 5


def test_finished_cells_are_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def train(name: str, design: str, seed: int) -> object:
        trained.append((name, design, seed))
        return cell(name, design, seed, 0.8, 1.0)

    monkeypatch.setattr(study, "train_cell", train)
    monkeypatch.setattr(study, "RESULT", tmp_path / "study.json")
    cells = tmp_path / "cells.jsonl"
    arguments = ["study", "--graphs", "digits", "--designs", "default,Re*", "--seeds", "2"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--cells", str(cells)])
    assert study.main() == 0
    assert len(trained) == 4
    text = cells.read_text()
    cells.write_text(text[:-20])  # cut off in the last line
    assert study.main() == 0
    assert trained[4:] == [("digits", "ReLU", 11)]
    assert len(json.loads((tmp_path / "study.json").read_text())["cells"]) == 4
