"""The systems beside DAM in the shared loop: what they leave, and which settings contradict."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_images import quick_images, tiny_images
from training_runs import assert_same_weights, outputs_of, train

from graphdam.baselines import WeightMasks, num_nonzero, zero_shares
from graphdam.data import Graph
from graphdam.errors import SettingsError, TrainingError
from graphdam.nn import ImageModel
from graphdam.objectives import Evaluation
from graphdam.training import Settings, Trainer, task_of
from graphdam.training.image_task import ImageTask
from graphdam.training.learner import balls_for
from graphdam.training.shrink import with_fresh_statistics, without_smallest_filters
from graphdam.training.system import Irrelevance, system_of

MakeSettings = Callable[..., Settings]

PRUNING = {"prune_begin": 0.2, "prune_step": 0.3, "bound_tolerance": 0.3, "prune_patience": 3}


def fit_images(settings: Settings) -> tuple[ImageModel, list[float | None]]:
    images, sparsities = tiny_images(), []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = task_of(settings, images).build_wide()
    trainer = Trainer(settings, on_epoch=lambda line: sparsities.append(line.sparsity))
    return trainer.fit(model, images).encoder, sparsities


def test_irrelevance_keeps_the_sparsest_model_above_its_bound(
    quick: MakeSettings, karate: Graph
) -> None:
    settings = quick("irrelevance", **PRUNING)
    fit, lines = train(settings, karate)
    shares = [line.sparsity or 0.0 for line in lines]
    assert shares[2] == 0 < shares[3]  # pruned after the last look at the dense model
    assert shares == sorted(shares)
    bound = max(line.val for line in lines[:4]) - 0.3
    assert fit.chosen.score >= bound
    zeros = 1 - WeightMasks(fit.encoder).weights["convs.0.lin.weight"].count_nonzero() / (34 * 32)
    assert float(zeros) > 0.5
    # what was scored when its epoch ended is what the epoch before had left
    eligible = [
        before for before, line in zip(shares, lines[1:], strict=False) if line.val >= bound
    ]
    assert fit.chosen.merit == max(eligible)


def test_masked_weights_stay_zero_to_the_compact_model(quick: MakeSettings, karate: Graph) -> None:
    fit, _ = train(quick("irrelevance", least_feature_norm=2.0, **PRUNING), karate)
    small = fit.encoder.compact()
    assert zero_shares(small) == zero_shares(fit.encoder)
    assert torch.equal(outputs_of(small, karate), outputs_of(fit.encoder, karate))
    assert num_nonzero(small) < 0.6 * sum(p.numel() for p in small.parameters())


def test_within_long_epochs_the_systems_look_is_not_the_epochs() -> None:
    settings = quick_images(
        "irrelevance", model="lenet5", prune_looks=8, prune_step=0.5, bound_tolerance=1.0
    )
    model, shares = fit_images(settings)
    assert [share is not None and share > 0 for share in shares] == [True] * 4
    # 4 epochs of 4 steps, two looks in each; what the last look masked is not considered any more
    left = sum(1 - share for share in zero_shares(model).values())
    assert left > 0
    assert shares[-1] == pytest.approx(1 - 0.5**7, abs=0.01)


def test_aswl_ends_at_its_target_with_layers_unlike() -> None:
    settings = quick_images(
        "aswl", model="lenet5", epochs=30, target_sparsity=0.6, ratio_lr=0.1, batch_size=30
    )
    model, shares = fit_images(settings)
    assert shares[-1] == pytest.approx(0.6, abs=0.1)
    assert len(set(shares[18:])) == 1  # the ratios rest
    each = zero_shares(model)
    total = sum(model.get_parameter(name).numel() for name in each)
    zeros = sum(share * model.get_parameter(name).numel() for name, share in each.items())
    assert zeros / total == pytest.approx(shares[-1], abs=0.01)
    assert max(each.values()) - min(each.values()) > 0.05


def test_frank_wolfe_stays_inside_balls_of_the_initial_weights(
    quick: MakeSettings, karate: Graph
) -> None:
    settings = quick("frank-wolfe", lr=0.5, lr_schedule="linear")
    fit, lines = train(settings, karate)
    assert lines[-1].loss < lines[0].loss
    torch.manual_seed(0)
    fresh = task_of(settings, karate).build_wide()
    balls = balls_for(settings, fresh)
    of_name = {name: balls[p] for name, p in fresh.named_parameters() if p in balls}
    for name, ball in of_name.items():
        assert float(ball.norm(fit.encoder.get_parameter(name).detach())) <= 1.00001 * ball.radius


@pytest.mark.parametrize("model", ["gcn", "graphsage", "gat"])
def test_filters_removed_from_a_graphs_model(
    quick: MakeSettings, karate: Graph, model: str
) -> None:
    fit, _ = train(quick("wide", model=model, epochs=2), karate)
    small = without_smallest_filters(fit.encoder, 0.5)
    assert small.widths == [16]
    assert_same_weights(without_smallest_filters(fit.encoder, 0.0), fit.encoder)


@pytest.mark.parametrize("model", ["mlp", "lenet5", "preresnet"])
def test_filters_removed_from_a_model_of_images(model: str) -> None:
    given = {"depth": 8} if model == "preresnet" else {}
    wide, _ = fit_images(quick_images("wide", model=model, epochs=1, **given))
    small = without_smallest_filters(wide, 0.5)
    streams = (0, 3, 5) if model == "preresnet" else ()  # what several layers write stays
    left = [width if group in streams else width // 2 for group, width in enumerate(wide.widths)]
    assert small.widths == left
    assert isinstance(small, ImageModel)
    assert small.multiply_adds() < 0.6 * wide.multiply_adds()
    x = torch.randn(2, *wide.shape)
    assert torch.allclose(without_smallest_filters(wide, 0.0)(x), wide(x), atol=1e-5)


def test_balls_are_small_where_batch_norms_are() -> None:
    settings = [Settings.of("frank-wolfe", dataset=name) for name in ("cifar10-subset", "mnist")]
    assert [(each.ball_radius, each.lr) for each in settings] == [(3.0, 1.0), (10.0, 0.5)]
    assert Settings.of("frank-wolfe", dataset="cifar10-subset", ball_radius=5.0).ball_radius == 5


def test_batch_norms_of_a_cut_model_are_of_what_reaches_them() -> None:
    settings, images = quick_images("wide", model="preresnet", epochs=1, depth=8), tiny_images()
    task = ImageTask(settings, images)
    small = without_smallest_filters(task.build_wide(), 0.5)
    before = copy.deepcopy(small)
    assert with_fresh_statistics(small, task, seed=0) is small
    assert not small.training
    for mine, theirs in zip(small.parameters(), before.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    x = images.standardised(images.train)
    with torch.no_grad():
        seen = small.get_submodule("net.stem")(x)
        mean = small.get_buffer("net.blocks.0.branch.0.running_mean")
        assert torch.allclose(mean, seen.mean((0, 2, 3)), atol=1e-5)
        assert not torch.equal(mean, before.get_buffer("net.blocks.0.branch.0.running_mean"))


def test_without_batch_norms_a_cut_model_is_left_as_it_is() -> None:
    task = ImageTask(quick_images("wide"), tiny_images())
    small = without_smallest_filters(task.build_wide(), 0.5)
    state = torch.get_rng_state()
    before = {name: value.clone() for name, value in small.state_dict().items()}
    with_fresh_statistics(small, task, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_a_lower_bound_above_the_dense_score_ends_the_run(
    quick: MakeSettings, karate: Graph
) -> None:
    with pytest.raises(
        TrainingError, match=r"The lower bound 1 lies above the 0\.\d+ that the den"
    ):
        train(quick("irrelevance", lower_bound=1.0), karate)


def test_the_penalty_decays_and_ends_with_the_pruning(quick: MakeSettings, karate: Graph) -> None:
    settings = quick("irrelevance", sparsity_weight=0.5, prune_looks=5)  # 20 steps
    model = task_of(settings, karate).build_wide()
    system = system_of(settings, model, 1)
    assert isinstance(system, Irrelevance)
    weight = next(iter(system.masks.weights.values()))
    added = []
    for _ in range(5):
        weight.grad = torch.zeros_like(weight)
        system.before_step()
        added.append(float((weight.grad / weight).nan_to_num().max().detach()))
        system.after_step()
    assert added == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert system.wants_look
    system.look(Evaluation(0.9, 0.1))
    assert not system.wants_look


def refusal(recipe: str, **given: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.of(recipe, **given)
    return str(caught.value)


def test_settings_of_another_system_are_refused() -> None:
    assert refusal("wide", prune_step=0.1) == (
        "These settings contradict each other: prune_step=0.1 is for the recipe 'irrelevance', and "
        "this run is of recipe 'wide': leave it out."
    )
    assert "ball=l2 is for the recipe 'frank-wolfe'" in refusal("aswl", ball="l2")
    assert "ratio_lr=0.2 is for the recipe 'aswl'" in refusal("irrelevance", ratio_lr=0.2)
    assert "sparsity_weight=1.0 is for the recipe 'irrelevance' or 'aswl'" in refusal(
        "wide", sparsity_weight=1.0
    )


def test_gates_and_systems_do_not_mix() -> None:
    for name, value in (("system", "aswl"), ("removed_filters", 0.5)):
        assert f"{name}={value} is for models without gates, and gate='dam'" in refusal(
            "default", **{name: value}
        )
    assert "optimiser='frank-wolfe' is for models without gates" in refusal(
        "default", optimiser="frank-wolfe"
    )
    assert "masks weights, which leaves Frank-Wolfe's balls" in refusal(
        "aswl", optimiser="frank-wolfe"
    )
    assert "target_width needs gates, and recipe 'aswl' has none" in refusal(
        "aswl", target_width=(8,)
    )


def test_systems_are_for_classes() -> None:
    assert "recipe 'aswl' is for objectives that classify, and objective='dgi'" in refusal(
        "aswl", objective="dgi"
    )


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ball_share", 0.0, "ball_share=0.0: input should be greater than 0"),
        ("ball_share", 1.5, "ball_share=1.5: input should be less than or equal to 1"),
        ("ball_radius", -1.0, "ball_radius=-1.0: input should be greater than 0"),
        ("ball", "l3", "Setting ball='l3': input should be 'l2', 'k-sparse'"),
    ],
)
def test_a_ball_out_of_range_is_refused(name: str, value: Any, told: str) -> None:
    assert told in refusal("frank-wolfe", **{name: value})


def test_images_and_graphs_have_the_same_systems() -> None:
    for recipe in ("irrelevance", "frank-wolfe", "aswl"):
        graph, image = Settings.of(recipe), Settings.of(recipe, dataset="mnist")
        assert (graph.system, graph.optimiser == "frank-wolfe") == (
            image.system,
            image.optimiser == "frank-wolfe",
        )
        assert graph.changed() == image.changed() == {}


def test_equal_seeds_are_equal_bits_under_every_system(quick: MakeSettings, karate: Graph) -> None:
    for recipe in ("irrelevance", "frank-wolfe", "aswl"):
        settings = quick(recipe)
        one, other = train(settings, karate)[0], train(settings, karate)[0]
        assert one.chosen == other.chosen
        assert_same_weights(one.encoder, other.encoder)
