"""From raw files in OGB's layout to the score of OGB's evaluator, by one command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ogb_files import expect_sizes_of, made_up, write_set

from graphdam.data import load_graph
from graphdam.data.registry import DATASETS
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.ogb import import_ogb
from graphdam.nn import Encoder
from graphdam.report import read_record
from graphdam.training import build_gated
from graphdam.training.run_folder import RunFolder

Graphdam = Callable[..., Any]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a set into a data root that is only read."""
    monkeypatch.setenv("GRAPHDAM_CACHE", str(tmp_path / "cache"))

    def write(name: str) -> Path:
        written = made_up(name, num_nodes=80, num_edges=240)
        expect_sizes_of(written, name, monkeypatch)
        folder = write_set(tmp_path / "root", name, written)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        return tmp_path / "root"

    return write


@pytest.mark.parametrize("name", ["ogbn-arxiv", "ogbn-proteins"])
def test_the_score_is_that_of_ogbs_evaluator(
    name: str,
    graphdam: Graphdam,
    quick: list[str],
    root: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    data_root = root(name)
    where = ["--data-root", data_root]
    result = graphdam(
        *("train", "--dataset", name, *where, *quick, "--epochs", "3", "--out", "run")
    )
    assert result.code == 0, result.err
    record = read_record(tmp_path / "run")
    assert (record.dataset, record.split) == (name, DATASETS[name].default_split)
    assert record.evaluator == f"ogb {import_ogb('ogb').__version__}, Evaluator('{name}')"
    graph = load_graph(name, data_root=data_root)
    with torch.no_grad():
        outputs = Encoder.from_pretrained("run/model").eval()(graph.x, graph.edge_index)
    y, test = graph.y.view(graph.num_nodes, -1), graph.mask("test")
    predicted = outputs if y.size(1) > 1 else outputs.argmax(1, keepdim=True)
    evaluator = import_ogb("ogb.nodeproppred").Evaluator(name)
    (score,) = evaluator.eval({"y_true": y[test], "y_pred": predicted[test]}).values()
    assert record.test.values == [pytest.approx(score, abs=1e-6)]
    assert record.wide is not None
    (trained,) = record.trained_parameters or []
    settings = RunFolder.open(tmp_path / "run").settings()
    assert trained == record.wide.parameters + num_parameters(build_gated(settings, graph))
    report = graphdam("report", "run", "--out", "tables")
    assert report.code == 0, report.err
    (page,) = (tmp_path / "tables").glob("*.md")
    assert f"| {trained:,} |" in " ".join(page.read_text(encoding="utf-8").split())
    evaluated = json.loads(graphdam("evaluate", "run", *where, "--json").out)
    assert evaluated["scores"]["test"] == pytest.approx(score, abs=1e-6)


def test_a_set_that_is_nowhere_is_one_sentence(graphdam: Graphdam, tmp_path: Path) -> None:
    result = graphdam("train", "--dataset", "ogbn-arxiv", "--out", "run", "-q")
    assert result.code == 1
    assert result.sentence.startswith("The data set 'ogbn-arxiv' was not found under ")
    assert not (tmp_path / "run").exists()


def test_an_embedding_of_a_set_is_scored_by_its_probe(
    graphdam: Graphdam, quick: list[str], root: Callable[[str], Path], tmp_path: Path
) -> None:
    options = ["--dataset", "ogbn-arxiv", "--data-root", root("ogbn-arxiv"), *quick]
    assert graphdam("train", *options, "--objective", "dgi", "--out", "run").code == 0
    assert read_record(tmp_path / "run").evaluator is None
