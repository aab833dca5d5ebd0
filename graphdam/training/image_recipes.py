"""What models of images learn well with, under each recipe."""

from __future__ import annotations

from typing import Any

from graphdam.errors import SettingsError
from graphdam.training.kinds import OBJECTIVES_BY_KIND, unused
from graphdam.training.recipes import FRANK_WOLFE

IMAGE_RECIPES = ("default", "paper", "l1", "l0", "wide", "irrelevance", "frank-wolfe", "aswl")
"""The recipes that are about images too."""

_SHARED: dict[str, Any] = {
    "objective": OBJECTIVES_BY_KIND["images"],
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "batch_size": 128,
    "lr_schedule": "cosine",
    "min_width": 1,
    "gate_begin": 0.15,
    "gate_end": 0.7,
    "decoupled": False,
    "decay_relief": 0.0,
    "brake_tolerance": 1e9,  # two models lie nearest before either has learnt anything
    "brake_loss": 0.02,
    "brake_errors": 2.0,  # a student that closes lags behind, and catches up at its final width
    "fallback_margin": 0.005,
}

_ADAM: dict[str, Any] = {"lr": 1e-3, "weight_decay": 0.0}

_SGD: dict[str, Any] = {
    "optimiser": "sgd",
    "lr": 0.05,
    "weight_decay": 1e-3,
    "brake_loss": 0.5,  # on photographs two wide networks lie far apart as well
}

IMAGE_MODELS: dict[str, dict[str, Any]] = {
    "mlp": _ADAM,
    "lenet5": _ADAM,
    "vgg16": _SGD,
    "preresnet": {**_SGD, "min_width": 0},
}
"""The models of images, and what each learns well with."""

_SETS: dict[str, dict[str, Any]] = {
    "digits-images": {"model": "mlp", "epochs": 60, "batch_size": 64},
    "mnist": {"model": "lenet5", "epochs": 6},
    "cifar10": {"model": "preresnet", "epochs": 100, "augment": True},
    "cifar10-subset": {"model": "preresnet", "epochs": 40, "augment": True},
}
"""The model that a set of images has unless another is named, and how long it is learnt from."""

_EPOCHS = {("mnist", "mlp"): 20}
"""Where a model needs others than its set has: an MLP's are short."""

_RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "wide": {"gate": None},
    "paper": {
        "teacher": False,
        "initial_offset": 1.0,
        "penalty_weight": 0.1,
        "final_steepness": 1.0,
        "gate_begin": 0.1,
        "gate_end": 1.0,
    },
    "l1": {"teacher": False, "gate": "l1", "gate_begin": 0.0},
    "l0": {"teacher": False, "gate": "l0", "gate_begin": 0.0},
    "irrelevance": {
        "gate": None,
        "system": "irrelevance",
        "sparsity_weight": 1e-3,
        "prune_step": 0.08,
        "prune_looks": 60,
        "bound_tolerance": 0.002,
    },
    "frank-wolfe": {"gate": None, **FRANK_WOLFE},
    "aswl": {"gate": None, "system": "aswl", "sparsity_weight": 1.0},
}

_SMALL_BALLS: dict[str, Any] = {"lr": 1.0, "ball_radius": 3.0}
"""Frank-Wolfe's where batch norms hide how large weights are: in large balls they grow, and their
steps mean less and less, which elsewhere a weight decay prevents."""

_WITH_BATCH_NORM = ("vgg16", "preresnet")

_PLAIN_SGD: dict[str, Any] = {"gate_optimiser": "sgd", "gate_lr": 0.05}
"""The paper's experiments with images move the offsets as they move the weights."""

OF_ONE_MODEL = {
    "depth": "preresnet",
    "mlp_widths": "mlp",
    "dropout": "mlp",
    **dict.fromkeys(
        ("code_channels", "encoder_widths", "decoder_widths", "decoder"), "autoencoder"
    ),
}
"""Settings of images that one model has a use for."""


def image_defaults(recipe: str, dataset: str, model: str | None) -> dict[str, Any]:
    """The settings of a recipe for a model on a set of images.

    Args:
        recipe: one of `IMAGE_RECIPES`.
        dataset: the set.
        model: one of `IMAGE_MODELS`; None for the set's own.

    Raises:
        SettingsError: a recipe that is for graphs.

    >>> found = image_defaults("wide", "mnist", None)
    >>> found["model"], found["objective"], found["gate"]
    ('lenet5', 'image-classification', None)
    """
    if recipe not in IMAGE_RECIPES:
        raise SettingsError(
            f"Recipe '{recipe}' is for graphs, and dataset='{dataset}' is a set of images: take "
            f"one of {', '.join(IMAGE_RECIPES)}."
        )
    name = dataset.strip().lower()
    own = _SETS.get(name, {})
    chosen = own.get("model") if model is None else model
    of_model = IMAGE_MODELS.get(str(chosen), {})
    values = {**unused("images"), **_SHARED, **of_model, **own, **_RECIPES[recipe], "model": chosen}
    if (name, chosen) in _EPOCHS:
        values["epochs"] = _EPOCHS[name, str(chosen)]
    if recipe == "frank-wolfe" and chosen in _WITH_BATCH_NORM:
        values |= _SMALL_BALLS
    if recipe == "irrelevance":
        values["epochs"] *= 2  # first the dense model is learnt, then it is pruned
    if recipe == "paper" and values.get("optimiser") == "sgd":
        values |= _PLAIN_SGD
    return values
