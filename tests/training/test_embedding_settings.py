"""Settings of objectives that learn embeddings: what they build, refuse and leave alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from training_runs import LEARNT, LINKS

from graphdam.data import Graph
from graphdam.errors import GraphDamError, SettingsError
from graphdam.gates import gates_of
from graphdam.objectives import (
    Bootstrap,
    DeepGraphInfomax,
    Grace,
    LinkReconstruction,
    NodeClassification,
)
from graphdam.training import Settings, build_gated, build_objective, build_wide


@pytest.mark.parametrize(
    ("objective", "kind"),
    [
        ("node-classification", NodeClassification),
        ("dgi", DeepGraphInfomax),
        ("grace", Grace),
        ("bgrl", Bootstrap),
        ("gae", LinkReconstruction),
        ("vgae", LinkReconstruction),
    ],
)
def test_settings_become_the_objective_and_its_encoders(
    sbm: Graph, objective: str, kind: type
) -> None:
    settings = Settings.of(objective=objective, dataset="sbm")
    gated, wide = build_gated(settings, sbm), build_wide(settings, sbm)
    its_objective = build_objective(settings, sbm, gated, seed=0)
    assert type(its_objective) is kind
    assert len(gates_of(gated)) == settings.num_hidden
    if objective == "node-classification":
        assert gated.out_channels == wide.out_channels == sbm.num_classes
        return
    assert gated.output_is_embedding
    assert wide.output_is_embedding
    assert gated.widths == [64] * settings.num_layers
    assert wide.widths[-1] == settings.embedding_width
    assert gated.act_output == wide.act_output == (objective not in LINKS)
    if isinstance(its_objective, LinkReconstruction):
        assert (its_objective.log_deviation is not None) == (objective == "vgae")


def test_links_are_held_out_by_the_seed(sbm: Graph) -> None:
    settings = Settings.of(objective="gae", dataset="sbm")
    encoder = build_gated(settings, sbm)
    splits = [
        build_objective(settings, sbm, encoder, seed=seed).training_graph(sbm).edge_index
        for seed in (0, 0, 1)
    ]
    assert torch.equal(splits[0], splits[1])
    assert not torch.equal(splits[0], splits[2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"objective": "dgii"},
            "Unknown objective 'dgii': did you mean 'dgi'? Known: bgrl, dgi, gae, grace, "
            "graph-classification, graph-regression, image-classification, node-classification, "
            "rating-prediction, reconstruction, vgae.",
        ),
        (
            {"objective": "dgi", "jk": "cat"},
            "These settings contradict each other: jk=cat is for node-classification; dgi learns "
            "the embedding that the last convolution writes: leave it out.",
        ),
        (
            {"objective": "gae", "gate_output": True},
            "These settings contradict each other: gate_output=True is for node-classification; "
            "gae learns the embedding that the last convolution writes: leave it out.",
        ),
        (
            {"objective": "bgrl", "feature_dropout": 0.5},
            "These settings contradict each other: feature_dropout=0.5 is for node-classification; "
            "bgrl learns the embedding that the last convolution writes: leave it out.",
        ),
        (
            {"embedding_channels": 8},
            "These settings contradict each other: embedding_channels=8 is for objectives that "
            "learn an embedding, which node-classification does not: leave it out.",
        ),
        (
            {"objective": "gae", "embedding_channels": 16, "target_width": (20,)},
            "These settings contradict each other: target_width=20 is above embedding_channels=16 "
            "in the last layer: channels only close.",
        ),
    ],
)
def test_contradictions_are_refused_in_one_sentence(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize("objective", ["dgi", "grace", "bgrl"])
def test_an_activation_that_takes_no_factors_is_refused(sbm: Graph, objective: str) -> None:
    settings = Settings.of(objective=objective, dataset="sbm", act="elu")
    with pytest.raises(GraphDamError, match="act 'ELU' at the output does not take a gate's"):
        build_gated(settings, sbm)


@pytest.mark.parametrize(
    ("given", "disturbs"),
    [
        ({"objective": "dgi"}, False),
        ({"objective": "dgi", "dropout": 0.5}, False),  # one layer: nothing is dropped
        ({"objective": "dgi", "dropout": 0.5, "model": "gat"}, True),
        ({"objective": "gae", "dropout": 0.5}, True),
        ({"objective": "gae"}, False),
        ({"dropout": 0.0, "feature_dropout": 0.5}, True),
        ({"dropout": 0.5, "feature_dropout": 0.0}, True),
    ],
)
def test_a_teacher_is_disturbed_where_dropout_reaches_something(
    given: dict[str, Any], disturbs: bool
) -> None:
    assert Settings.of(**given).disturbs_teacher == disturbs


@pytest.mark.parametrize("recipe", ["default", "paper", "wide"])
@pytest.mark.parametrize("objective", LEARNT)
def test_an_objectives_own_settings_are_no_departures(recipe: str, objective: str) -> None:
    settings = Settings.of(recipe, objective=objective)
    assert settings.changed() == {}
    assert settings.learns_embedding
    assert Settings.of(**settings.model_dump()) == settings
    assert Settings.of(recipe, objective=objective, lr=0.5).changed() == {"lr": 0.5}
    assert Settings.of(recipe, objective=objective, gated_lr=0.5).changed() == {"gated_lr": 0.5}
