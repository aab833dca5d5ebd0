"""What autoencoders learn well with, under each recipe."""

from __future__ import annotations

from typing import Any

from graphdam.errors import SettingsError
from graphdam.training.kinds import OBJECTIVES_BY_KIND, unused

RECONSTRUCTION = OBJECTIVES_BY_KIND["points"]

AUTOENCODER = "autoencoder"

_SHARED: dict[str, Any] = {
    "objective": RECONSTRUCTION,
    "model": AUTOENCODER,
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "batch_size": 256,
    "lr": 1e-3,
    "weight_decay": 0.0,
    "act": "relu",
    "min_width": 1,
    "gate_begin": 0.15,
    "gate_end": 0.7,
    "decoupled": False,
    "decay_relief": 0.0,
    "brake_tolerance": 1e9,  # two models lie nearest before either has learnt anything
    "brake_loss": 0.15,
    "brake_errors": 1e9,  # an explained variance has not the standard error of a share of hits
    "fallback_margin": 0.1,
}

_IMAGES: dict[str, dict[str, Any]] = {
    "digits-images": {"epochs": 100, "batch_size": 64, "encoder_widths": (48, 32)},
    "mnist": {"epochs": 100, "batch_size": 512},
}
"""How long a set of images is learnt from; MNIST as in the authors' code."""

_OTHER_IMAGES: dict[str, Any] = {"epochs": 100}

_LINEAR: dict[str, Any] = {
    "encoder_widths": (),
    "epochs": 200,
    "batch_size": 500,
    "lr": 0.01,
    "weight_decay": 1e-6,
}
"""The settings of the authors' code, but for steps on 500 points, of which there are 2,000 too."""

_CURVED: dict[str, Any] = {
    "encoder_widths": (256, 256),
    "epochs": 150,
    "batch_size": 250,
    "lr_schedule": "cosine",
    "weight_decay": 1e-6,
}
"""The encoder of the authors' code, on batches: 3,000 steps of 250 points for theirs on all."""

_POINTS: dict[str, dict[str, Any]] = {
    "linear-points": _LINEAR,
    "affine-points": _LINEAR,
    "quadratic-points": {**_CURVED, "lr": 3e-3, "act": "leaky_relu", "decoder": "quadratic"},
    "mlp-points": {**_CURVED, "act": "elu", "decoder_widths": (128,)},
}

_PAPER: dict[str, Any] = {
    "teacher": False,
    "initial_offset": 1.0,
    "final_steepness": 1.0,
    "gate_begin": 0.0,
    "gate_end": 1.0,
}

_RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "wide": {"gate": None},
    "paper": {**_PAPER, "penalty_weight": 1.0},
    "l1": {"teacher": False, "gate": "l1", "gate_begin": 0.0, "gate_end": 1.0},
    "l0": {"teacher": False, "gate": "l0", "gate_begin": 0.0, "gate_end": 1.0},
}

AUTOENCODER_RECIPES = ("default", "paper", "l1", "l0", "wide")
"""The recipes that are about autoencoders too."""

_PAPER_ON_POINTS: dict[str, dict[str, Any]] = {
    "linear-points": {"penalty_weight": 0.01},
    "affine-points": {"penalty_weight": 0.01},
    "quadratic-points": {"penalty_weight": 0.1, "gate_begin": 0.1, "gate_lr": 0.01},
    "mlp-points": {"penalty_weight": 0.03, "gate_begin": 0.1, "gate_lr": 0.01},
}
"""λ, and for data that are no linear map a start in which all of the code is learnt first."""


def autoencoder_defaults(recipe: str, dataset: str) -> dict[str, Any]:
    """The settings of a recipe for an autoencoder of a set of images or points.

    Where a gate learns without a teacher, its parameters have the learning rate of the weights, as
    in the authors' code, unless a set says otherwise.

    Args:
        recipe: one of `AUTOENCODER_RECIPES`.
        dataset: the set.

    Raises:
        SettingsError: another recipe.

    >>> found = autoencoder_defaults("paper", "mnist")
    >>> found["gate_lr"], found["batch_size"], found["penalty_weight"]
    (0.001, 512, 1.0)
    """
    if recipe not in AUTOENCODER_RECIPES:
        raise SettingsError(
            f"Recipe '{recipe}' is not for autoencoders: take one of "
            f"{', '.join(AUTOENCODER_RECIPES)}."
        )
    name = dataset.strip().lower()
    own = _IMAGES.get(name) or _POINTS.get(name) or _OTHER_IMAGES
    values = {**unused("images"), **_SHARED, **own, **_RECIPES[recipe]}
    if recipe in ("paper", "l1", "l0"):
        values["gate_lr"] = values["lr"]
    if recipe == "paper":
        values |= _PAPER_ON_POINTS.get(name, {})
    return values
