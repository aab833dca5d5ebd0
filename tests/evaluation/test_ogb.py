from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from graphdam.data import load_graph
from graphdam.evaluation.ogb import (
    evaluator_name,
    hits_at,
    import_ogb,
    ogb_link_score,
    ogb_score,
)
from graphdam.evaluation.scores import accuracy, mean_roc_auc
from graphdam.nn import GCN
from graphdam.objectives import prepare_graph
from graphdam.objectives.node_classification import NodeClassification

CLASSES = {"ogbn-arxiv": 40, "ogbn-products": 47, "ogbn-mag": 349}


def _by_ogb(name: str, y: torch.Tensor, predicted: torch.Tensor) -> float:
    """As the examples of OGB call it."""
    evaluator = import_ogb("ogb.nodeproppred").Evaluator(name)
    (score,) = evaluator.eval({"y_true": y, "y_pred": predicted}).values()
    return float(score)


@pytest.mark.parametrize("name", CLASSES)
def test_accuracy_of_random_predictions_is_ogbs(name: str) -> None:
    outputs, y = torch.randn(1000, CLASSES[name]), torch.randint(CLASSES[name], (1000,))
    y[:300] = outputs[:300].argmax(1)
    score = _by_ogb(name, y[:, None], outputs.argmax(1, keepdim=True))
    assert 0.3 <= score < 0.4
    assert ogb_score(name, outputs, y) == score
    assert accuracy(outputs, y) == score


def test_roc_auc_of_random_predictions_is_ogbs() -> None:
    outputs, y = torch.randn(500, 112), torch.randint(2, (500, 112))
    outputs[:, :50] += y[:, :50]
    y[:, 60], y[:, 61] = 0, 1  # a task with one outcome is left out
    score = _by_ogb("ogbn-proteins", y, outputs)
    assert 0.55 < score < 0.7
    assert ogb_score("ogbn-proteins", outputs, y.float()) == score
    assert mean_roc_auc(outputs, y) == pytest.approx(score, abs=1e-15)


def test_the_evaluator_decides_the_score_of_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = load_graph("karate")
    encoder = GCN(graph.num_features, 8, 2, graph.num_classes)
    scored = replace(graph, evaluator="ogbn-arxiv")
    objective = NodeClassification(scored)
    outputs = encoder(graph.x, graph.edge_index)

    def evaluated() -> float:
        return objective.evaluate(outputs, prepare_graph(encoder, scored), "test").score

    test = graph.mask("test")
    assert evaluated() == accuracy(outputs[test], graph.y[test])
    evaluator = import_ogb("ogb.nodeproppred").Evaluator
    monkeypatch.setattr(evaluator, "_eval_acc", lambda *arguments: {"acc": 0.125})
    assert evaluated() == 0.125


@pytest.mark.parametrize(("name", "k"), [("ogbl-collab", 50), ("ogbl-ppa", 100)])
def test_hits_of_random_scores_are_ogbs_and_those_of_the_definition(name: str, k: int) -> None:
    positive, negative = torch.randn(400) + 1, torch.randn(900)
    evaluator = import_ogb("ogb.linkproppred").Evaluator(name)
    (hits,) = evaluator.eval({"y_pred_pos": positive, "y_pred_neg": negative}).values()
    expected = float((positive > negative.sort(descending=True).values[k - 1]).double().mean())
    assert 0.2 < expected < 0.7
    assert hits == expected
    assert ogb_link_score(name, positive.double(), negative.double()) == expected
    assert hits_at(name) == k


def test_the_evaluator_is_named_with_its_version() -> None:
    named = evaluator_name("ogbn-arxiv")
    assert named == f"ogb {import_ogb('ogb').__version__}, Evaluator('ogbn-arxiv')"


def test_ogb_comes_when_it_is_needed_without_a_thread_a_connection_or_a_trace() -> None:
    code = (
        "import importlib.util, os, socket, sys, threading\n"
        "import graphdam, graphdam.cli.main, graphdam.pipeline, graphdam.data.load\n"
        "assert all(getattr(graphdam, name) for name in graphdam.__all__)\n"
        "graphdam.load_graph('karate')\n"
        "assert not any(name.split('.')[0] == 'ogb' for name in sys.modules)\n"
        "def refuse(*arguments): raise AssertionError('a connection or a thread')\n"
        "socket.socket.connect = socket.getaddrinfo = threading.Thread.start = refuse\n"
        "from graphdam.evaluation.ogb import import_ogb\n"
        "assert import_ogb('ogb.nodeproppred').Evaluator\n"
        "assert 'outdated' not in sys.modules and 'OUTDATED_IGNORE' not in os.environ\n"
        "assert importlib.util.find_spec('outdated') is not None\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)


def test_what_was_there_of_the_version_check_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = object()
    monkeypatch.setitem(sys.modules, "outdated", marker)
    monkeypatch.setenv("OUTDATED_IGNORE", "mine")
    monkeypatch.delitem(sys.modules, "ogb", raising=False)
    assert import_ogb("ogb").__name__ == "ogb"
    assert sys.modules["outdated"] is marker
    assert os.environ["OUTDATED_IGNORE"] == "mine"
