"""Does a run on clusters or random walks learn, repeat itself, and say what it cannot do?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sampler import needs_metis, needs_walks
from task_runs import assert_resumes, assert_seeds_repeat_and_differ
from torch import Tensor
from training_runs import start, train

from graphdam.data import Graph, load_graph
from graphdam.data.graph import Task
from graphdam.errors import SettingsError
from graphdam.nn import Encoder
from graphdam.objectives import NodeClassification, PreparedSubgraphs, prepare_graph
from graphdam.training import Settings, build_encoder
from graphdam.training.graph_task import GraphTask
from graphdam.training.loaders import in_batches
from graphdam.training.team import Team

MakeSettings = Callable[..., Settings]

every_loader = pytest.mark.parametrize(
    "loader", ["cluster", pytest.param("saint", marks=needs_walks)]
)


def prepared_of(settings: Settings, graph: Graph) -> PreparedSubgraphs:
    task = GraphTask(settings, graph)
    encoder = build_encoder(settings, graph)
    prepared = task.prepare_training(encoder, task.build_objective(encoder, seed=0))
    assert isinstance(prepared, PreparedSubgraphs)
    return prepared


# What a step descends


def gradients(encoder: Encoder, loss: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(loss, list(encoder.parameters()), allow_unused=True)
    return [each for each in found if each is not None]


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("model", ["gcn", "graphsage", "gat"])
def test_one_cluster_descends_the_loss_of_the_whole_graph(
    quick: MakeSettings, sbm: Graph, model: str
) -> None:
    settings = quick(
        loader="cluster", num_clusters=1, batch_size=sbm.num_nodes, model=model, gated_dropout=0.0
    )
    encoder, objective = start(settings, sbm).eval(), NodeClassification(sbm)
    whole = prepare_graph(encoder, sbm)
    (batch,) = prepared_of(settings, sbm).batches()
    taught = torch.randn(sbm.num_nodes, sbm.out_channels)
    found = []
    for prepared in (whole, batch):
        outputs = objective.outputs(encoder, prepared)
        loss = objective.loss(encoder, prepared, outputs)
        loss = loss + objective.imitation_in(prepared, outputs, taught)
        found.append([loss.detach(), *gradients(encoder, loss)])
    assert len(found[0]) > 4
    assert max(float(each.abs().max()) for each in found[0][1:]) > 1e-3
    for of_whole, of_batch in zip(*found, strict=True):
        torch.testing.assert_close(of_batch, of_whole, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_the_losses_of_an_epochs_clusters_have_the_mean_of_the_whole_graph(
    quick: MakeSettings, sbm: Graph, kind: Task
) -> None:
    """Where the outputs are those of the whole graph; two processes, uneven clusters."""
    graph = sbm
    if kind == "multilabel":
        labels = torch.stack([sbm.y % 2, sbm.y // 2 % 2], 1).float()
        graph = replace(sbm, y=labels, task=kind, num_classes=2)
    settings = quick(loader="cluster", batch_size=100, num_clusters=19)
    encoder, objective = start(settings, graph), NodeClassification(graph)
    whole = prepare_graph(encoder, graph)
    outputs = torch.randn(graph.num_nodes, graph.out_channels)
    taught = torch.randn(graph.num_nodes, graph.out_channels)
    prepared = prepared_of(settings, graph)
    of_task, of_imitation, sizes = 0.0, 0.0, set()
    for rank in range(2):
        torch.manual_seed(4)
        for batch in replace(prepared, rank=rank, num_ranks=2).batches():
            sizes.add(batch.num_items("train"))
            z, t = outputs[batch.seeds], taught[batch.seeds]
            of_task += float(objective.loss(encoder, batch, z))
            of_imitation += float(objective.imitation_in(batch, z, t))
    draws = 2 * prepared.num_batches
    assert len(sizes) > 1
    expected = float(objective.loss(encoder, whole, outputs))
    assert of_task / draws == pytest.approx(expected, rel=1e-5)
    expected = float(objective.imitation(outputs, taught))
    assert of_imitation / draws == pytest.approx(expected, rel=1e-5)


@needs_walks
def test_a_walks_loss_is_that_of_the_whole_graph_on_average(
    quick: MakeSettings, sbm: Graph
) -> None:
    settings = quick(loader="saint", batch_size=60)
    encoder, objective = start(settings, sbm), NodeClassification(sbm)
    outputs = torch.randn(sbm.num_nodes, sbm.out_channels)
    prepared = replace(prepared_of(settings, sbm), num_steps=600)
    losses = torch.stack(
        [objective.loss(encoder, batch, outputs[batch.seeds]) for batch in prepared.batches()]
    )
    expected = objective.loss(encoder, prepare_graph(encoder, sbm), outputs)
    error = float(losses.std()) / 600**0.5
    assert error < 0.05 * float(expected)
    assert float(losses.mean()) == pytest.approx(float(expected), abs=4.5 * error)


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("recipe", ["default", "wide"])
def test_a_step_without_training_nodes_descends_nothing(
    quick: MakeSettings, sbm: Graph, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training nodes are one cluster, and all else another."""
    monkeypatch.setattr(
        "graphdam.nn.clusters.metis", lambda edges, nodes, number: sbm.mask("train").long()
    )
    settings = quick(
        recipe, loader="cluster", batch_size=sbm.num_nodes // 2, num_clusters=2, epochs=3
    )
    prepared, encoder = prepared_of(settings, sbm), start(settings, sbm)
    objective = NodeClassification(sbm)
    batch = next(each for each in prepared.batches() if each.num_items("train") == 0)
    loss = objective.loss(encoder, batch, objective.outputs(encoder, batch))
    assert float(loss.detach()) == 0.0
    assert all(float(each.abs().max()) == 0.0 for each in gradients(encoder, loss))
    _, lines = train(settings, sbm)
    assert all(0.0 <= line.train <= 1.0 for line in lines)


# Runs


@pytest.mark.usefixtures("cut")
@every_loader
@pytest.mark.parametrize(
    ("recipe", "given"),
    [
        ("default", {"gated_dropout": 0.25}),
        ("default", {"model": "gat", "target_width": (8,), "norm": "batch_norm"}),
        ("wide", {"model": "graphsage"}),
    ],
)
def test_an_interrupted_run_ends_bit_for_bit_where_it_would_have(
    quick: MakeSettings,
    karate: Graph,
    tmp_path: Path,
    loader: str,
    recipe: str,
    given: dict[str, Any],
) -> None:
    settings = quick(recipe, loader=loader, batch_size=17, epochs=8, **given)
    assert_resumes(settings, karate, epoch=5, folder=tmp_path)
    assert_seeds_repeat_and_differ(settings, karate)


@pytest.mark.usefixtures("cut")
@every_loader
def test_processes_share_every_step_and_draw_alike_what_they_must(
    quick: MakeSettings, sbm: Graph, loader: str
) -> None:
    number = 19 if loader == "cluster" else None
    settings = quick(loader=loader, batch_size=100, num_clusters=number)
    whole = prepared_of(settings, sbm)
    states, steps = [], []
    for rank in range(2):
        torch.manual_seed(5)
        steps.append([batch.seeds for batch in replace(whole, rank=rank, num_ranks=2).batches()])
        states.append(torch.get_rng_state())
    assert torch.equal(*states)
    assert len(steps[0]) == len(steps[1]) == whole.num_batches
    assert not any(map(torch.equal, *steps))


@needs_walks
def test_processes_share_the_nodes_of_a_walk(quick: MakeSettings, sbm: Graph) -> None:
    settings = quick(loader="saint", batch_size=60)
    encoder = start(settings, sbm)
    task = GraphTask(settings, sbm)
    layers = task.prepare(encoder, task.build_objective(encoder, seed=0))
    half = in_batches(settings, layers, encoder, 60, Team(1, 2))  # type: ignore[arg-type]
    assert all(batch.seeds.numel() <= 30 for batch in half.batches())


@pytest.mark.parametrize(
    "loader",
    [pytest.param("cluster", marks=needs_metis), pytest.param("saint", marks=needs_walks)],
)
def test_it_learns_and_hands_back_the_smaller_model(quick: MakeSettings, loader: str) -> None:
    graph = load_graph("digits")
    settings = quick(
        loader=loader, batch_size=300, epochs=12, target_width=8, least_feature_norm=0.25
    )
    fit, _ = train(settings, graph)
    small = fit.encoder.compact()
    assert small.widths == [8]
    task = GraphTask(settings, graph)
    objective = task.build_objective(small, seed=0)
    prepared = task.prepare(small, objective)
    assert task.deviation(fit.encoder, small, prepared) < 1e-5
    assert objective.score(small, prepared, "test")["accuracy"] > 0.8


@pytest.mark.usefixtures("cut")
@every_loader
def test_long_epochs_are_watched(
    quick: MakeSettings, sbm: Graph, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphdam.training.state.WATCH_EVERY", 1)
    settings = quick(loader=loader, batch_size=60, epochs=2)
    prepared = prepared_of(settings, sbm)
    assert prepared.watched.num_items("val") > 0
    train(settings, sbm)


# What is refused


@pytest.mark.usefixtures("cut")
@every_loader
def test_more_batches_than_training_nodes_are_refused(
    quick: MakeSettings, sbm: Graph, loader: str
) -> None:
    labelled = int(sbm.mask("train").sum())
    for recipe in ("default", "wide"):
        with pytest.raises(SettingsError) as caught:
            prepared_of(quick(recipe, loader=loader, batch_size=2), sbm)
        assert f"and there are {labelled:,} training nodes, of which each needs one" in str(
            caught.value
        )


@pytest.mark.usefixtures("cut")
def test_clusters_that_cannot_be_dealt_are_refused(quick: MakeSettings, karate: Graph) -> None:
    with pytest.raises(SettingsError) as caught:
        prepared_of(quick(loader="cluster", batch_size=12, num_clusters=2), karate)
    assert str(caught.value) == (
        "num_clusters=2 cannot be dealt to the 3 steps of batch_size=12: take at least 3, or "
        "larger batches."
    )
    with pytest.raises(SettingsError, match="num_clusters=40 is more than the graph's 34 nodes"):
        prepared_of(quick(loader="cluster", batch_size=12, num_clusters=40), karate)
