"""What models of ratings learn well with, under each recipe."""

from __future__ import annotations

from typing import Any

from graphdam.errors import SettingsError
from graphdam.training.kinds import OBJECTIVES_BY_KIND, unused

RATING_RECIPES = ("default", "paper", "l1", "l0", "wide")
"""The recipes that are about ratings too."""

RATING_MODELS = ("igmc",)
"""The models of ratings."""

_SHARED: dict[str, Any] = {
    "objective": OBJECTIVES_BY_KIND["ratings"],
    "model": "igmc",
    "epochs": 40,
    "batch_size": 50,
    "lr": 1e-3,
    "weight_decay": 0.0,
    "lr_schedule": "step",
    "dropout": 0.5,
    "hidden_channels": 128,
    "min_width": 1,
    "gate_begin": 0.1,
    "gate_end": 0.5,
    "decoupled": False,
    "decay_relief": 0.0,
    "brake_loss": 0.04,
    "brake_errors": 0.25,  # student and teacher err on the same pairs, so chance hardly parts them
    "fallback_margin": 0.003,
}

_RECIPES: dict[str, dict[str, Any]] = {
    "default": {"gated_dropout": 0.0},  # few channels can spare none
    "wide": {"gate": None},
    "paper": {
        "teacher": False,
        "epochs": 100,
        "initial_offset": 1.0,
        "penalty_weight": 0.1,
        "gate_lr": 1e-3,
        "final_steepness": 1.0,
        "gate_begin": 0.0,
        "gate_end": 1.0,
    },
    "l1": {"teacher": False, "gate": "l1", "gate_begin": 0.0, "penalty_weight": 0.1},
    "l0": {"teacher": False, "gate": "l0", "gate_begin": 0.0, "penalty_weight": 0.1},
}


def rating_defaults(recipe: str, dataset: str) -> dict[str, Any]:
    """The settings of a recipe for a set of ratings.

    Args:
        recipe: one of `RATING_RECIPES`.
        dataset: the set, for messages.

    Raises:
        SettingsError: a recipe that is not for ratings.

    >>> found = rating_defaults("wide", "flixster")
    >>> found["model"], found["objective"], found["gate"]
    ('igmc', 'rating-prediction', None)
    """
    if recipe not in RATING_RECIPES:
        raise SettingsError(
            f"Recipe '{recipe}' is not for ratings, of which dataset='{dataset}' is a set: take "
            f"one of {', '.join(RATING_RECIPES)}."
        )
    return {**unused("ratings"), **_SHARED, **_RECIPES[recipe]}
