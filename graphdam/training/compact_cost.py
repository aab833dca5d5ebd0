"""What a compact model would cost at other widths than its gates have."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from graphdam.compaction import ChannelGroup, GatedModel
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.module_cost import matrix_multiply_adds
from graphdam.nn import IGMC, Encoder, ImageModel
from graphdam.nn.image_cost import PlannedCost
from graphdam.nn.surgery import compact
from graphdam.objectives import (
    Counted,
    Prepared,
    PreparedClasses,
    PreparedEdges,
    PreparedGraph,
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
        assert isinstance(prepared, PreparedEdges | PreparedClasses)
        return _OwnCost(model, prepared.counted)
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

    def __init__(self, model: GatedModel, counted: Counted) -> None:
        self.model = model
        self.counted = counted

    def __call__(self, *widths: int) -> dict[str, int]:
        names = (group.name for group in self.model.groups)
        keep = {name: torch.arange(width) for name, width in zip(names, widths, strict=True)}
        small = self.model.compact(keep=keep)
        return {
            "parameters": num_parameters(small),
            "multiply_adds": multiply_adds_an_item(small, self.counted),
        }


def multiply_adds_an_item(model: nn.Module, counted: Counted) -> int:
    """What a call costs, divided among its items."""
    products = matrix_multiply_adds(model, *counted.given, **counted.further)
    return round(products / counted.items)


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
