"""Do autoencoders learn the dimension of data, resume and compact as other runs do?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from task_runs import assert_resumes, fit_task
from tiny_images import tiny_images

from graphdam.data import Images, Points, load_points
from graphdam.errors import SettingsError
from graphdam.nn import ImageModel
from graphdam.report import HistoryLine
from graphdam.training import Fit, Settings, task_of
from graphdam.training.autoencoder_recipes import AUTOENCODER_RECIPES

IMAGES = tiny_images()
SMALL: dict[str, Any] = {
    "dataset": "digits-images",
    "model": "autoencoder",
    "device": "cpu",
    "threads": 1,
    "epochs": 4,
    "batch_size": 16,
    "encoder_widths": (12,),
    "code_channels": 8,
}


def fit(
    settings: Settings, data: Images | Points = IMAGES, **named: Any
) -> tuple[Fit[ImageModel], list[HistoryLine]]:
    return fit_task(settings, data, **named)


def refusal(recipe: str = "default", **given: Any) -> str:
    with pytest.raises(SettingsError) as error:
        Settings.of(recipe, **given)
    return str(error.value)


# What is learnt


def test_a_linear_code_learns_the_rank_of_its_data() -> None:
    points = load_points("affine-points", seed=7)
    settings = Settings.of("paper", dataset="affine-points", penalty_weight=0.03, epochs=120)
    found, lines = fit(settings, points, seed=7)
    compact = found.encoder.compact()
    assert compact.widths == [points.dimension] == [11]
    assert found.chosen.epoch == lines[-1].epoch == settings.epochs - 1
    x = points.x[points.indices("train")]
    with torch.no_grad():
        error = (compact(x) - x).square().sum()
    # with one channel less, even the best code would lose more (Eckart and Young)
    assert error < 0.5 * torch.linalg.svdvals(x)[10].square()


RUNS: list[tuple[str, dict[str, Any]]] = [
    ("default", {}),
    ("default", {"target_width": (3,)}),
    ("paper", {"penalty_weight": 5.0, "gate_lr": 0.2}),
    ("l1", {"penalty_weight": 5.0, "gate_lr": 0.2}),
    ("l0", {}),
    ("wide", {"act": "elu", "decoder_widths": (6, 6)}),
]


@pytest.mark.parametrize(("recipe", "given"), RUNS)
def test_a_compact_autoencoder_rebuilds_what_the_gated_one_does(
    recipe: str, given: dict[str, Any]
) -> None:
    settings = Settings.of(recipe, **{**SMALL, **given})
    found, lines = fit(settings)
    compact, task = found.encoder.compact(), task_of(settings, IMAGES)
    prepared = task.prepare(compact, None)  # type: ignore[arg-type]
    assert compact.widths == lines[-1].widths or found.encoder is found.teacher
    assert task.deviation(found.encoder, compact, prepared) < 1e-5
    assert compact.embed(prepared.x[:5]).shape == (5, compact.widths[0])


@pytest.mark.parametrize(("recipe", "given"), RUNS[:4])
def test_an_interrupted_seed_ends_bit_for_bit_where_it_would_have(
    recipe: str, given: dict[str, Any], tmp_path: Path
) -> None:
    settings = Settings.of(recipe, **{**SMALL, **given})
    assert_resumes(settings, IMAGES, epoch=2, folder=tmp_path)


def test_a_code_that_is_pressed_to_the_end_keeps_a_channel() -> None:
    given = {"penalty_weight": 1e3, "gate_lr": 0.5, "epochs": 12}
    found, _ = fit(Settings.of("paper", **{**SMALL, **given}))
    assert found.encoder.widths == [1]
    assert found.notes == [
        "hidden layer 1 was stopped at the minimum width (1 channel a gate): λ would have closed it"
    ]


def test_a_student_is_braked_at_the_share_that_it_may_miss() -> None:
    widths = []
    for share in (0.05, 0.6):
        given = {"epochs": 60, "brake_loss": share, "lr": 0.01, "fallback_margin": 1.0}
        found, _ = fit(Settings.of(**{**SMALL, **given}))
        widths += found.encoder.widths
    assert widths[0] > widths[1]


def test_points_are_drawn_anew_for_every_seed() -> None:
    task = task_of(Settings.of(dataset="mlp-points"), load_points("mlp-points"))
    other = task.at_split(3)
    assert isinstance(other.data, Points)
    assert torch.equal(other.data.x, load_points("mlp-points", seed=3).x)
    assert task.at_split(0) is task


# Settings


@pytest.mark.parametrize("recipe", AUTOENCODER_RECIPES)
@pytest.mark.parametrize("dataset", ["mnist", "cifar10", "linear-points", "quadratic-points"])
def test_every_recipe_is_about_autoencoders_too(recipe: str, dataset: str) -> None:
    settings = Settings.of(recipe, dataset=dataset, model="autoencoder")
    assert (settings.objective, settings.reconstructs) == ("reconstruction", True)
    assert settings == Settings.of(recipe, dataset=dataset, objective="reconstruction")
    assert settings.changed() == {}
    changed = Settings.of(recipe, dataset=dataset, model="autoencoder", code_channels=30).changed()
    assert changed == {"code_channels": 30}


def test_mnist_has_the_settings_of_the_authors_code() -> None:
    settings = Settings.of("paper", dataset="mnist", model="autoencoder")
    assert (settings.lr, settings.gate_lr, settings.gated_weight_decay) == (1e-3, 1e-3, 0)
    assert (settings.batch_size, settings.epochs, settings.initial_offset) == (512, 100, 1)
    assert (settings.encoder_widths, settings.code_channels) == ((128, 64, 32), 50)
    assert (settings.gate_begin, settings.gate_end, settings.final_steepness) == (0, 1, 1)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"dataset": "cora", "model": "autoencoder"},
            "an autoencoder reads images or points, and dataset='cora' is a graph: take one of "
            "digits-images, mnist, cifar10, cifar10-subset, linear-points, affine-points, "
            "quadratic-points, mlp-points",
        ),
        (
            {"dataset": "mlp-points", "model": "mlp"},
            "model='mlp' and objective='reconstruction' do not go together on "
            "dataset='mlp-points': model='autoencoder' is what learns 'reconstruction', and learns "
            "nothing else",
        ),
        (
            {"dataset": "mnist", "model": "autoencoder", "augment": True},
            "augment=True is for models that tell classes; an autoencoder rebuilds images as they "
            "are: leave it out",
        ),
        (
            {"dataset": "quadratic-points", "decoder_widths": (9, 8)},
            "decoder='quadratic' is one layer, and decoder_widths=9,8 are of several: leave one of "
            "them out",
        ),
        (
            {"dataset": "mnist", "code_channels": 9},
            "code_channels=9 is for autoencoder, not for lenet5: leave it out",
        ),
        (
            {"dataset": "mlp-points", "num_layers": 3},
            "num_layers=3 is for graphs, and dataset='mlp-points' is a set of points: leave it out",
        ),
        (
            {"dataset": "cora", "encoder_widths": (9,)},
            "encoder_widths=9 is for images, and dataset='cora' is a graph: leave it out",
        ),
    ],
)
def test_what_does_not_go_together_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    assert refusal(**given) == f"These settings contradict each other: {sentence}."


def test_recipes_for_graphs_are_refused() -> None:
    assert refusal("minge", dataset="mnist", model="autoencoder") == (
        "Recipe 'minge' is not for autoencoders: take one of default, paper, l1, l0, wide."
    )


def test_a_target_above_the_code_is_refused() -> None:
    with pytest.raises(SettingsError, match="above the 8 channels of a layer"):
        fit(Settings.of(**{**SMALL, "target_width": (9,)}))
