"""Do `evaluate`, `embed` and `info` say what the record and the model say?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphdam import GCN, load_graph
from graphdam.report import read_record

Graphdam = Callable[..., Any]


def test_evaluate_repeats_the_record(graphdam: Graphdam, finished: Path) -> None:
    record = read_record(finished)
    at = record.seeds.index(record.model_seed)
    document = json.loads(graphdam("evaluate", finished, "--json").out)
    assert document["run"] == str(finished)
    assert document["graph"] == "karate"
    assert document["scores"]["test"] == record.test.values[at]
    assert document["scores"]["val"] == record.val.values[at]
    assert document["widths"] == record.widths[at]
    assert document["parameters"] == record.parameters[at]
    assert document["multiply_adds"] == record.multiply_adds[at]
    shown = graphdam("evaluate", finished).out
    assert f"{100 * record.test.values[at]:.1f}" in shown
    assert "accuracy (%)" in shown
    assert f"{record.parameters[at]:,} parameters" in shown


def test_embeddings_are_the_encoders_in_every_form(
    graphdam: Graphdam, finished: Path, tmp_path: Path
) -> None:
    graph, encoder = load_graph("karate"), GCN.from_pretrained(finished / "model")
    with torch.no_grad():
        expected = encoder.embed(graph.x, graph.edge_index).numpy()
    for suffix in (".npy", ".npz", ".csv"):
        result = graphdam("embed", finished, "--out", f"z{suffix}")
        assert result.code == 0
        assert f"34 nodes × {expected.shape[1]} dimensions" in result.out
    first = np.load("z.npy", allow_pickle=False)
    np.testing.assert_allclose(first, expected, rtol=1e-5, atol=1e-6)
    with np.load("z.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["embedding"], first)
    table = np.loadtxt("z.csv", delimiter=",", skiprows=1, dtype=np.float64)
    assert table[:, 0].tolist() == list(range(34))
    assert np.array_equal(table[:, 1:].astype(np.float32), first)


def test_an_embedding_goes_into_the_run_and_is_not_replaced_unasked(
    graphdam: Graphdam, copied: Path
) -> None:
    document = json.loads(graphdam("embed", copied, "--json").out)
    path = copied / "embedding.npy"
    width = read_record(copied).widths[0][0]
    assert document == {"run": str(copied), "file": str(path), "nodes": 34, "dimensions": width}
    path.write_bytes(b"mine")
    result = graphdam("embed", copied)
    assert (result.code, result.sentence) == (
        1,
        f"{path} exists: --overwrite replaces it, or choose another file with --out.",
    )
    assert path.read_bytes() == b"mine"
    assert graphdam("embed", copied, "--overwrite").code == 0
    assert np.load(path, allow_pickle=False).shape == (34, width)


def test_an_embedding_in_another_form_is_refused(graphdam: Graphdam, finished: Path) -> None:
    result = graphdam("embed", finished, "--out", "z.pkl")
    assert (result.code, result.sentence) == (
        1,
        "An embedding is written as .npy, .npz, .csv; received 'z.pkl'.",
    )


def test_info_shows_record_settings_and_layers(graphdam: Graphdam, finished: Path) -> None:
    document = json.loads(graphdam("info", finished, "--json").out)
    record = read_record(finished)
    assert document["finished"] is True
    assert document["result"] == record.model_dump(mode="json")
    assert document["settings"]["dataset"] == "karate"
    state = GCN.from_pretrained(finished / "model").state_dict()
    assert document["layers"] == {name: list(value.shape) for name, value in state.items()}
    shown = graphdam("info", finished).out
    assert "convs.0.lin.weight" in shown
    assert f"from seed {record.model_seed}" in shown
    assert "graphdam.GCN.from_pretrained(" in shown
    assert "outputs" in shown


def test_info_names_a_path_that_can_be_copied(graphdam: Graphdam, copied: Path) -> None:
    shown = graphdam("info", copied).out
    assert f"graphdam.GCN.from_pretrained('{copied / 'model'}')" in shown


def test_a_half_written_run_is_not_taken_for_a_finished_one(
    graphdam: Graphdam, copied: Path
) -> None:
    (copied / "result.json").unlink()
    for command in ("evaluate", "embed"):
        result = graphdam(command, copied)
        assert (result.code, result.out, result.sentence) == (
            1,
            "",
            f"{copied} has not finished, so it holds no model yet: graphdam train --out {copied} "
            f"--resume continues it.",
        )
    document = json.loads(graphdam("info", copied, "--json").out)
    assert document["finished"] is False
    assert "result" not in document
    assert "has not finished" in graphdam("info", copied).out


@pytest.mark.parametrize("command", ["evaluate", "embed", "info"])
def test_what_is_no_run_is_refused(graphdam: Graphdam, tmp_path: Path, command: str) -> None:
    tail = "(no settings.json of a run in it): name the folder that graphdam train wrote."
    result = graphdam(command, "absent")
    assert (result.code, result.sentence) == (1, f"absent does not exist {tail}")
    (tmp_path / "empty").mkdir()
    result = graphdam(command, "empty")
    assert (result.code, result.sentence) == (1, f"empty is not a run of graphdam {tail}")


@pytest.mark.parametrize("command", ["evaluate", "embed", "info"])
@pytest.mark.parametrize("damage", ["truncated", "another format", "another class", "missing"])
def test_a_damaged_model_is_refused(
    graphdam: Graphdam, copied: Path, command: str, damage: str
) -> None:
    weights, config = copied / "model" / "model.safetensors", copied / "model" / "config.json"
    description = json.loads(config.read_text())
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-20])
    elif damage == "another format":
        config.write_text(json.dumps({**description, "format": 99}))
    elif damage == "another class":
        config.write_text(json.dumps({**description, "class": "Transformer"}))
    else:
        weights.unlink()
    expected = {
        "truncated": f"{weights} is corrupted or truncated (",
        "another format": f"{config} has format 99, written by graphdam ",
        "another class": f"{config} holds a Transformer, which this graphdam does not know; ",
        "missing": f"{copied / 'model'} has a config.json but no model.safetensors: ",
    }
    result = graphdam(command, copied)
    assert (result.code, result.out) == (1, "")
    assert result.sentence.startswith(expected[damage])


def test_a_class_that_nobody_has_is_not_recommended(graphdam: Graphdam, copied: Path) -> None:
    config = copied / "model" / "config.json"
    description = json.loads(config.read_text())
    config.write_text(json.dumps({**description, "class": "Transformer"}))
    assert "graphdam.Transformer.from_pretrained" not in graphdam("info", copied).sentence


def test_a_run_of_another_version_is_refused(graphdam: Graphdam, copied: Path) -> None:
    path = copied / "settings.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format": 99, "graphdam_version": "9.9"}))
    result = graphdam("info", copied)
    assert result.code == 1
    assert result.sentence.startswith(f"{path} has format 99 (graphdam 9.9), this graphdam (")


def test_a_graph_with_other_features_is_refused(graphdam: Graphdam, finished: Path) -> None:
    result = graphdam("evaluate", finished, "--graph", "sbm")
    assert result.code == 1
    assert result.sentence.startswith("sbm has 100 features and 5 outputs a node, ")
