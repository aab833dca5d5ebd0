"""Do runs on images learn, close, resume and compact as runs on graphs do?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from task_runs import assert_resumes, assert_seeds_repeat_and_differ, fit_task
from tiny_images import quick_images, tiny_images
from training_runs import assert_same_weights

from graphdam.data import Images
from graphdam.errors import SettingsError
from graphdam.nn import ImageModel
from graphdam.report import HistoryLine
from graphdam.training import Fit, Settings
from graphdam.training import state as states
from graphdam.training.brake import Brake
from graphdam.training.image_task import ImageTask
from graphdam.training.learner import Learner

IMAGES = tiny_images()


def fit(
    settings: Settings, images: Images = IMAGES, **named: Any
) -> tuple[Fit[ImageModel], list[HistoryLine]]:
    return fit_task(settings, images, **named)


def deviation_of(settings: Settings, model: ImageModel, images: Images = IMAGES) -> float:
    task = ImageTask(settings, images)
    return task.deviation(model, model.compact(), task.prepare(model, None))


# What is learnt


def test_student_and_teacher_learn_to_see_the_class() -> None:
    found, lines = fit(quick_images(epochs=40, target_width=(8, 6)))
    assert found.chosen.score > 0.8
    assert found.teacher_chosen is not None
    assert found.teacher_chosen.score > 0.8
    assert lines[-1].train > 0.9
    assert lines[0].loss > lines[-1].loss


RUNS: list[tuple[str, dict[str, Any]]] = [
    ("default", {}),
    ("default", {"model": "lenet5", "target_width": (4, 6, 9)}),
    ("default", {"model": "preresnet", "depth": 8, "augment": True}),
    ("default", {"max_parameters": 6000}),
    ("default", {"imitation_shift": 1}),
    ("default", {"dropout": 0.3, "teacher_end": 0.5, "optimiser": "sgd", "lr": 0.05}),
    ("paper", {}),
    ("paper", {"model": "preresnet", "depth": 8}),
    ("l1", {"penalty_weight": 5.0, "gate_lr": 0.2}),
    ("l0", {}),
    ("wide", {}),
]


@pytest.mark.parametrize(("recipe", "given"), RUNS)
def test_a_compact_model_has_the_outputs_of_the_gated_one(
    recipe: str, given: dict[str, Any]
) -> None:
    settings = quick_images(recipe, **given)
    found, lines = fit(settings)
    compact = found.encoder.compact()
    assert compact.widths == found.encoder.widths
    if settings.gate is not None and found.encoder is not found.teacher:
        assert compact.widths == lines[-1].widths
    assert deviation_of(settings, found.encoder) < 1e-5


def test_kernels_have_their_channels_last_while_they_are_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []
    step = Learner.step

    def noted(self: Learner, *given: Any, **named: Any) -> None:
        kernels = [each for each in self.encoder.parameters() if each.dim() == 4]
        seen.extend(each.is_contiguous(memory_format=torch.channels_last) for each in kernels)
        step(self, *given, **named)

    monkeypatch.setattr(Learner, "step", noted)
    found, _ = fit(quick_images(model="lenet5", epochs=1))
    assert seen
    assert all(seen)
    assert found.teacher is not None
    for model in (found.encoder, found.teacher):
        assert all(each.is_contiguous() for each in model.parameters())


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize(("recipe", "given"), RUNS)
def test_an_interrupted_seed_ends_bit_for_bit_where_it_would_have(
    recipe: str, given: dict[str, Any], epoch: int, tmp_path: Path
) -> None:
    assert_resumes(quick_images(recipe, **given), IMAGES, epoch=epoch, folder=tmp_path)


def test_seeds_repeat_and_differ() -> None:
    assert_seeds_repeat_and_differ(quick_images(), IMAGES)


# Widths


@pytest.mark.parametrize(
    ("given", "widths"),
    [
        ({"target_width": (7, 3)}, [7, 3]),
        ({"target_width": (5,)}, [5, 5]),
        ({"model": "lenet5", "target_width": (3, 40, 1)}, [3, 40, 1]),
        ({"model": "preresnet", "depth": 8, "target_width": (6,)}, [6] * 6),
    ],
)
def test_target_widths_are_reached_exactly(given: dict[str, Any], widths: list[int]) -> None:
    found, lines = fit(quick_images(**given, fallback_margin=1.0))
    assert found.encoder.widths == found.encoder.compact().widths == lines[-1].widths == widths


def test_the_brake_is_told_within_a_long_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "WATCH_EVERY", 2)
    told: list[int] = []
    observe = Brake.observe

    def noted(self: Brake, **distances: Any) -> None:
        told.append(distances["gap_of_student"])
        observe(self, **distances)

    monkeypatch.setattr(Brake, "observe", noted)
    fit(quick_images(epochs=3, batch_size=10))  # six steps an epoch
    assert len(told) == 9
    assert len(set(told)) == 9


def test_offsets_cross_their_range_whatever_the_number_of_steps() -> None:
    for steps in (1, 10):
        assert quick_images().offset_lr(steps) == pytest.approx(6 / (2 * steps))


def test_the_learning_rate_falls_to_nothing_along_a_cosine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates: list[float] = []
    begin = Learner.begin_epoch

    def noted(self: Learner, epoch: int) -> None:
        begin(self, epoch)
        rates.append(self.optimisers[0].param_groups[0]["lr"])

    monkeypatch.setattr(Learner, "begin_epoch", noted)
    fit(quick_images("wide", epochs=4, lr=0.01))
    assert rates == pytest.approx([0.01, 0.01 * 0.853553, 0.005, 0.01 * 0.146447], rel=1e-5)


def test_moved_images_are_imitated_and_the_teacher_learns_from_them_as_they_are() -> None:
    still, moved = (fit(quick_images(epochs=1, imitation_shift=by))[0] for by in (0, 2))
    assert still.teacher is not None
    assert moved.teacher is not None
    assert_same_weights(still.teacher, moved.teacher)
    assert still.chosen.loss != moved.chosen.loss


def test_what_is_imitated_is_the_teachers_answer_to_the_moved_images() -> None:
    torch.manual_seed(0)
    task = ImageTask(quick_images(), IMAGES)
    whole = task.prepare_training(task.build(), task.build_objective(task.build(), seed=0))
    batch = next(iter(whole.batches()))
    moved = batch.moved(1)
    assert torch.equal(moved.labels("train"), batch.labels("train"))
    (before,), (after,) = batch.inputs(), moved.inputs()
    padded = torch.nn.functional.pad(before, (1,) * 4, value=float(before.min()))
    size = before.size(-1)
    places = [(top, left) for top in range(3) for left in range(3)]
    windows = [padded[..., top : top + size, left : left + size] for top, left in places]
    for at, image in enumerate(after):
        assert any(torch.equal(image, window[at]) for window in windows)


def test_plain_gradient_descent_moves_all_or_the_weights_alone() -> None:
    def kinds(**given: Any) -> list[str]:
        settings = quick_images(**given)
        task = ImageTask(settings, IMAGES)
        model = task.build()
        learner = Learner(model, settings, None, task.prepare(model, None))
        return [type(optimiser).__name__ for optimiser in learner.optimisers]

    assert kinds() == ["Adam"]
    assert kinds(optimiser="sgd") == ["SGD", "Adam"]
    assert kinds(optimiser="sgd", gate_optimiser="sgd") == ["SGD"]


# Settings


@pytest.mark.parametrize(
    ("dataset", "model"),
    [("digits-images", "mlp"), ("MNIST", "lenet5"), ("cifar10-subset", "preresnet")],
)
def test_a_set_of_images_has_a_model_and_an_objective(dataset: str, model: str) -> None:
    settings = Settings.of(dataset=dataset)
    assert (settings.model, settings.objective) == (model, "image-classification")
    assert settings.changed() == {}
    assert Settings.of(**settings.model_dump()) == settings


def test_the_student_is_trained_as_the_teacher_is() -> None:
    settings = Settings.of(dataset="mnist", lr=0.02, weight_decay=0.1)
    assert (settings.gated_lr, settings.gated_weight_decay) == (0.02, 0.1)
    assert settings.changed() == {"lr": 0.02, "weight_decay": 0.1}


AGAINST = "These settings contradict each other: "


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"dataset": "mnist", "model": "gcn"},
            f"{AGAINST}model='gcn' reads graphs, and dataset='mnist' is a set of images: take one "
            "of mlp, lenet5, vgg16, preresnet, autoencoder, or a graph.",
        ),
        (
            {"dataset": "cora", "model": "lenet5"},
            f"{AGAINST}model='lenet5' reads images, and dataset='cora' is no set of images: take "
            "one of digits-images, mnist, cifar10, cifar10-subset, or a model of graphs (gcn, "
            "graphsage, gat).",
        ),
        (
            {"dataset": "mnist", "objective": "dgi"},
            f"{AGAINST}objective='dgi' is not for images, and dataset='mnist' is a set of them: "
            "leave it out.",
        ),
        (
            {"dataset": "cora", "objective": "image-classification"},
            f"{AGAINST}objective='image-classification' is not for graphs, and dataset='cora' is "
            "one: leave it out.",
        ),
        (
            {"dataset": "mnist", "num_layers": 3},
            f"{AGAINST}num_layers=3 is for graphs, and dataset='mnist' is a set of images: leave "
            "it out.",
        ),
        (
            {"dataset": "cora", "depth": 56},
            f"{AGAINST}depth=56 is for images, and dataset='cora' is a graph: leave it out.",
        ),
        (
            {"dataset": "mnist", "dropout": 0.5},
            f"{AGAINST}dropout=0.5 is for mlp, not for lenet5: leave it out.",
        ),
        (
            {"dataset": "mnist", "depth": 56},
            f"{AGAINST}depth=56 is for preresnet, not for lenet5: leave it out.",
        ),
        (
            {"dataset": "mnist", "target_width": (0,)},
            f"{AGAINST}target_width=0 leaves a layer without channels: the smallest is 1.",
        ),
        (
            {"dataset": "cora", "min_width": 0},
            f"{AGAINST}min_width=0 is for branches beside a residual path, which models of graphs "
            "have not: the smallest is 1.",
        ),
        (
            {"dataset": "mnist", "recipe": "paper", "imitation_shift": 1},
            f"{AGAINST}imitation_shift=1 is for a gated model beside a teacher, and there is none: "
            "leave it out.",
        ),
        (
            {"dataset": "mnist", "recipe": "wide", "imitation_shift": 1},
            f"{AGAINST}imitation_shift=1 is for a gated model beside a teacher, and there is none: "
            "leave it out.",
        ),
        (
            {"dataset": "mnist", "model": "autoencoder", "imitation_shift": 1},
            f"{AGAINST}imitation_shift=1 is for models that tell classes; an autoencoder rebuilds "
            "images as they are: leave it out.",
        ),
        (
            {"dataset": "mnist", "recipe": "minge"},
            "Recipe 'minge' is for graphs, and dataset='mnist' is a set of images: take one of "
            "default, paper, l1, l0, wide, irrelevance, frank-wolfe, aswl.",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"target_width": (5, 4, 3)},
            "target_width=5,4,3 names 3 widths, but the mlp has 2 gates.",
        ),
        (
            {"target_width": (24, 13)},
            "target_width=13 is above the 12 channels of a layer: channels only close; the widths "
            "to begin with are 24, 12.",
        ),
    ],
)
def test_targets_that_no_layer_has_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        fit(quick_images(**given))
    assert str(caught.value) == message
