"""Does a run end within its budget, and is it the layer worth least for its cost that gives way?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from tiny_images import quick_images, tiny_images
from torch import Tensor
from training_runs import assert_same_weights, train

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.gates import DAMGate, gates_of
from graphdam.nn import Encoder, ImageModel
from graphdam.objectives import Prepared, PreparedGraph, prepare_graph
from graphdam.training import Settings, Trainer, build_gated, task_of
from graphdam.training.budget import Budget
from graphdam.training.compact_cost import cost_of_widths
from graphdam.training.model import Model, gate_repeats
from graphdam.training.width import WidthControl

MakeSettings = Callable[..., Settings]

MODELS: list[dict[str, Any]] = [
    {"model": "gcn"},
    {"model": "gcn", "num_layers": 4},
    {"model": "gcn", "num_layers": 3, "jk": "cat"},
    {"model": "gcn", "num_layers": 3, "jk": "max"},
    {"model": "gcn", "num_layers": 2, "gate_output": True},
    {"model": "gcn", "num_layers": 3, "norm": "batch_norm"},
    {"model": "graphsage", "num_layers": 3},
    {"model": "gat", "num_layers": 3},
]


def started(settings: Settings, graph: Graph) -> tuple[Encoder, PreparedGraph]:
    encoder = build_gated(settings, graph)
    return encoder, prepare_graph(encoder, graph)


def made(limits: dict[str, int], model: Model, prepared: Prepared) -> Budget:
    """The budget of a run whose width moves over its first ten epochs."""
    gates = [gate for gate in gates_of(model).values() if isinstance(gate, DAMGate)]
    cost = cost_of_widths(model, prepared)
    return Budget(limits, gates, cost, 0, 10, repeats=gate_repeats(model))


def cost_of(encoder: Encoder, prepared: PreparedGraph) -> dict[str, int]:
    small = encoder.compact()
    return {
        "parameters": num_parameters(small),
        "multiply_adds": small.multiply_adds(prepared.x, prepared.adjacency),
    }


@pytest.mark.parametrize("given", MODELS)
@pytest.mark.parametrize("kind", ["parameters", "multiply_adds"])
def test_a_run_ends_at_or_below_its_budget(
    quick: MakeSettings, karate: Graph, given: dict[str, Any], kind: str
) -> None:
    free = quick(**given, penalty_weight=0.0)
    encoder, prepared = started(free, karate)
    limit = cost_of(encoder, prepared)[kind] // 2
    fit, lines = train(quick(**given, penalty_weight=0.0, **{f"max_{kind}": limit}), karate)
    found = cost_of(fit.encoder, prepared)[kind]
    assert 0.75 * limit < found <= limit
    assert sum(lines[-1].widths) < sum(lines[0].widths)


def test_both_budgets_are_kept(quick: MakeSettings, karate: Graph) -> None:
    settings = quick(num_layers=3, penalty_weight=0.0)
    encoder, prepared = started(settings, karate)
    cost = cost_of(encoder, prepared)
    for tight, loose in (("parameters", "multiply_adds"), ("multiply_adds", "parameters")):
        limits = {f"max_{tight}": cost[tight] // 3, f"max_{loose}": cost[loose] * 2 // 3}
        fit, _ = train(quick(num_layers=3, penalty_weight=0.0, **limits), karate)
        found = cost_of(fit.encoder, prepared)
        assert all(found[name.removeprefix("max_")] <= limit for name, limit in limits.items())


def test_what_it_counts_is_what_the_compact_model_has(quick: MakeSettings, karate: Graph) -> None:
    encoder, prepared = started(quick(model="gat", num_layers=3, heads=4), karate)
    budget = made({"parameters": 10**9}, encoder, prepared)
    for gate, width in zip(budget.gates, (3, 2), strict=True):
        gate.set_offset(gate.offset_of(width))
    assert encoder.widths == [12, 8]
    assert budget.cost(3, 2) == cost_of(encoder, prepared)


def test_a_budget_that_does_not_bind_changes_nothing(quick: MakeSettings, karate: Graph) -> None:
    free, _ = train(quick(num_layers=3), karate)
    bound, _ = train(quick(num_layers=3, max_parameters=10**9), karate)
    assert_same_weights(free.encoder, bound.encoder)


def test_the_penalty_may_narrow_further_than_the_budget(quick: MakeSettings, karate: Graph) -> None:
    pressed: dict[str, Any] = {"penalty_weight": 100.0, "gate_lr": 1.0, "epochs": 80}
    pressed |= {"gate_end": 0.9, "brake_tolerance": 1e6, "brake_loss": 1e6}
    fit, _ = train(quick(**pressed, max_parameters=400), karate)
    assert fit.encoder.widths == [2]


@pytest.fixture
def budget(quick: MakeSettings, karate: Graph) -> Budget:
    """Of three gates of 16 channels, each of which may close to 2."""
    encoder, prepared = started(quick(num_layers=4), karate)
    limit = cost_of(encoder, prepared)["parameters"] // 2
    return made({"parameters": limit}, encoder, prepared)


def widths(budget: Budget) -> list[int]:
    return [gate.width for gate in budget.gates]


def worths(*of_layers: float) -> list[Tensor]:
    """Every channel of a layer alike."""
    return [torch.full((16,), each) for each in of_layers]


def test_nothing_closes_before_it_must(budget: Budget) -> None:
    budget.enforce(0)
    assert widths(budget) == [16, 16, 16]
    budget.enforce(1)
    assert sum(widths(budget)) < 48


def test_the_layer_that_is_worth_least_closes(budget: Budget) -> None:
    budget.worths = worths(1.0, 1e-6, 1.0)
    budget.enforce(5)
    first, second, third = widths(budget)
    assert (first, third) == (16, 16)
    assert second < 12


def test_of_equal_worth_the_layer_closes_that_saves_most(budget: Budget) -> None:
    # karate has 34 features: a channel of the first layer costs 34 + 1 + 16, of the second
    # 16 + 1 + 16, of the third 16 + 1 + 4
    budget.worths = worths(1.0, 1.0, 1.0)
    budget.enforce(1)
    first, second, third = widths(budget)
    assert first < second <= third == 16


def test_a_layer_at_its_minimum_makes_the_others_give_way(budget: Budget) -> None:
    budget.worths = worths(1.0, 0.0, 1.0)
    limit = budget.cost(8, 2, 8)["parameters"]
    budget.allowed["parameters"] = type(budget.allowed["parameters"])(limit, limit, 0, 0)
    budget.enforce(0)
    assert widths(budget)[1] == 2
    assert budget.cost(*widths(budget))["parameters"] <= limit


def test_the_last_open_channels_are_what_is_weighed(budget: Budget) -> None:
    open_ones = torch.arange(16) < 4
    # what is closed of the first layer has no worth any more
    budget.worths = [1e3 * open_ones, *worths(1.0, 1e3)]
    for gate, width in zip(budget.gates, (4, 16, 16), strict=True):
        gate.set_offset(gate.offset_of(width))
    limit = budget.cost(4, 12, 16)["parameters"]
    budget.allowed["parameters"] = type(budget.allowed["parameters"])(limit, limit, 0, 0)
    budget.enforce(0)
    assert widths(budget) == [4, 12, 16]


@pytest.mark.parametrize("steepness", [1.0, 31.0])
def test_worth_is_what_the_loss_loses_with_a_channel_however_steep_the_gate(
    budget: Budget, steepness: float
) -> None:
    first = budget.gates[0]
    first.set_steepness(steepness)
    first.set_offset(first.offset_of(10))
    prices = torch.linspace(-1, 1, 16)
    passes = 2
    for _ in range(passes):  # as a gate that stands at two places
        (first(torch.ones(16)) @ prices).backward()
    budget.weigh()
    lost = (prices * first.values().detach()).abs()  # linear: to first order is to all orders
    torch.testing.assert_close(budget.worths[0], 0.1 * passes * lost)
    assert float(budget.worths[0][9]) > 0 == float(budget.worths[0][10])
    assert not budget.worths[1].any()
    budget.weigh()  # nothing was felt since
    torch.testing.assert_close(budget.worths[0], 0.1 * passes * lost)


@pytest.mark.parametrize("kind", ["parameters", "multiply_adds"])
def test_the_smallest_model_is_allowed_and_less_is_refused(
    quick: MakeSettings, karate: Graph, kind: str
) -> None:
    settings = quick(num_layers=3)
    encoder, prepared = started(settings, karate)
    small = encoder.truncate([2, 2])
    least = {
        "parameters": num_parameters(small),
        "multiply_adds": small.multiply_adds(prepared.x, prepared.adjacency),
    }[kind]
    fit, _ = train(quick(num_layers=3, **{f"max_{kind}": least}), karate)
    assert fit.encoder.widths == [2, 2]
    with pytest.raises(SettingsError) as caught:
        made({kind: least - 1}, encoder, prepared)
    assert str(caught.value) == (
        f"max_{kind}={least - 1} cannot be met: the smallest model that min_width allows, of "
        f"hidden width 2, 2, has {least:,} {kind.replace('_', '-')}; allow at least that many, or "
        f"lower min_width."
    )


@pytest.mark.parametrize("kind", ["parameters", "multiply_adds"])
@pytest.mark.parametrize("model", ["mlp", "lenet5", "preresnet"])
def test_models_of_images_have_budgets_too(kind: str, model: str) -> None:
    depth: dict[str, Any] = {"depth": 8} if model == "preresnet" else {}
    given: dict[str, Any] = {"model": model, "penalty_weight": 0.0, "teacher": False, **depth}
    images = tiny_images()
    wide = cost_of_images(task_of(quick_images("wide", model=model, **depth), images).build())
    limit = wide[kind] // 2
    given[f"max_{kind}"] = limit
    settings = quick_images(**given)
    fit = Trainer(settings).fit(task_of(settings, images).build(), images, seed=0)
    assert 0.75 * limit < cost_of_images(fit.encoder)[kind] <= limit


def cost_of_images(model: ImageModel) -> dict[str, int]:
    small = model.compact()
    return {"parameters": num_parameters(small), "multiply_adds": small.multiply_adds()}


def test_within_a_long_epoch_a_target_is_neared_step_by_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = quick_images(target_width=(8, 6), batch_size=10)
    widths, end_step = [], WidthControl.end_step

    def end(self: WidthControl, *args: Any, **kwargs: Any) -> None:
        end_step(self, *args, **kwargs)
        widths.append(self.gates[0].width)

    monkeypatch.setattr(WidthControl, "end_step", end)
    images = tiny_images()
    Trainer(settings).fit(task_of(settings, images).build(), images, seed=0)
    assert widths == sorted(widths, reverse=True)
    assert widths[:13:6] == [24, 16, 8]  # epochs 0 to 2, of six steps each
    assert max(before - after for before, after in pairwise(widths)) <= 2
