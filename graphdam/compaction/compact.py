"""From a gated model to a smaller one that computes the same."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from graphdam.compaction.group import ChannelGroup
from graphdam.compaction.plan import CompactionPlan, plan_compaction
from graphdam.compaction.slicing import slice_in, slice_out


def compact_model(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    *,
    keep: Mapping[str, Tensor] | None = None,
) -> nn.Module:
    """A new model without closed channels and without gates, with the outputs of the given one.

    Equal in evaluation mode; where a norm takes its statistics from the batch, in training mode
    too. Gates become `Identity`, their values are folded into the layers that read them.

    Args:
        model: the gated model; not changed.
        groups: its channel groups: who writes, gates and reads which channels.
        keep: the channels to keep by group name, where they are not the gate's open ones.

    Raises:
        InexactError: see `plan_compaction` and the slicing rules.

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
    return apply_plan(model, plan_compaction(model, groups, keep=keep))


def apply_plan(model: nn.Module, plan: CompactionPlan) -> nn.Module:
    """Carry a plan out on a copy of the model."""
    small = copy.deepcopy(model)
    for step in plan.layers:
        layer = small.get_submodule(step.layer)
        if step.outputs is not None:
            layer = slice_out(layer, step.outputs.keep, step.outputs.scale)
        if step.inputs is not None:
            scale = step.inputs.scale
            if scale is None:
                scale = torch.ones(step.inputs.keep.numel(), dtype=torch.float64)
            layer = slice_in(layer, step.inputs.keep, scale)
        _set_submodule(small, step.layer, layer)
    for path in plan.gates:
        _set_submodule(small, path, nn.Identity())
    return small


def _set_submodule(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, module)
