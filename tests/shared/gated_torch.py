"""Gated models with random widths, and how far a compact model lies from one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphdam.compaction import GatedModel
from graphdam.gates import DAMGate, Gate, HardConcreteGate, L1Gate


def close_some(gate: Gate, generator: torch.Generator) -> None:
    """Close a random number of channels, at least one, whichever gate it is."""
    n = gate.num_channels
    width = int(torch.randint(1, n, (), generator=generator))
    with torch.no_grad():
        if isinstance(gate, DAMGate):
            gate.set_offset(gate.offset_of(width))
            return
        closed = torch.randperm(n, generator=generator)[width:]
        drawn = torch.rand(n, generator=generator, dtype=torch.float64)
        if isinstance(gate, L1Gate):
            gate.scale.copy_(drawn + 0.5)
            gate.scale[closed] = 0.01
        else:
            assert isinstance(gate, HardConcreteGate), "say how this gate closes some channels"
            gate.log_alpha.copy_(drawn)
            gate.log_alpha[closed] = -8.0


def close_at_random(gated: GatedModel, seed: int = 0) -> GatedModel:
    generator = torch.Generator().manual_seed(seed)
    for gate in gated.gates.values():
        assert isinstance(gate, Gate)
        close_some(gate, generator)
    return gated


def unsettled(model: nn.Module, seed: int = 0) -> nn.Module:
    """Nothing 0 or 1 by initialisation, which would hide a mistake; of a size that stays put."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if name.startswith("gates.") or not value.is_floating_point():
                continue
            drawn = torch.rand(value.shape, generator=generator, dtype=torch.float64)
            if name.endswith("running_var"):
                value.copy_(drawn + 0.5)
            elif value.dim() < 2 or bool((value == value.flatten()[0]).all()):
                value.copy_(drawn * 1.5 - 0.5)
    return model


def apart(one: nn.Module, other: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """The largest difference of the outputs in evaluation, in units of the largest output."""
    with torch.no_grad():
        a, b = one.eval()(*inputs), other.eval()(*inputs)
    assert a.shape == b.shape
    assert float(a.abs().max()) > 1e-3, "outputs of zero compare as equal"
    assert bool(a.isfinite().all())
    return float((a - b).abs().max() / a.abs().max())


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
