"""What a run trains: an encoder of graphs, a model of images or of ratings, or somebody's own."""

from __future__ import annotations

from typing import Any, TypeAlias

from graphdam.compaction import GatedModel
from graphdam.gates import gates_of
from graphdam.nn import IGMC, Encoder, ImageModel
from graphdam.objectives import Objective

SavedModel: TypeAlias = Encoder | ImageModel | IGMC
"""What a run folder holds."""

Model: TypeAlias = SavedModel | GatedModel
AnyObjective: TypeAlias = Objective[Any, Any]


def gate_repeats(model: Model) -> list[int]:
    """How often each gate's channels stand side by side: once, but for the heads of attention."""
    if isinstance(model, (ImageModel, GatedModel)):
        return [1] * len(gates_of(model))
    return [group.repeats for group in model.channel_groups() if group.gate]
