"""Run a model once on an example, and find out which of its channels go together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from graphdam.compaction.tracing.call import Records
from graphdam.compaction.tracing.follower import Follower
from graphdam.compaction.tracing.layers import rule_of
from graphdam.compaction.tracing.tracer import Tracer, sentence
from graphdam.errors import InexactError


def walk(model: nn.Module, example_inputs: tuple[Any, ...], skip: Collection[str] = ()) -> Records:
    """What is known of every layer's channels after one evaluation of the model.

    Args:
        model: in evaluation mode; it is run once and not changed.
        example_inputs: what it is called with.
        skip: paths of modules that are not looked into, and whose channels stay.

    Raises:
        InexactError: the model cannot be traced, as where its flow depends on its data.
    """
    module = Tracer(skip).traced(model, example_inputs)
    follower = Follower(module, model, skip, Records(pinned=_pinned(model)))
    placeholders = module.graph.find_nodes(op="placeholder")
    defaults = [node.args[0] if node.args else None for node in placeholders]
    leaves = tree_leaves(example_inputs)
    arguments = [*leaves, *defaults[len(leaves) :]]
    try:
        with torch.no_grad():
            follower.run(*arguments, enable_io_processing=False)
    except InexactError:
        raise
    except Exception as error:
        raise InexactError(
            f"{type(model).__name__} could not be run on example_inputs, in {follower.where}: "
            f"{sentence(error)} Give what the model is called with, as a tensor or a tuple."
        ) from error
    return follower.records


def _pinned(model: nn.Module) -> dict[str, str]:
    """Layers and tensors that cannot lose channels, and why."""
    modules = dict(model.named_modules())
    owners: dict[int, list[str]] = {}
    for path, module in modules.items():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                owners.setdefault(id(parameter), []).append(f"{path}.{name}" if path else name)
    pinned: dict[str, str] = {}
    for names in owners.values():
        for name in names if len(names) > 1 else ():
            others = " and ".join(f"'{other}'" for other in names if other != name)
            reason = f"'{name}' is the same parameter as {others}"
            pinned[name] = reason
            pinned[name.rpartition(".")[0]] = reason
    for path, module in modules.items():
        if rule_of(module) and (module._forward_pre_hooks or module._forward_hooks):
            pinned[path] = f"'{path}' has forward hooks, which may do anything"
    return pinned
