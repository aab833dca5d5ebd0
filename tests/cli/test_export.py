"""`graphdam export`: the files, what is said of them, and what is refused."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphdam import GCN, load_graph
from graphdam.cli.export import SUFFIXES
from graphdam.nn.export_formats import FORMATS

Graphdam = Callable[..., Any]
has_onnx = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))


def test_the_command_knows_the_formats() -> None:
    assert {name: form.suffix for name, form in FORMATS.items()} == SUFFIXES


@pytest.mark.parametrize(
    "form",
    [
        "pyg",
        "torch-export",
        pytest.param("onnx", marks=pytest.mark.skipif(not has_onnx, reason="graphdam[export]")),
    ],
)
@pytest.mark.filterwarnings("ignore:.*treespec:FutureWarning")  # torch.export.load's own
def test_what_it_prints_runs_and_gives_the_models_outputs(
    graphdam: Graphdam, copied: Path, form: str
) -> None:
    document = json.loads(graphdam("export", copied, "--format", form, "--json").out)
    assert document["format"] == form
    assert document["graph"] == "karate"
    assert document["files"][0] == str(copied / "export" / f"model{SUFFIXES[form]}")
    assert all(Path(file).is_file() for file in document["files"])
    assert max(document["deviation"], document["deviation_elsewhere"]) < 1e-5
    assert document["other_nodes"] == 41
    graph, encoder = load_graph("karate"), GCN.from_pretrained(copied / "model")
    names: dict[str, Any] = {"x": graph.dense_x(), "edge_index": graph.edge_index}
    with torch.no_grad():
        exec(document["snippet"], names)
        expected = encoder(graph.dense_x(), graph.edge_index)
    torch.testing.assert_close(torch.as_tensor(names["out"]), expected)


def test_a_file_is_not_replaced_unasked(graphdam: Graphdam, copied: Path) -> None:
    shown = graphdam("export", copied, "--out", "mine.json")
    assert shown.code == 0
    assert "mine.json, mine.safetensors" in shown.out
    assert "of their scale on karate, and by" in shown.out
    assert "torch_geometric.nn.GCN(**arguments)" in shown.out
    Path("mine.json").unlink()
    Path("mine.safetensors").write_bytes(b"mine")
    result = graphdam("export", copied, "--out", "mine.json")
    assert (result.code, result.sentence) == (
        1,
        "mine.safetensors exists: --overwrite replaces it, or choose another file with --out.",
    )
    assert Path("mine.safetensors").read_bytes() == b"mine"
    assert graphdam("export", copied, "--out", "mine.json", "--overwrite", "-q").code == 0
    assert Path("mine.safetensors").stat().st_size > 100


def test_replacing_a_run_takes_its_exports_along(
    graphdam: Graphdam, copied: Path, quick: list[str]
) -> None:
    assert graphdam("export", copied).code == 0
    assert (copied / "export").is_dir()
    graphdam("train", "--dataset", "karate", "--out", copied, "--overwrite", "-q", *quick)
    assert (copied / "result.json").exists()
    assert not (copied / "export").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--format", "onxx"), "Unknown format 'onxx': did you mean 'onnx'? Known: onnx, pyg, "),
        (("--out", "a.pkl"), "The format pyg is written as .json; received 'a.pkl'."),
    ],
)
def test_refusals(
    graphdam: Graphdam, finished: Path, options: tuple[str, ...], sentence: str
) -> None:
    result = graphdam("export", finished, *options)
    assert (result.code, result.out) == (1, "")
    assert result.sentence.startswith(sentence)
    assert not list(Path().iterdir())


def test_a_run_that_has_not_finished_is_refused(graphdam: Graphdam, copied: Path) -> None:
    (copied / "result.json").unlink()
    result = graphdam("export", copied)
    assert result.code == 1
    assert result.sentence.startswith(f"{copied} has not finished, so it holds no model yet")
