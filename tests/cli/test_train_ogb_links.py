"""From raw link files in OGB's layout to the score of OGB's evaluator, by one command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ogb_link_files import expect_link_sizes_of, made_up_links, write_link_set

from graphdam.data import load_graph
from graphdam.data.registry import DATASETS
from graphdam.evaluation.links import link_scores
from graphdam.evaluation.ogb import hits_at, import_ogb
from graphdam.nn import Encoder
from graphdam.report import read_record

Graphdam = Callable[..., Any]

COLLAB = "ogbl-collab"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a set into a data root that is only read."""
    monkeypatch.setenv("GRAPHDAM_CACHE", str(tmp_path / "cache"))

    def write(name: str) -> Path:
        written = made_up_links()
        expect_link_sizes_of(written, name, monkeypatch)
        folder = write_link_set(tmp_path / "root", name, written)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        return tmp_path / "root"

    return write


@pytest.mark.parametrize(("name", "objective"), [(COLLAB, "gae"), ("ogbl-ppa", "vgae")])
def test_the_score_is_that_of_ogbs_evaluator(
    name: str,
    objective: str,
    graphdam: Graphdam,
    quick: list[str],
    root: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    where = ["--data-root", root(name)]
    options = ["--dataset", name, "--objective", objective, *where, *quick, "--seeds", "2"]
    result = graphdam("train", *options, "--out", "run")
    assert result.code == 0, result.err
    assert "20 links to test on" in result.err
    assert f"Hits@{hits_at(name)}" in result.out
    record = read_record(tmp_path / "run")
    assert (record.dataset, record.split) == (name, DATASETS[name].default_split)
    assert record.evaluator == f"ogb {import_ogb('ogb').__version__}, Evaluator('{name}')"
    assert record.test.metric == record.val.metric == f"hits_at_{hits_at(name)}"
    assert record.wide is not None
    assert list(record.further) == list(record.wide.further) == ["auc", "average_precision"]

    graph = load_graph(name, data_root=tmp_path / "root")
    assert graph.links is not None
    with torch.no_grad():  # along the training links alone
        encoder = Encoder.from_pretrained("run/model").eval()
        z = encoder(graph.x, graph.edge_index, graph.edge_weight)
    seed = record.seeds.index(record.model_seed)
    for scores, part in ((record.val, graph.links.val), (record.test, graph.links.test)):
        products = [(z[u] * z[v]).sum(1) for u, v in part]
        predicted = dict(zip(("y_pred_pos", "y_pred_neg"), products, strict=True))
        (hits,) = import_ogb("ogb.linkproppred").Evaluator(name).eval(predicted).values()
        assert scores.values[seed] == pytest.approx(hits, abs=1e-6)
    beside = link_scores(z, *graph.links.test)
    assert record.further["auc"].values[seed] == pytest.approx(beside.auc, abs=1e-3)
    evaluated = json.loads(graphdam("evaluate", "run", *where, "--json").out)
    assert evaluated["scores"]["test"] == pytest.approx(record.test.values[seed])
    assert graphdam("embed", "run", *where, "--out", "z.npy").code == 0
    row = graphdam("report", "run", "--leaderboard").out.splitlines()[4]
    assert f"| GCN, {objective.upper()}, DAM + teacher" in row
    assert f" {record.test.mean:.4f} ± {record.test.std:.4f} " in row
    assert record.trained_parameters is not None
    assert f" {record.trained_parameters[0]:,} " in row


def test_an_objective_that_needs_labels_is_one_sentence(graphdam: Graphdam, tmp_path: Path) -> None:
    for options in ([], ["--objective", "dgi"]):
        result = graphdam("train", "--dataset", COLLAB, *options, "--out", "run", "-q")
        named = options[1] if options else "node-classification"
        assert (result.code, result.sentence) == (
            1,
            f"These settings contradict each other: dataset='{COLLAB}' has links to predict and no "
            f"labels, which objective='{named}' needs: take objective='gae' or 'vgae'.",
        )
    assert not (tmp_path / "run").exists()


def test_a_set_that_is_nowhere_is_one_sentence(graphdam: Graphdam, tmp_path: Path) -> None:
    result = graphdam("train", "--dataset", COLLAB, "--objective", "gae", "--out", "run", "-q")
    assert result.code == 1
    assert result.sentence.startswith(f"The data set '{COLLAB}' was not found under ")
    assert not (tmp_path / "run").exists()


def test_a_set_of_nodes_keeps_its_random_links_and_our_score(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    options = ["--dataset", "karate", "--objective", "gae", *quick]
    assert graphdam("train", *options, "--out", "run").code == 0
    record = read_record(tmp_path / "run")
    assert (record.evaluator, record.test.metric) == (None, "auc")


def test_what_needs_labels_is_not_scored_on_a_set_of_links(
    graphdam: Graphdam, quick: list[str], root: Callable[[str], Path], tmp_path: Path
) -> None:
    data_root = root(COLLAB)
    generator = torch.Generator().manual_seed(0)
    edges = torch.randint(0, 40, (2, 90), generator=generator)
    x = torch.randn(40, 6, generator=generator).numpy()
    np.savez(tmp_path / "own.npz", x=x, edge_index=edges.numpy(), y=np.arange(40) % 2)
    options = ["--graph", "own.npz", "--objective", "dgi", *quick]
    assert graphdam("train", *options, "--out", "run").code == 0
    result = graphdam("evaluate", "run", "--graph", COLLAB, "--data-root", data_root)
    assert result.code == 1
    assert result.sentence.startswith(f"{COLLAB} has links to predict and no labels, which obj")
