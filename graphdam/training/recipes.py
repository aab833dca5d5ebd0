"""Named recipes: settings that belong together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A name for settings that differ from the defaults of `Settings`.

    Attributes:
        summary: one line for `--help`.
        settings: what the recipe sets.
    """

    summary: str
    settings: dict[str, Any] = field(default_factory=dict)


_RIVAL: dict[str, Any] = {
    "teacher": False,
    "start_width": 256,
    "gated_lr": 0.01,
    "gated_weight_decay": 5e-4,
    "decoupled": False,
    "gated_dropout": 0.5,
    "decay_relief": 0.0,
    "gate_begin": 0.0,
}
"""A gated model of the wide one's width, trained as that is."""

RECIPES: dict[str, Recipe] = {
    "default": Recipe("DAM gates beside a wide teacher that the gated model imitates."),
    "paper": Recipe(
        "Plain DAM as published: λ · mean β, soft gates, no teacher.",
        {
            "teacher": False,
            "start_width": 256,
            "initial_offset": 1.0,
            "act": "relu",
            "gated_lr": 0.01,
            "gated_weight_decay": 5e-4,
            "decoupled": False,
            "penalty_weight": 0.1,
            "gate_lr": 0.05,
            "final_steepness": 1.0,
            "gated_dropout": 0.5,
            "gate_begin": 0.1,
            "gate_end": 1.0,
        },
    ),
    "l1": Recipe(
        "L1 gates (network slimming) in place of DAM's, no teacher.",
        {**_RIVAL, "gate": "l1", "penalty_weight": 0.5, "gate_lr": 0.02},
    ),
    "l0": Recipe(
        "L0 gates (hard concrete) in place of DAM's, no teacher.",
        {**_RIVAL, "gate": "l0", "penalty_weight": 0.5, "gate_lr": 0.05},
    ),
    "wide": Recipe("The wide model alone: what everything else is compared with.", {"gate": None}),
}


_PROBED: dict[str, Any] = {
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "least_feature_norm": 0.0,
    "act": "prelu",
    "lr": 1e-3,
    "weight_decay": 0.0,
    "hidden_channels": 512,
}

_LINKS: dict[str, Any] = {
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "least_feature_norm": 1.0,
    "act": "relu",
    "lr": 0.005,
    "weight_decay": 0.0,
    "hidden_channels": 256,
    "embedding_channels": 128,
    "epochs": 200,
}

OBJECTIVES: dict[str, Recipe] = {
    "node-classification": Recipe("Cross-entropy on the labelled nodes."),
    "dgi": Recipe("Deep Graph Infomax.", {**_PROBED, "num_layers": 1}),
    "grace": Recipe("Contrast of two views.", {**_PROBED, "act": "relu", "weight_decay": 1e-5}),
    "bgrl": Recipe("One view predicts the other.", _PROBED),
    "gae": Recipe("Links rebuilt from inner products.", _LINKS),
    "vgae": Recipe("The same, with a variational embedding.", _LINKS),
}
"""What an objective learns well with, under any recipe."""

_STUDENT_OF_EMBEDDING: dict[str, Any] = {
    "task_weight": 0.0,
    "gated_weight_decay": 0.0,
    "gated_lr": 0.005,
    "brake_loss": 0.4,
    "decay_relief": 0.0,
}
"""How a gated model learns an embedding from its teacher."""


def defaults_of(recipe: str, objective: str) -> dict[str, Any]:
    """The settings of a recipe for an objective; where both set something, the objective does."""
    student = {} if objective == "node-classification" else _STUDENT_OF_EMBEDDING
    return {**student, **RECIPES[recipe].settings, **OBJECTIVES[objective].settings}
