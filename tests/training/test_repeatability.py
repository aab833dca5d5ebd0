"""Does one seed always give one result, and does a run that cannot go on say so?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from training_runs import CPU, assert_same_weights, train

from graphdam.data import Graph
from graphdam.errors import TrainingError
from graphdam.training import Settings, seeded

MakeSettings = Callable[..., Settings]


# Randomness


def test_one_seed_repeats_bit_for_bit_and_another_does_not(
    quick: MakeSettings, karate: Graph
) -> None:
    settings = quick(gated_dropout=0.25)
    torch.manual_seed(100)
    first, first_lines = train(settings, karate, seed=3)
    torch.manual_seed(200)
    second, second_lines = train(settings, karate, seed=3)
    other, _ = train(settings, karate, seed=4)
    assert_same_weights(first.encoder, second.encoder)
    assert first.teacher is not None
    assert second.teacher is not None
    assert_same_weights(first.teacher, second.teacher)
    assert [line.loss for line in first_lines] == [line.loss for line in second_lines]
    with pytest.raises(AssertionError):
        assert_same_weights(first.encoder, other.encoder)


def test_a_seed_repeats_without_the_seeds_before_it(quick: MakeSettings, karate: Graph) -> None:
    settings = quick(seeds=tuple(range(8)))
    all_fits = [train(settings, karate, seed=seed)[0] for seed in (5, 6, 7)]
    assert_same_weights(all_fits[-1].encoder, train(settings, karate, seed=7)[0].encoder)


def test_the_callers_generator_is_left_as_it_was(quick: MakeSettings, karate: Graph) -> None:
    torch.manual_seed(12)
    state = torch.get_rng_state()
    train(quick(), karate)
    assert torch.equal(torch.get_rng_state(), state)

    def fail() -> None:
        with seeded(1, CPU):
            torch.rand(3)
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.equal(torch.get_rng_state(), state)


# What cannot go on


@pytest.mark.parametrize("recipe", ["default", "paper", "wide"])
def test_a_loss_that_is_no_number_stops_the_run(
    quick: MakeSettings, karate: Graph, recipe: str
) -> None:
    with pytest.raises(TrainingError) as caught:
        train(quick(recipe, lr=1e30, gated_lr=1e30), karate, seed=3)
    message = str(caught.value)
    assert message.startswith("The loss of node-classification became ")
    assert message.split()[5] in ("nan", "inf")
    rates = "lr (1e+30)" if recipe == "wide" else "gated_lr (1e+30) and lr (1e+30)"
    assert f" of seed 3: lower {rates}, or check the features for extreme values." in message


def test_extreme_features_stop_the_run(quick: MakeSettings, karate: Graph) -> None:
    extreme = replace(karate, x=karate.dense_x() * 3e38)
    with pytest.raises(TrainingError, match="check the features for extreme values"):
        train(quick(), extreme)


def test_a_yes_or_no_graph_stops_with_the_same_sentence(quick: MakeSettings, karate: Graph) -> None:
    binary = replace(karate, y=karate.y % 2, num_classes=2, task="binary")
    with pytest.raises(TrainingError, match="The loss of node-classification became"):
        train(quick(lr=1e30, gated_lr=1e30), binary)


def test_a_yes_or_no_graph_trains(quick: MakeSettings, karate: Graph) -> None:
    binary = replace(karate, y=(karate.y % 2), num_classes=2, task="binary")
    fit, _ = train(quick(target_width=(4,)), binary)
    assert fit.encoder.out_channels == 1
    assert fit.chosen.score > 0.5
