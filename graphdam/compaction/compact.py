"""From a gated model to a smaller one that computes the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from graphdam.compaction.apply import apply_plan
from graphdam.compaction.gated import GatedModel
from graphdam.compaction.group import ChannelGroup
from graphdam.compaction.plan import plan_compaction
from graphdam.errors import InexactError


def compact_model(
    model: nn.Module,
    groups: Sequence[ChannelGroup] | None = None,
    *,
    keep: Mapping[str, Tensor] | None = None,
) -> nn.Module:
    """A new model without closed channels and without gates, with the outputs of the given one.

    Equal in evaluation mode; where a norm takes its statistics from the batch, in training mode
    too. Gates become `Identity`, their values are folded into the layers that read them.

    Args:
        model: the gated model; not changed.
        groups: its channel groups: who writes, gates and reads which channels. A model that
            `attach_gates` returned knows them, and becomes a model of its user's own class.
        keep: the channels to keep by group name, where they are not the gate's open ones.

    Raises:
        InexactError: see `plan_compaction` and the slicing rules; no groups for a model that
            does not know its own.

    >>> import torch
    >>> from graphdam.compaction import Consumer, deviation
    >>> from graphdam.gates import DAMGate
    >>> gate = DAMGate(64, initial_offset=-4.0)
    >>> wide = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), gate, nn.Linear(64, 3))
    >>> groups = [ChannelGroup("hidden", 64, ("0",), (Consumer("3"),), gate="2")]
    >>> small = compact_model(wide, groups)
    >>> small[0].out_features
    12
    >>> deviation(wide, small, torch.randn(5, 8)) < 1e-5
    True
    """
    if groups is not None:
        return apply_plan(model, plan_compaction(model, groups, keep=keep))
    if not isinstance(model, GatedModel):
        raise InexactError(
            f"Which channels of this {type(model).__name__} go together is not known: name its "
            f"channel groups, or let graphdam.attach_gates find them and place the gates."
        )
    return model.compact(keep=keep)
