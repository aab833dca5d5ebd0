"""Small settings that say all that a test rests on, and the two small graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sampler import cut_into_stripes

from graphdam.data import Graph, load_graph
from graphdam.training import Settings

QUICK: dict[str, Any] = {
    "device": "cpu",
    "threads": 1,
    "epochs": 20,
    "act": "elu",
    "heads": 4,
    "feature_dropout": 0.25,
    "least_feature_norm": 0.0,
    "hidden_channels": 32,
    "lr": 0.02,
    "weight_decay": 5e-4,
    "dropout": 0.5,
    "start_width": 16,
    "min_width": 2,
    "gated_lr": 0.02,
    "gated_weight_decay": 5e-4,
    "decoupled": False,
    "gated_dropout": 0.0,
    "penalty_weight": 1.0,
    "initial_offset": None,
    "gate_lr": 0.2,
    "gate_begin": 0.0,
    "gate_end": 0.5,
    "final_steepness": 16.0,
    "brake_tolerance": 1.0,
    "brake_loss": 0.25,
    "brake_errors": 1e6,
    "decay_relief": 0.1,
    "task_weight": 1.0,
    "fallback_margin": 1.0,
}


@pytest.fixture
def quick() -> Callable[..., Settings]:
    """Settings of a recipe for a run of 20 epochs, from width 16, taught by width 32."""

    def make(recipe: str = "default", **given: Any) -> Settings:
        return Settings.of(recipe, **{**QUICK, **given})

    return make


@pytest.fixture(scope="session")
def karate() -> Graph:
    return load_graph("karate")


@pytest.fixture(scope="session")
def sbm() -> Graph:
    return load_graph("sbm")


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters without METIS."""
    cut_into_stripes(monkeypatch)
