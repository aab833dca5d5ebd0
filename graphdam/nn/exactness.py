"""What may stand between a layer and its gate: the arrangements that are refused, and why."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch_geometric.nn.norm import (
    BatchNorm,
    GraphNorm,
    GraphSizeNorm,
    InstanceNorm,
    MeanSubtractionNorm,
)

from graphdam.compaction import slice_out
from graphdam.errors import InexactError

Activation = Callable[[Tensor], Tensor]

CHANNELWISE_NORMS = (
    nn.Identity,
    nn.BatchNorm1d,
    BatchNorm,
    GraphNorm,
    GraphSizeNorm,
    InstanceNorm,
    MeanSubtractionNorm,
)
"""Norms that treat every channel alone, so that channels can be removed."""

FOLDABLE_AGGREGATIONS = ("mean", "sum", "add", "max", "min")
r"""Aggregations with :math:`\mathrm{aggr}(g x) = g \, \mathrm{aggr}(x)` for g > 0, a channel."""


def check_norm(norm: nn.Module) -> None:
    """Refuse a norm whose statistics mix channels.

    Raises:
        InexactError: with the norm's name and what works instead.
    """
    if isinstance(norm, CHANNELWISE_NORMS):
        return
    names = ", ".join(kind.__name__ for kind in CHANNELWISE_NORMS[2:])
    raise InexactError(
        f"norm '{type(norm).__name__}' mixes channels, so the outputs would change when closed "
        f"channels are removed: use one that treats every channel alone ({names}), or gate=None."
    )


def check_activation(act: Activation | None, num_channels: int) -> None:
    """Refuse an activation that lets one channel change another, or the number of channels.

    The activation itself is asked, so that it need not be on a list: one channel of its input
    is changed and all others of its output must stay.

    Raises:
        InexactError: with the activation's name and what works instead.
    """
    if act is None or num_channels < 2:
        return
    if isinstance(act, nn.PReLU) and act.num_parameters > 1:
        raise InexactError(
            f"act 'PReLU' with num_parameters={act.num_parameters} is one module for layers whose "
            f"widths will differ: use num_parameters=1, or gate=None."
        )
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, num_channels, generator=generator)
    changed = x.clone()
    changed[:, 0] += torch.linspace(-3, 3, 8)
    before, after = _answers(act, x, changed)
    if before.shape != x.shape or not torch.equal(before[:, 1:], after[:, 1:]):
        raise InexactError(
            f"act '{_name(act)}' mixes channels, so the outputs would change when closed channels "
            f"are removed: use an elementwise activation such as 'relu', 'elu' or 'tanh', or "
            f"gate=None."
        )


def check_homogeneous(act: Activation | None) -> None:
    r"""Refuse an activation with :math:`\sigma(g x) \ne g \, \sigma(x)` for some g > 0.

    Where no layer reads what is gated, the gate's values go into the layer that writes it, and so
    through the activation. The activation itself is asked, for inputs from 1e-4 to 1e4.

    Raises:
        InexactError: with the activation's name and what works instead.
    """
    if act is None:
        return
    sizes = torch.logspace(-4, 4, 33)
    x = torch.cat([-sizes, sizes]).unsqueeze(1)
    whole, quarter = _answers(act, x, 0.25 * x)
    if torch.allclose(quarter, 0.25 * whole, rtol=1e-5, atol=0):
        return
    raise InexactError(
        f"act '{_name(act)}' at the output does not take a gate's values through, so they could "
        f"not be folded into the layer below: use 'relu', 'leaky_relu' or 'prelu', or "
        f"act_output=False."
    )


@torch.no_grad()
def _answers(act: Activation, *inputs: Tensor) -> list[Tensor]:
    """What an activation makes of each input in evaluation mode, whichever it is left in."""
    if not isinstance(act, nn.Module):
        return [act(x) for x in inputs]
    training = act.training
    act.eval()
    try:
        return [act(x) for x in inputs]
    finally:
        act.train(training)


def _name(act: Activation) -> str:
    return type(act).__name__ if isinstance(act, nn.Module) else getattr(act, "__name__", str(act))


def check_absorbs(norm: nn.Module, num_channels: int) -> None:
    """Refuse a norm that no gate's values can go into, by slicing it.

    Raises:
        InexactError: with the norm's name and what works instead.
    """
    if not isinstance(norm, nn.Identity):
        slice_out(norm, torch.arange(num_channels), torch.ones(num_channels))


def check_aggregation(aggr: object) -> None:
    """Refuse an aggregation that a gate's value cannot be moved across.

    Raises:
        InexactError: with the aggregation's name and what works instead.
    """
    if isinstance(aggr, str) and aggr in FOLDABLE_AGGREGATIONS:
        return
    raise InexactError(
        f"aggr {aggr!r} does not commute with a gate's values, so they could not be folded into "
        f"the layer: use one of {', '.join(FOLDABLE_AGGREGATIONS)}, or gate=None."
    )
