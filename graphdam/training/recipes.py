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
        as_wide: whether the gated model is trained as the wide one is (`AS_WIDE`).
        firm: what it sets whatever the objective would set.
    """

    summary: str
    settings: dict[str, Any] = field(default_factory=dict)
    as_wide: bool = False
    firm: dict[str, Any] = field(default_factory=dict)


AS_WIDE: dict[str, str] = {
    "start_width": "hidden_channels",
    "gated_lr": "lr",
    "gated_weight_decay": "weight_decay",
    "gated_dropout": "dropout",
}
"""Settings of the gated model, and those of the wide one that they follow."""

_RIVAL: dict[str, Any] = {
    "teacher": False,
    "decoupled": False,
    "decay_relief": 0.0,
    "gate_begin": 0.0,
}

FRANK_WOLFE: dict[str, Any] = {
    "optimiser": "frank-wolfe",
    "lr": 0.5,
    "lr_schedule": "linear",
    "weight_decay": 0.0,
}
"""What is Frank-Wolfe's own on graphs and on images."""

RECIPES: dict[str, Recipe] = {
    "default": Recipe("DAM gates beside a wide teacher that the gated model imitates."),
    "paper": Recipe(
        "Plain DAM as published: λ · mean β, soft gates, no teacher.",
        {
            "teacher": False,
            "initial_offset": 1.0,
            "act": "relu",
            "decoupled": False,
            "penalty_weight": 0.1,
            "gate_lr": 0.05,
            "final_steepness": 1.0,
            "gate_begin": 0.1,
            "gate_end": 1.0,
        },
        as_wide=True,
    ),
    "l1": Recipe(
        "L1 gates (network slimming) in place of DAM's, no teacher.",
        {**_RIVAL, "gate": "l1", "penalty_weight": 0.5, "gate_lr": 0.02},
        as_wide=True,
    ),
    "l0": Recipe(
        "L0 gates (hard concrete) in place of DAM's, no teacher.",
        {**_RIVAL, "gate": "l0", "penalty_weight": 0.5, "gate_lr": 0.05},
        as_wide=True,
    ),
    "nested": Recipe(
        "Nested (Matryoshka) losses: prefixes of the wide model's channels, to be cut off later.",
        {**_RIVAL, "nested": True, "penalty_weight": 0.0, "gate_end": 0.0, "final_steepness": 1e6},
        as_wide=True,
    ),
    "wide": Recipe("The wide model alone: what everything else is compared with.", {"gate": None}),
    "irrelevance": Recipe(
        "The wide model, its irrelevant weights decayed and pruned step by step (masks).",
        {
            "gate": None,
            "system": "irrelevance",
            "sparsity_weight": 1e-4,
            "prune_step": 0.08,
            "prune_looks": 100,
            "prune_patience": 20,
            "bound_tolerance": 0.02,
        },
    ),
    "frank-wolfe": Recipe(
        "The wide model trained inside balls of sparse corners, to be cut without retraining.",
        # gradients of a whole graph are too small for steps in their length
        {"gate": None, **FRANK_WOLFE, "lr": 0.03, "rescaling": "none", "ball_radius": 5.0},
    ),
    "aswl": Recipe(
        "The wide model, a pruning ratio learnt for each layer (a reading of ASWL; masks).",
        {"gate": None, "system": "aswl", "sparsity_weight": 100.0, "ratio_lr": 0.1},
    ),
    "minge": Recipe(
        "A model trained alone, as wide as the graph's entropy says (MinGE).",
        {"gate": None, "width_rule": "minge"},
    ),
    "random": Recipe(
        "An embedding by random weights, without training.",
        {"gate": None},
        firm={"epochs": 1, "lr": 0.0, "weight_decay": 0.0},
    ),
}


_PROBED: dict[str, Any] = {
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "least_feature_norm": 0.0,
    "act": "prelu",
    "lr": 1e-3,
    "weight_decay": 0.0,
    "hidden_channels": 512,
    "brake_loss": 0.45,
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
    "epochs": 300,
    "brake_loss": 0.6,
    "brake_tolerance": 1e9,
    "brake_errors": 1e9,  # a student that closes lags behind, and catches up at its final width
}

_CONTRAST: dict[str, Any] = {
    **_PROBED,
    "act": "relu",
    "weight_decay": 1e-5,
    "least_feature_norm": 1.0,
    "epochs": 150,
    "brake_loss": 0.12,  # most of the variance lies in few directions, which tell few classes
}

_WHOLE_GRAPHS: dict[str, Any] = {
    "feature_dropout": 0.0,
    "least_feature_norm": 0.0,
    "lr": 2e-3,
    "lr_schedule": "cosine",
    "weight_decay": 0.0,
    "epochs": 150,
    "batch_size": 32,
    "brake_loss": 0.7,  # a teacher of few graphs is surer of others than it has reason to be
    "brake_tolerance": 1e9,
}

OBJECTIVES: dict[str, Recipe] = {
    "node-classification": Recipe("Cross-entropy on the labelled nodes."),
    "graph-classification": Recipe("Cross-entropy on whole graphs.", _WHOLE_GRAPHS),
    "graph-regression": Recipe("Absolute errors of numbers of whole graphs.", _WHOLE_GRAPHS),
    "dgi": Recipe("Deep Graph Infomax.", {**_PROBED, "num_layers": 1}),
    "grace": Recipe("Contrast of two views.", _CONTRAST),
    "bgrl": Recipe(
        "One view predicts the other.", {**_PROBED, "least_feature_norm": 1.0, "epochs": 500}
    ),
    "gae": Recipe("Links rebuilt from inner products.", _LINKS),
    "vgae": Recipe("The same, with a variational embedding.", {**_LINKS, "brake_loss": 0.65}),
}
"""What an objective learns well with, under any recipe."""

_STUDENT: dict[str, Any] = {
    "task_weight": 0.0,
    "gated_weight_decay": 0.0,
    "gated_lr": 0.005,
    "teacher_end": 0.6,
    "decay_relief": 0.0,
}

_STUDENT_TO_PROBE: dict[str, Any] = {
    **_STUDENT,
    "teacher_end": 0.8,
    "keeps_nearest": True,
    "fallback_margin": 0.04,  # a probe's choice among 500 labels is noise of half as much
}

_STUDENT_OF_GRAPHS: dict[str, Any] = {
    "gated_lr": 2e-3,
    "gated_weight_decay": 0.0,
    "decoupled": False,
    "decay_relief": 0.0,
}

STUDENTS: dict[str, dict[str, Any]] = {
    "node-classification": {},
    "graph-classification": _STUDENT_OF_GRAPHS,
    "graph-regression": _STUDENT_OF_GRAPHS,
    "dgi": {**_STUDENT_TO_PROBE, "brake_tolerance": 1.35},
    "grace": {**_STUDENT_TO_PROBE, "brake_tolerance": 1.7},
    "bgrl": {**_STUDENT_TO_PROBE, "brake_tolerance": 1.5},
    "gae": _STUDENT,
    "vgae": _STUDENT,
}
"""How a gated model learns from its teacher what an objective asks for."""


def defaults_of(recipe: str, objective: str) -> dict[str, Any]:
    """The settings of a recipe for an objective; what both set is the objective's, if not firm."""
    chosen, own = RECIPES[recipe], OBJECTIVES[objective]
    return {**STUDENTS[objective], **chosen.settings, **own.settings, **chosen.firm}
