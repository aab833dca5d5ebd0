"""Carry out a compaction plan."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from graphdam.compaction.plan import CompactionPlan
from graphdam.compaction.slicing import select, slice_in, slice_out


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
        set_submodule(small, step.layer, layer)
    for tensor in plan.tensors:
        for axis, cut in enumerate(tensor.axes):
            cut_tensor(small, tensor.tensor, axis, cut.keep)
    for path in plan.gates:
        set_submodule(small, path, nn.Identity())
    return small


def set_submodule(model: nn.Module, path: str, module: nn.Module) -> None:
    """Put a module in the place of another, under every name that the model has for it."""
    old = model.get_submodule(path)
    for parent in list(model.modules()):
        for name, child in parent._modules.items():
            if child is old:
                parent._modules[name] = module


def cut_tensor(model: nn.Module, path: str, axis: int, keep: Tensor) -> None:
    """Replace a parameter or buffer of the model by the kept part of it."""
    home, _, name = path.rpartition(".")
    owner = model.get_submodule(home)
    if name in owner._parameters:
        owner._parameters[name] = select(owner._parameters[name], axis, keep)
    else:
        buffer = owner._buffers[name]
        assert buffer is not None
        owner._buffers[name] = buffer.index_select(axis, keep.to(buffer.device))
