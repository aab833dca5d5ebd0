"""A trained model without its smallest filters, really smaller."""

from __future__ import annotations

from functools import partial

from graphdam.baselines import largest_filters, largest_gated_filters
from graphdam.nn import Encoder, ImageModel
from graphdam.nn.surgery import compact
from graphdam.training.model import Model


def without_smallest_filters(model: Model, removed: float) -> Model:
    """A smaller model: every layer loses this share of its channels, those of least L1 norm.

    Args:
        model: without gates; not changed.
        removed: at least 0 and below 1.
    """
    if isinstance(model, ImageModel):
        return model.keeping(partial(largest_gated_filters, removed=removed))
    assert isinstance(model, Encoder)  # settings refuse it for ratings
    return compact(model, largest_filters(model, model.channel_groups(), removed=removed))
