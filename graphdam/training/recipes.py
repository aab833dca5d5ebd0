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
    "wide": Recipe("The wide model alone: what everything else is compared with.", {"gate": None}),
}
