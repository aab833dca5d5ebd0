"""Does a run on sampled batches learn what a run on the whole graph does, and repeat itself?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sampler import needs_sampler
from task_runs import assert_resumes, assert_seeds_repeat_and_differ
from training_runs import start, train

from graphdam.data import Graph, load_graph
from graphdam.errors import SettingsError
from graphdam.objectives import NodeClassification, PreparedLayers, PreparedNodes, prepare_graph
from graphdam.training import Settings, build_encoder
from graphdam.training.batching import choose_batching
from graphdam.training.graph_task import GraphTask
from graphdam.training.memory_estimate import GIB, bytes_in_batches, bytes_of_whole

MakeSettings = Callable[..., Settings]


def prepared_of(settings: Settings, graph: Graph) -> PreparedNodes:
    task = GraphTask(settings, graph)
    encoder = build_encoder(settings, graph)
    prepared = task.prepare_training(encoder, task.build_objective(encoder, seed=0))
    assert isinstance(prepared, PreparedNodes)
    return prepared


# What an epoch is made of


@needs_sampler
def test_an_epoch_takes_every_node_once_and_training_nodes_in_equal_shares(
    quick: MakeSettings, sbm: Graph
) -> None:
    prepared = prepared_of(quick(batch_size=70), sbm)
    torch.manual_seed(0)
    batches = list(prepared.batches())
    assert len(batches) == prepared.num_batches == -(-sbm.num_nodes // 70)
    taken = torch.cat([batch.seeds for batch in batches])
    assert torch.equal(taken.sort().values, torch.arange(sbm.num_nodes))
    shares = [batch.num_items("train") for batch in batches]
    assert max(shares) - min(shares) <= 1
    assert min(shares) >= 1
    again = torch.cat([batch.seeds for batch in prepared.batches()])
    assert not torch.equal(taken, again)


@needs_sampler
def test_without_a_teacher_only_training_nodes_are_taken(quick: MakeSettings, sbm: Graph) -> None:
    prepared = prepared_of(quick("wide", batch_size=7), sbm)
    taken = torch.cat([batch.seeds for batch in prepared.batches()])
    assert torch.equal(taken.sort().values, sbm.mask("train").nonzero().squeeze(1))


@needs_sampler
def test_processes_share_every_step_and_draw_for_themselves(
    quick: MakeSettings, sbm: Graph
) -> None:
    whole = prepared_of(quick(batch_size=100), sbm)
    ranks = [replace(whole, rank=rank, num_ranks=3) for rank in range(3)]
    steps, states = [], []
    for prepared in (whole, *ranks):
        torch.manual_seed(5)
        steps.append([batch.seeds for batch in prepared.batches()])
        states.append(torch.get_rng_state())
    assert all(torch.equal(states[0], state) for state in states)
    for of_all, *parts in zip(*steps, strict=True):
        assert set(torch.cat(parts).tolist()) == set(of_all.tolist())
        assert sum(len(part) for part in parts) == len(of_all)


@needs_sampler
@pytest.mark.parametrize("model", ["gcn", "graphsage", "gat"])
def test_batches_of_all_neighbours_descend_the_loss_of_the_whole_graph(
    quick: MakeSettings, sbm: Graph, model: str
) -> None:
    settings = quick(batch_size=100, neighbors=-1, model=model)
    encoder, prepared = start(settings, sbm).eval(), prepared_of(settings, sbm)
    whole, objective = prepare_graph(encoder, sbm), NodeClassification(sbm)
    outputs = objective.outputs(encoder, whole)
    total = 0.0
    for batch in prepared.batches():
        found = objective.outputs(encoder, batch)
        torch.testing.assert_close(found, outputs[batch.seeds], rtol=1e-4, atol=1e-5)
        total += float(objective.loss(encoder, batch, found).detach()) * batch.num_items("train")
    expected = float(objective.loss(encoder, whole, outputs).detach())
    assert total / whole.num_items("train") == pytest.approx(expected, rel=1e-4)


@needs_sampler
def test_features_are_scaled_where_the_whole_graph_scales_them(
    quick: MakeSettings, sbm: Graph
) -> None:
    short = sbm.with_scaled_features(1e-3)
    settings = quick(batch_size=100, neighbors=-1, least_feature_norm=1.0)
    task, encoder = GraphTask(settings, short), start(settings, short).eval()
    objective = task.build_objective(encoder, seed=0)
    batches = task.prepare_training(encoder, objective)
    whole = GraphTask(quick(least_feature_norm=1.0), short).prepare_training(encoder, objective)
    assert isinstance(batches, PreparedNodes)
    assert batches.factor > 100
    expected = whole.outputs(encoder)
    torch.testing.assert_close(batches.outputs(encoder), expected, rtol=1e-4, atol=1e-5)
    batch = next(batches.batches())
    torch.testing.assert_close(batch.outputs(encoder), expected[batch.seeds], rtol=1e-4, atol=1e-5)


# Runs


@needs_sampler
@pytest.mark.parametrize(
    ("recipe", "given"),
    [
        ("default", {"gated_dropout": 0.25}),
        ("default", {"model": "gat", "target_width": (8,), "norm": "batch_norm"}),
        ("paper", {"model": "graphsage"}),
        ("wide", {}),
    ],
)
def test_an_interrupted_run_ends_bit_for_bit_where_it_would_have(
    quick: MakeSettings, karate: Graph, tmp_path: Path, recipe: str, given: dict[str, Any]
) -> None:
    settings = quick(recipe, batch_size=16, neighbors=3, epochs=8, **given)
    if recipe in ("paper", "wide"):
        settings = quick(recipe, batch_size=4, neighbors=3, epochs=8, **given)
    assert_resumes(settings, karate, epoch=5, folder=tmp_path)
    assert_seeds_repeat_and_differ(settings, karate)


@needs_sampler
def test_it_learns_and_hands_back_the_smaller_model(quick: MakeSettings) -> None:
    graph = load_graph("digits")
    settings = quick(batch_size=300, epochs=12, target_width=8, least_feature_norm=0.25)
    fit, _ = train(settings, graph)
    small = fit.encoder.compact()
    assert small.widths == [8]
    task = GraphTask(settings, graph)
    objective = task.build_objective(small, seed=0)
    prepared = task.prepare(small, objective)
    assert isinstance(prepared, PreparedLayers)
    assert task.deviation(fit.encoder, small, prepared) < 1e-5
    assert objective.score(small, prepared, "test")["accuracy"] > 0.8
    whole = prepare_graph(small, graph)
    assert torch.equal(prepared.outputs(small), whole.outputs(small))
    assert torch.equal(task.embedding(small), small.embed(whole.x, whole.adjacency))


@needs_sampler
def test_more_batches_than_training_nodes_are_refused(quick: MakeSettings, sbm: Graph) -> None:
    settings = quick(batch_size=2)
    with pytest.raises(SettingsError) as caught:
        prepared_of(settings, sbm)
    labelled = int(sbm.mask("train").sum())
    assert str(caught.value) == (
        f"batch_size=2 cuts {sbm.num_nodes:,} nodes into {sbm.num_nodes // 2:,} batches, and there "
        f"are {labelled:,} training nodes, of which each needs one: take at least "
        f"{-(-sbm.num_nodes // labelled)}."
    )
    prepared_of(quick(batch_size=-(-sbm.num_nodes // labelled)), sbm)


# Whole or in batches


def test_nothing_asked_is_the_whole_graph_without_a_word(quick: MakeSettings, sbm: Graph) -> None:
    assert choose_batching(quick(), sbm) == choose_batching(quick(), load_graph("digits"))
    assert choose_batching(quick(), sbm).batch_size is None
    assert choose_batching(quick(), sbm).reason == ""


def test_what_is_asked_is_done(quick: MakeSettings, sbm: Graph) -> None:
    chosen = choose_batching(quick(batch_size=32, neighbors=(4, -1)), sbm)
    assert chosen.batch_size == 32
    assert chosen.reason == (
        "batches of 32 seed nodes, 4, all of their neighbours a hop, as batch_size asks"
    )


def large(sbm: Graph, times: int) -> Graph:
    """As a graph of that many times the nodes looks to an estimate."""
    parts = [each.repeat(times) for each in sbm.splits[0]]
    x = sbm.dense_x()
    return replace(
        sbm,
        x=torch.empty(1).expand(times * x.size(0), x.size(1)),
        edge_index=torch.empty(1, 1).expand(2, times * sbm.num_edges),
        splits=(type(sbm.splits[0])(*parts),),
    )


def test_a_budget_decides_and_says_why(quick: MakeSettings, sbm: Graph) -> None:
    graph = large(sbm, 500)
    whole = bytes_of_whole(quick(hidden_channels=256), graph) / GIB
    roomy = choose_batching(quick(hidden_channels=256, memory_budget=whole + 0.01), graph)
    assert roomy.batch_size is None
    assert "the whole graph in every step: about" in roomy.reason
    assert "within memory_budget=" in roomy.reason
    settings = quick(hidden_channels=256, memory_budget=whole - 0.01)
    tight = choose_batching(settings, graph)
    assert tight.batch_size == 1024
    assert f"more than memory_budget={settings.memory_budget:g}" in tight.reason
    assert bytes_in_batches(settings, graph, 1024) <= (whole - 0.01) * GIB


def test_less_memory_is_never_a_larger_batch(quick: MakeSettings, sbm: Graph) -> None:
    graph, sizes = large(sbm, 500), []
    for budget in (8.0, 4.0, 3.0, 2.5, 2.0, 1.8):
        try:
            batching = choose_batching(quick(hidden_channels=256, memory_budget=budget), graph)
        except SettingsError:
            sizes.append(0)
        else:
            sizes.append(batching.batch_size or graph.num_nodes)
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) >= 3


def test_too_small_a_budget_says_the_least_that_works(quick: MakeSettings, sbm: Graph) -> None:
    graph = large(sbm, 500)
    with pytest.raises(SettingsError) as caught:
        choose_batching(quick(memory_budget=0.1), graph)
    message = str(caught.value)
    assert message.startswith(
        "memory_budget=0.1 (GiB) is too small for sbm under these settings: batches of "
    )
    assert message.endswith("the least that works; allow that much, or lower hidden_channels.")
    least = float(message.split(" about ")[1].split(",")[0])
    assert choose_batching(quick(memory_budget=least), graph).batch_size is not None
    with pytest.raises(SettingsError):
        choose_batching(quick(memory_budget=least - 0.02), graph)


def test_a_small_graph_takes_the_least_as_a_whole(quick: MakeSettings, sbm: Graph) -> None:
    with pytest.raises(SettingsError) as caught:
        choose_batching(quick(memory_budget=0.1), sbm)
    least = float(str(caught.value).split(" about ")[1].split(",")[0])
    assert choose_batching(quick(memory_budget=least), sbm).batch_size is None


CONTRADICTION = "These settings contradict each other: "


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"objective": "dgi", "batch_size": 64},
            "batch_size=64 is for node-classification; dgi reads the whole graph in every step: "
            "leave it out.",
        ),
        (
            {"recipe": "nested", "memory_budget": 2.0},
            "memory_budget=2.0 does not go with nested=True, whose prefixes read the whole graph "
            "in every step: leave one of them out.",
        ),
        (
            {"neighbors": (5, 5)},
            "neighbors=5,5 is for batches, and the whole graph is read in every step: give "
            "batch_size or memory_budget as well, or leave it out.",
        ),
        (
            {"neighbors": (5, 5, 5), "batch_size": 64},
            "neighbors=5,5,5 must be one number or one for each of the 2 layers.",
        ),
        (
            {"neighbors": (5, 0), "batch_size": 64},
            "neighbors=5,0 must be numbers from 1 on, or −1 for all neighbours of a node.",
        ),
    ],
)
def test_settings_of_batches_that_mean_nothing_are_refused(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of(**given)
    assert str(caught.value) == CONTRADICTION + message


def test_neighbours_a_layer() -> None:
    assert Settings.of(num_layers=5, batch_size=8).fan_out == (15, 10, 5, 5, 5)
    assert Settings.of(num_layers=1, batch_size=8).fan_out == (15,)
    assert Settings.of(num_layers=3, batch_size=8, neighbors=7).fan_out == (7, 7, 7)
    assert Settings.of(num_layers=2, batch_size=8, neighbors=(4, -1)).fan_out == (4, -1)
