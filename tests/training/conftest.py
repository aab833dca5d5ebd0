"""Small settings that say all that a test rests on, and the two small graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graphdam.data import Graph, load_graph
from graphdam.training import Settings

QUICK: dict[str, Any] = {
    "epochs": 20,
    "start_width": 16,
    "hidden_channels": 32,
    "min_width": 2,
    "penalty_weight": 1.0,
    "gate_lr": 0.2,
    "gate_begin": 0.0,
    "gate_end": 0.5,
    "final_steepness": 16.0,
    "lr": 0.02,
    "heads": 4,
    "threads": 1,
    "device": "cpu",
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
