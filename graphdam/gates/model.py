"""The gates of a whole model: their widths, their penalty, their place in the optimiser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphdam.gates.gate import Gate


def gates_of(model: nn.Module) -> dict[str, Gate]:
    """Every gate of the model by its module path, in order; a shared gate once."""
    return {path: module for path, module in model.named_modules() if isinstance(module, Gate)}


def widths_of(model: nn.Module) -> list[int]:
    """The number of open channels of every gate."""
    return [gate.width for gate in gates_of(model).values()]


def width_penalty(model: nn.Module) -> Tensor:
    r"""The mean of the gates' penalties: for DAM :math:`\frac1L \sum_l \beta_l`, a scalar.

    Zero for a model without gates. No gate's penalty grows with its number of channels, so every
    layer has an equal say.
    """
    penalties = [gate.penalty() for gate in gates_of(model).values()]
    if not penalties:
        return torch.zeros(())
    return torch.stack(penalties).mean()


def parameter_groups(
    model: nn.Module, *, lr: float, gate_lr: float, weight_decay: float = 0.0
) -> list[dict[str, Any]]:
    """Optimiser groups that keep the gates' parameters apart from the weights.

    What a gate learns is not a weight. Decay would pull DAM's offset and the hard concrete's
    log a towards 0, which reopens channels, and press on the L1 scale beside its penalty. And
    under Adam each moves by about its learning rate a step, so it needs its own.

    Args:
        model: a model, gated or not.
        lr: learning rate of the weights.
        gate_lr: learning rate of the gates' parameters.
        weight_decay: of the weights; the gates' is always 0.

    Returns:
        One group for the weights, and one for the gates where there are any.
    """
    gate_parameters = [p for gate in gates_of(model).values() for p in gate.parameters()]
    of_gates = {id(parameter) for parameter in gate_parameters}
    weights = [p for p in model.parameters() if id(p) not in of_gates]
    groups: list[dict[str, Any]] = [{"params": weights, "lr": lr, "weight_decay": weight_decay}]
    if gate_parameters:
        groups.append({"params": gate_parameters, "lr": gate_lr, "weight_decay": 0.0})
    return groups
