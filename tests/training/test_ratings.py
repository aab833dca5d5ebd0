"""Do runs on ratings learn, close, resume and compact as runs on graphs and images do?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from task_runs import InterruptionError, assert_resumes, assert_seeds_repeat_and_differ, fit_task
from tiny_ratings import quick_ratings, tiny_ratings

from graphdam.errors import SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.nn import IGMC
from graphdam.report import HistoryLine
from graphdam.training import Fit, Settings
from graphdam.training.learner import Learner
from graphdam.training.rating_task import RatingTask

RATINGS = tiny_ratings()


def fit(settings: Settings, **named: Any) -> tuple[Fit[IGMC], list[HistoryLine]]:
    return fit_task(settings, RATINGS, **named)


def deviation_of(settings: Settings, model: IGMC) -> float:
    task = RatingTask(settings, RATINGS)
    return task.deviation(model, model.compact(), task.prepare(model, None))


# What is learnt


def test_student_and_teacher_learn_who_likes_what() -> None:
    found, lines = fit(quick_ratings(epochs=16, lr=0.01, batch_size=32, target_width=6))
    spread = float(RATINGS.values(RATINGS.val).std())
    assert -found.chosen.score < 0.8 * spread
    assert found.teacher_chosen is not None
    assert -found.teacher_chosen.score < 0.8 * spread
    assert lines[0].loss > lines[-1].loss


def test_the_epoch_of_the_least_error_is_kept() -> None:
    found, lines = fit(quick_ratings("wide", epochs=6, lr=0.05))
    errors = [line.val for line in lines]
    assert min(errors) < max(errors)
    assert found.chosen.epoch == errors.index(min(errors))
    assert found.chosen.score == -min(errors)


RUNS: list[tuple[str, dict[str, Any]]] = [
    ("default", {}),
    ("default", {"gate_convs": True}),
    ("default", {"gate_convs": True, "target_width": (2, 3, 4, 5, 6)}),
    ("default", {"max_parameters": 800, "gate_convs": True}),
    ("default", {"teacher_end": 0.5, "max_nodes_per_hop": 3}),
    ("default", {"ensemble": 2}),
    ("paper", {"epochs": 4}),
    ("l1", {"penalty_weight": 5.0, "gate_lr": 0.2}),
    ("l0", {}),
    ("wide", {}),
]


@pytest.mark.parametrize(("recipe", "given"), RUNS)
def test_a_compact_model_has_the_outputs_of_the_gated_one(
    recipe: str, given: dict[str, Any]
) -> None:
    settings = quick_ratings(recipe, **given)
    found, lines = fit(settings)
    compact = found.encoder.compact()
    assert compact.widths == found.encoder.widths
    if settings.gate is not None and found.encoder is not found.teacher:
        assert compact.widths == lines[-1].widths
    if settings.max_parameters is not None:
        assert num_parameters(compact) <= settings.max_parameters
    assert deviation_of(settings, found.encoder) < 1e-5


@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize(("recipe", "given"), RUNS)
def test_an_interrupted_seed_ends_bit_for_bit_where_it_would_have(
    recipe: str, given: dict[str, Any], epoch: int, tmp_path: Path
) -> None:
    assert_resumes(quick_ratings(recipe, **given), RATINGS, epoch=epoch, folder=tmp_path)


def test_an_ensemble_is_of_the_last_epochs_at_the_final_width(tmp_path: Path) -> None:
    settings = quick_ratings(epochs=6, ensemble=3, target_width=5, fallback_margin=1.0)
    found, _ = fit(settings)
    assert len(found.ensemble) == 3
    last = found.ensemble[-1]
    assert any(not torch.equal(last[name], found.ensemble[0][name]) for name in last)
    for state in found.ensemble:
        one = RatingTask(settings, RATINGS).build_gated()
        one.load_state_dict(state)
        assert one.widths == [5]
    checkpoint = tmp_path / "seed-0.safetensors"
    with pytest.raises(InterruptionError):
        fit(settings, checkpoint=checkpoint, stop_at=5)
    resumed, _ = fit(settings, checkpoint=checkpoint)
    for before, after in zip(found.ensemble, resumed.ensemble, strict=True):
        assert all(torch.equal(before[name], after[name]) for name in before)
    assert fit(quick_ratings())[0].ensemble == []


def test_seeds_repeat_and_differ() -> None:
    assert_seeds_repeat_and_differ(quick_ratings(), RATINGS)


def test_all_channels_are_open_at_the_start_however_many_a_layer_has() -> None:
    settings = quick_ratings(gate_convs=True, conv_channels=32, hidden_channels=16)
    model = RatingTask(settings, RATINGS).build_gated()
    assert model.widths == [32] * 4 + [16]
    offsets = [gate.offset.item() for gate in model.gates]  # type: ignore[operator]
    assert offsets == pytest.approx([2.5 / 32] * 4 + [2.5 / 16]), (
        "half a step before the last closes"
    )


@pytest.mark.parametrize(
    ("given", "widths"),
    [
        ({"target_width": 5}, [5]),
        ({"target_width": 5, "gate_convs": True}, [5] * 5),
        ({"target_width": (1, 2, 3, 4, 9), "gate_convs": True}, [1, 2, 3, 4, 9]),
    ],
)
def test_target_widths_are_reached_exactly(given: dict[str, Any], widths: list[int]) -> None:
    found, lines = fit(quick_ratings(**given, fallback_margin=1.0))
    assert found.encoder.widths == found.encoder.compact().widths == lines[-1].widths == widths


def test_the_learning_rate_falls_to_a_tenth_halfway(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    begin = Learner.begin_epoch

    def noted(self: Learner, epoch: int) -> None:
        begin(self, epoch)
        rates.append(self.optimisers[0].param_groups[0]["lr"])

    monkeypatch.setattr(Learner, "begin_epoch", noted)
    fit(quick_ratings("wide", epochs=4, lr=0.01))
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_what_test_pairs_nobody_knows_are_counted() -> None:
    first, second = RatingTask(quick_ratings(), RATINGS).notes()
    total = len(RATINGS.test)
    assert first == f"3 of {total} test pairs have a user or an item without a training rating"
    assert second == (
        f"1 of {total} test pairs have nothing known around them and are rated "
        f"{RATINGS.mean:.2f}, the mean of the training ratings"
    )


# Settings


@pytest.mark.parametrize("dataset", ["flixster", "Douban", "my/films.csv"])
def test_ratings_have_a_model_and_an_objective(dataset: str) -> None:
    settings = Settings.of(dataset=dataset)
    assert (settings.model, settings.objective, settings.kind) == (
        *("igmc", "rating-prediction"),
        "ratings",
    )
    assert settings.changed() == {}
    assert (settings.start_width, settings.gated_lr) == (128, settings.lr)
    assert Settings.of(**settings.model_dump()) == settings


@pytest.mark.parametrize(("recipe", "dropout"), [("default", 0.0), ("paper", 0.3)])
def test_a_student_s_dropout_is_its_recipe_s(recipe: str, dropout: float) -> None:
    settings = Settings.of(recipe, dataset="flixster", dropout=0.3, lr=0.002)
    assert (settings.gated_dropout, settings.gated_lr) == (dropout, 0.002)
    assert settings.changed() == {"dropout": 0.3, "lr": 0.002}
    assert Settings.of(**settings.model_dump()) == settings


AGAINST = "These settings contradict each other: "


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"dataset": "flixster", "model": "gcn"},
            f"{AGAINST}model='gcn' reads graphs, and dataset='flixster' is a set of ratings: take "
            "igmc, or a graph.",
        ),
        (
            {"dataset": "cora", "model": "igmc"},
            f"{AGAINST}model='igmc' reads ratings, and dataset='cora' is no set of ratings: take "
            "one of flixster, douban, or a model of graphs (gcn, graphsage, gat).",
        ),
        (
            {"dataset": "mnist", "model": "igmc"},
            f"{AGAINST}model='igmc' reads ratings, and dataset='mnist' is a set of images: take "
            "one of mlp, lenet5, vgg16, preresnet, autoencoder, or a set of ratings.",
        ),
        (
            {"dataset": "douban", "objective": "dgi"},
            f"{AGAINST}objective='dgi' is not for ratings, and dataset='douban' is a set of them: "
            "leave it out.",
        ),
        (
            {"dataset": "films.csv", "norm": "batch_norm"},
            f"{AGAINST}norm=batch_norm is for graphs, and dataset='films.csv' is a set of ratings: "
            "leave it out.",
        ),
        (
            {"dataset": "cora", "gate_convs": True},
            f"{AGAINST}gate_convs=True is for ratings, and dataset='cora' is a graph: leave it "
            "out.",
        ),
        (
            {"dataset": "mnist", "split": "seeded"},
            f"{AGAINST}split=seeded is for graphs and ratings, and dataset='mnist' is a set of "
            "images: leave it out.",
        ),
        (
            {"dataset": "flixster", "min_width": 0},
            f"{AGAINST}min_width=0 is for branches beside a residual path, which models of ratings "
            "have not: the smallest is 1.",
        ),
        (
            {"dataset": "flixster", "dropout": 0.0, "adjacency_dropout": 0.0},
            f"{AGAINST}dropout=0 and adjacency_dropout=0 leave the teacher without a spread to "
            "measure the gated model's distance by, so the width would never shrink: set one of "
            "them, or a target_width.",
        ),
        *(
            (
                {"dataset": "flixster", "recipe": "wide", name: value},
                f"{AGAINST}{name}={value} is for graphs and images, and dataset='flixster' is a "
                "set of ratings: leave it out.",
            )
            for name, value in (("removed_filters", 0.5), ("system", "aswl"))
        ),
        (
            {"dataset": "flixster", "neighbors": (5,)},
            f"{AGAINST}neighbors=5 is for graphs, and dataset='flixster' is a set of ratings: "
            "leave it out.",
        ),
        (
            {"dataset": "flixster", "model": "autoencoder"},
            f"{AGAINST}an autoencoder reads images or points, and dataset='flixster' is a set of "
            "ratings: take one of digits-images, mnist, cifar10, cifar10-subset, linear-points, "
            "affine-points, quadratic-points, mlp-points.",
        ),
        (
            {"dataset": "flixster", "recipe": "nested"},
            "Recipe 'nested' is not for ratings, of which dataset='flixster' is a set: take one of "
            "default, paper, l1, l0, wide.",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of(**given)
    assert str(caught.value) == message


def test_targets_that_no_layer_has_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"names 2 widths, but the igmc has 1 gate\."):
        fit(quick_ratings(target_width=(4, 5)))
    with pytest.raises(SettingsError, match="target_width=17 is above the 16 channels of a layer"):
        fit(quick_ratings(target_width=17))
