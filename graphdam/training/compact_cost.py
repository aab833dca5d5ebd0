"""What a compact model would cost at other widths than its gates have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from graphdam.compaction import ChannelGroup, GatedModel
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.module_cost import matrix_multiply_adds
from graphdam.nn import IGMC, Encoder, ImageModel
from graphdam.nn.image_cost import PlannedCost
from graphdam.nn.surgery import compact
from graphdam.objectives import (
    Prepared,
    PreparedEdges,
    PreparedGraph,
    PreparedGraphs,
    PreparedImages,
    PreparedRatings,
)
from graphdam.training.budget import Cost
from graphdam.training.model import Model


def cost_of_widths(model: Model, prepared: Prepared) -> Cost:
    """Parameters and multiply-adds at given numbers of open channels, one a gate.

    Args:
        model: gated.
        prepared: the graph that an inference reads; of images one alone is counted, of ratings
            the mean over the test pairs.
    """
    if isinstance(model, ImageModel):
        assert isinstance(model.net, GatedModel)
        return PlannedCost(model.net, model.shape)
    if isinstance(model, GatedModel):
        if isinstance(prepared, PreparedImages) and PlannedCost.knows(model):
            return PlannedCost(model, prepared.images.shape)
        return _OwnCost(model, *_call_of(prepared))
    if isinstance(model, IGMC):
        assert isinstance(prepared, PreparedRatings)
        return _RatingCost(model, prepared)
    assert isinstance(prepared, PreparedGraph)
    return _EncoderCost(model, prepared)


class _EncoderCost:
    """Counted on the compacted encoder itself."""

    def __init__(self, encoder: Encoder, prepared: PreparedGraph) -> None:
        self.encoder = encoder
        self.prepared = prepared
        self.groups = encoder.channel_groups()

    def __call__(self, *widths: int) -> dict[str, int]:
        with torch.random.fork_rng([]):  # a new encoder draws weights, which no run must feel
            small = compact(self.encoder, _prefixes(self.groups, widths))
        return {
            "parameters": num_parameters(small),
            "multiply_adds": small.multiply_adds(self.prepared.x, self.prepared.adjacency),
        }


class _OwnCost:
    """Counted on somebody's own model, compacted; of its operations matrix products alone."""

    def __init__(
        self, model: GatedModel, items: int, given: tuple[Any, ...], further: Mapping[str, Any]
    ) -> None:
        self.model = model
        self.items = items
        self.given, self.further = given, further

    def __call__(self, *widths: int) -> dict[str, int]:
        names = (group.name for group in self.model.groups)
        keep = {name: torch.arange(width) for name, width in zip(names, widths, strict=True)}
        small = self.model.compact(keep=keep)
        products = matrix_multiply_adds(small, *self.given, **self.further)
        return {
            "parameters": num_parameters(small),
            "multiply_adds": round(products / self.items),
        }


def _call_of(prepared: Prepared) -> tuple[int, tuple[Any, ...], Mapping[str, Any]]:
    """How many items an inference is counted on, and what the model is called with."""
    if isinstance(prepared, PreparedEdges):
        return 1, *prepared.call
    if isinstance(prepared, PreparedGraphs):
        return prepared.counted.numel(), *prepared.arguments(prepared.graphs.take(prepared.counted))
    assert isinstance(prepared, PreparedImages)
    images = prepared.images
    return 1, (images.standardised(images.test[:1]),), {}


class _RatingCost:
    """Likewise, for the mean test pair."""

    def __init__(self, model: IGMC, prepared: PreparedRatings) -> None:
        self.model = model
        self.work = prepared.workload
        self.groups = model.channel_groups()

    def __call__(self, *widths: int) -> dict[str, int]:
        small = self.model.compact(_prefixes(self.groups, widths))
        return {
            "parameters": num_parameters(small),
            "multiply_adds": round(small.multiply_adds(self.work) / self.work.pairs),
        }


def _prefixes(groups: Sequence[ChannelGroup], widths: Sequence[int]) -> dict[str, torch.Tensor]:
    """The first channels of every gated group, and the whole of the others."""
    left = iter(widths)
    return {
        group.name: torch.arange(group.num_channels if group.gate is None else next(left))
        for group in groups
    }
