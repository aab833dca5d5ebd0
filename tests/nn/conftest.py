"""A small directed graph with every awkward thing in it, and encoders with nothing hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdam.gates import DAMGate, Gate
from graphdam.nn import Encoder
from graphdam.nn.gating import GATES

NUM_NODES, NUM_FEATURES = 24, 7


@pytest.fixture(autouse=True)
def same_start() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def edge_index() -> Tensor:
    """Directed, unsorted, with self-loops on some nodes; the last two nodes are isolated."""
    generator = torch.Generator().manual_seed(3)
    linked = NUM_NODES - 2
    code = torch.randperm(linked * linked, generator=generator)[:70]
    loops = torch.tensor([0, 5, 9]) * (linked + 1)
    code = torch.cat([code[~torch.isin(code, loops)], loops])
    code = code[torch.randperm(code.numel(), generator=generator)]
    return torch.stack([code // linked, code % linked])


@pytest.fixture
def edge_weight(edge_index: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.rand(edge_index.size(1), generator=generator, dtype=torch.float64) + 0.5


@pytest.fixture
def x() -> Tensor:
    """Features of which two thirds are zero."""
    generator = torch.Generator().manual_seed(5)
    dense = torch.randn(NUM_NODES, NUM_FEATURES, generator=generator, dtype=torch.float64)
    return dense * (torch.rand(dense.shape, generator=generator) < 0.34)


@pytest.fixture
def shake() -> Callable[..., Any]:
    """Random parameters and statistics in float64, gates closed to given widths.

    Fresh biases are 0 and fresh variances 1: they would hide a rule that forgets them.
    """

    def shaken(encoder: Encoder, widths: Sequence[int] = (), *, seed: int = 0) -> Encoder:
        generator = torch.Generator().manual_seed(seed)
        encoder.double()
        with torch.no_grad():
            for name, value in encoder.state_dict().items():
                if name.startswith("gates.") or not value.is_floating_point():
                    continue
                fresh = torch.randn(value.shape, generator=generator, dtype=value.dtype)
                value.copy_(fresh.abs() + 0.5 if name.endswith("running_var") else fresh * 0.6)
        for index, gate in enumerate(encoder.gates):
            if widths and isinstance(gate, DAMGate):
                width = min(widths[index % len(widths)], gate.num_channels)
                gate.set_offset(gate.offset_of(width))
        return encoder

    return shaken


class ChosenGate(Gate):
    """Values as they were set, open channels anywhere: not only DAM's prefix."""

    chosen: Tensor

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels)
        self.register_buffer("chosen", torch.empty(num_channels))
        self.reset_parameters()

    def values(self) -> Tensor:
        return self.chosen

    def penalty(self) -> Tensor:
        return self.chosen.sum()

    def reset_parameters(self) -> None:
        self.chosen.copy_(torch.linspace(0.4, 1.7, self.num_channels))
        self.chosen[:: 2 if self.num_channels % 2 else 3] = 0.0
        self.chosen[-1] = 0.7


@pytest.fixture
def chosen_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `gate="chosen"` known to encoders."""
    monkeypatch.setitem(GATES, "chosen", ChosenGate)
