"""Is every setting checked, and does every refusal say what to do?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from graphdam.errors import SettingsError
from graphdam.training import RECIPES, Settings

SMALL: dict[str, Any] = {"start_width": 16, "hidden_channels": 32, "min_width": 2}


def refusal(recipe: str = "default", **given: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.of(recipe, **given)
    return str(caught.value)


def some_objective(recipe: str) -> str:
    return "gae" if recipe == "random" else "node-classification"


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_valid_and_sets_what_it_says(name: str) -> None:
    settings = Settings.of(name, objective=some_objective(name))
    assert settings.recipe == name
    assert RECIPES[name].settings.items() <= settings.model_dump().items()
    assert RECIPES[name].firm.items() <= settings.model_dump().items()
    assert RECIPES[name].summary.endswith(".")


@pytest.mark.parametrize("name", RECIPES)
def test_settings_survive_json(name: str) -> None:
    settings = Settings.of(name, objective=some_objective(name), seeds=(3, 1), dataset="karate")
    text = json.dumps(settings.model_dump(mode="json"))
    assert Settings.of(**json.loads(text)) == settings


def test_what_is_given_wins_over_the_recipe() -> None:
    assert Settings.of("paper", act="tanh").act == "tanh"
    assert Settings.of("paper").act == "relu"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.of().epochs = 3


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    assert refusal("papre") == (
        "Unknown recipe 'papre': did you mean 'paper'? Known: aswl, default, frank-wolfe, "
        "irrelevance, l0, l1, minge, nested, paper, random, wide."
    )


def test_an_unknown_setting_suggests_the_near_one_and_lists_all() -> None:
    message = refusal(epoch=3)
    assert message.startswith("Unknown setting 'epoch': did you mean 'epochs'? Known: ")
    assert message.endswith(f"{', '.join(sorted(Settings.model_fields))}.")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"start_width": 64, "hidden_channels": 32},
            "These settings contradict each other: the teacher's hidden_channels=32 is narrower "
            "than start_width=64: a teacher is at least as wide as its student.",
        ),
        (
            {**SMALL, "target_width": (0,)},
            "These settings contradict each other: target_width=0 must lie between 1 and "
            "start_width=16: channels only close.",
        ),
        (
            {**SMALL, "target_width": (17,)},
            "These settings contradict each other: target_width=17 must lie between 1 and "
            "start_width=16: channels only close.",
        ),
        (
            {**SMALL, "target_width": (8, 4), "num_layers": 2},
            "These settings contradict each other: target_width=8,4 must be one number or one for "
            "each of the 1 hidden layers.",
        ),
        (
            {"seeds": (1, 2, 1)},
            "Setting seeds=(1, 2, 1): one or more different numbers from 0 on are accepted.",
        ),
        (
            {"seeds": ()},
            "Setting seeds=(): one or more different numbers from 0 on are accepted.",
        ),
        (
            {"gate_begin": 0.5, "gate_end": 0.25},
            "These settings contradict each other: gate_end=0.25 lies before gate_begin=0.5: the "
            "width must have time to move.",
        ),
        (
            {"teacher_end": 0.001},
            "These settings contradict each other: teacher_end=0.001 lets the teacher rest before "
            "its first step: give a later share of the 300 epochs, or 0 if it is trained already.",
        ),
        (
            {"start_width": 16, "hidden_channels": 32, "min_width": 17},
            "These settings contradict each other: min_width=17 is above start_width=16: at most "
            "the start width can stay open.",
        ),
        (
            {"dropout": 0.0, "feature_dropout": 0.0, "target_width": None, "penalty_weight": 1.0},
            "These settings contradict each other: dropout=0 and feature_dropout=0 leave the "
            "teacher without a spread to measure the gated model's distance by, so the width would "
            "never shrink: set one of them, or a target_width.",
        ),
        (
            {**SMALL, "target_width": (4,), "max_parameters": 100, "max_multiply_adds": 9},
            "These settings contradict each other: target_width=4 and max_parameters and "
            "max_multiply_adds both decide the widths: give one of them.",
        ),
        (
            {"recipe": "wide", "max_parameters": 100},
            "These settings contradict each other: max_parameters needs gates, and recipe 'wide' "
            "has none: leave it out, or take another recipe.",
        ),
        (
            {"max_parameters": 0},
            "Setting max_parameters=0: input should be greater than or equal to 1.",
        ),
        (
            {"model": "gcnn"},
            "Setting model='gcnn': input should be 'gcn', 'graphsage', 'gat', 'mlp', 'lenet5', "
            "'vgg16', 'preresnet', 'autoencoder' or 'igmc'.",
        ),
        ({"epochs": 0}, "Setting epochs=0: input should be greater than or equal to 1."),
        ({"lr": -0.1}, "Setting lr=-0.1: input should be greater than or equal to 0."),
        ({"dropout": 1.0}, "Setting dropout=1.0: input should be less than 1."),
        ({"gate": "l2"}, "Setting gate='l2': input should be 'dam', 'l1' or 'l0'."),
    ],
)
def test_contradictions_are_refused_in_one_sentence(given: dict[str, Any], message: str) -> None:
    assert refusal(**given) == message


@pytest.mark.parametrize("name", ["lr", "penalty_weight", "task_weight"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(name: str, value: float) -> None:
    given: dict[str, Any] = {name: value}
    assert refusal(**given).startswith(f"Setting {name}=")


def test_a_negative_seed_is_refused() -> None:
    # the record counts seeds from 0, and would refuse it only when all is trained
    assert "seeds" in refusal(seeds=(-1,))


def test_a_target_for_no_hidden_layer_is_refused() -> None:
    assert "target_width" in refusal(**SMALL, target_width=(4,), num_layers=1)


def test_gates_settings_do_not_bind_a_model_without_gates() -> None:
    assert Settings.of("wide", hidden_channels=8, start_width=64).gate is None


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        ({"num_layers": 2}, 1),
        ({"num_layers": 4}, 3),
        ({"num_layers": 2, "jk": "cat"}, 2),
        ({"num_layers": 1}, 0),
        ({"num_layers": 2, "gate_output": True}, 2),
        ({"num_layers": 2, "gate_output": True, "jk": "max"}, 2),
    ],
)
def test_hidden_layers_are_counted(given: dict[str, Any], hidden: int) -> None:
    assert Settings.of(**given).num_hidden == hidden


@pytest.mark.parametrize("recipe", ["paper", "l1", "l0", "nested"])
def test_rivals_are_trained_as_the_wide_model_is(recipe: str) -> None:
    settings = Settings.of(recipe, objective="dgi", lr=0.003)
    assert (settings.start_width, settings.hidden_channels) == (512, 512)
    assert (settings.gated_lr, settings.lr) == (0.003, 0.003)
    assert (settings.gated_weight_decay, settings.weight_decay) == (0.0, 0.0)
    assert (settings.gated_dropout, settings.dropout) == (0.0, 0.0)
    supervised = Settings.of(recipe, hidden_channels=128, gated_lr=0.5)
    assert (supervised.start_width, supervised.gated_dropout) == (128, 0.5)
    assert supervised.gated_lr == 0.5


def test_random_weights_are_for_embeddings() -> None:
    assert refusal("random") == (
        "These settings contradict each other: lr=0 leaves the weights random, which "
        "node-classification makes nothing of: give a learning rate above 0, or take an objective "
        "that learns an embedding."
    )


def test_entropy_gives_a_width_to_models_without_gates() -> None:
    assert refusal(width_rule="minge").startswith(
        "These settings contradict each other: width_rule='minge' is for models trained alone"
    )


@pytest.mark.parametrize(
    "given", [{"gate": "l1"}, {"teacher": True}, {"target_width": 4}, {"max_parameters": 100}]
)
def test_nested_losses_need_a_model_that_stays_whole(given: dict[str, Any]) -> None:
    assert "nested=True trains prefixes of one model" in refusal("nested", **given)
