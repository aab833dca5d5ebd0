"""Is an embedding scored by the probes, on every kind of label?"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from embeddings import embedder, small_graph
from sklearn.metrics import roc_auc_score
from torch import Tensor

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.evaluation.probe import linear_probe
from graphdam.evaluation.ridge import ridge_scores
from graphdam.evaluation.roc_auc_probe import roc_auc_probe
from graphdam.objectives import DeepGraphInfomax, prepare_graph


def labelled(task: str) -> Graph:
    graph = small_graph()
    if task == "binary":
        return replace(graph, y=graph.y % 2, num_classes=2, task="binary")
    if task == "multilabel":
        y = torch.stack([graph.y % 2, (graph.y > 1).long()], dim=1).float()
        return replace(graph, y=y, num_classes=2, task="multilabel")
    return graph


def embedding_of(graph: Graph) -> Tensor:
    encoder = embedder(graph).eval()
    with torch.no_grad():
        return encoder(graph.x, graph.edge_index)  # type: ignore[no-any-return]


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_results_are_those_of_the_linear_probe(task: str) -> None:
    graph = labelled(task)
    encoder = embedder(graph).train()
    objective, prepared = DeepGraphInfomax(graph, encoder), prepare_graph(encoder, graph)
    masks = graph.splits[0]._asdict()
    val, test = (objective.score(encoder, prepared, part) for part in ("val", "test"))
    assert encoder.training
    if task == "multiclass":
        probe = linear_probe(embedding_of(graph), graph.y, **masks)
        assert val == {"accuracy": probe.val_accuracy, "macro_f1": probe.val_macro_f1}
        assert test == {"accuracy": probe.test_accuracy, "macro_f1": probe.test_macro_f1}
    else:
        found = roc_auc_probe(embedding_of(graph), graph.y, **masks)
        assert (val, test) == ({"roc_auc": found.val_roc_auc}, {"roc_auc": found.test_roc_auc})


def test_the_nodes_that_a_probe_is_fitted_on_have_no_result() -> None:
    graph = small_graph()
    encoder = embedder(graph)
    objective = DeepGraphInfomax(graph, encoder)
    with pytest.raises(SettingsError) as caught:
        objective.score(encoder, prepare_graph(encoder, graph), "train")
    assert str(caught.value) == (
        "A probe is fitted on the training nodes, so it has no score there: ask for 'val' or "
        "'test'."
    )


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_epochs_are_compared_by_the_quick_probe(task: str, part: str) -> None:
    graph = labelled(task)
    encoder, z = embedder(graph), embedding_of(graph)
    objective, prepared = DeepGraphInfomax(graph, encoder), prepare_graph(encoder, graph)
    mask = graph.mask(part)  # type: ignore[arg-type]
    scores, y = ridge_scores(z, graph.y, graph.mask("train"))[mask], graph.y[mask]
    found = objective.evaluate(z, prepared, part)  # type: ignore[arg-type]
    if task == "multiclass":
        assert found.score == pytest.approx(float((scores.argmax(1) == y).float().mean()))
        columns = torch.nn.functional.one_hot(y, scores.size(1)).float()
    else:
        columns = y if y.dim() > 1 else torch.nn.functional.one_hot(y, 2).float()
        seen = columns if task == "multilabel" else columns[:, 1:]
        of_seen = scores if task == "multilabel" else scores[:, 1:]
        assert found.score == pytest.approx(roc_auc_score(seen, of_seen, average="macro"))
    assert found.loss == pytest.approx(float((scores - columns).square().mean()))


def test_labels_outside_the_split_do_not_matter() -> None:
    graph = small_graph()
    encoder, z = embedder(graph), embedding_of(graph)
    known = graph.mask("train") | graph.mask("val")
    blind = replace(graph, y=torch.where(known, graph.y, -1))
    objective = DeepGraphInfomax(graph, encoder)
    seen, hidden = (prepare_graph(encoder, each) for each in (graph, blind))
    assert objective.evaluate(z, seen, "val") == objective.evaluate(z, hidden, "val")
