"""A residual branch may lose every channel; what every way leads through may not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gated_torch import apart, unsettled
from torch import Tensor, nn
from torch_models import MODELS, example

from graphdam import attach_gates
from graphdam.compaction import GatedModel
from graphdam.errors import InexactError, SettingsError
from graphdam.gates import GATES, Gate, gates_of

VANISHING = {
    "MLP": [],
    "ResNet, basic": ["layers.0.conv1", "layers.1.conv1"],
    "ResNet, bottleneck": [f"layers.{at}.conv{conv}" for at in (0, 1) for conv in (1, 2)],
    "PreResNet": ["layers.0.conv1", "layers.1.conv1"],
    "MobileNetV2 with squeeze and excitation": ["3.conv.0", "4.conv.6.fc1"],
    "DenseNet": [],
    "Mixer": ["tokens.0", "channels.0"],
    "words": [],
    "heads": [],
}


@pytest.mark.parametrize("name", VANISHING)
def test_a_group_may_vanish_where_another_way_leads_around_it(name: str) -> None:
    gated = attach_gates(MODELS[name](), example(name, torch.float32))
    assert [group.name for group in gated.groups if group.can_vanish] == VANISHING[name]


def shut(gated: GatedModel) -> dict[str, Gate]:
    """Close every gate as far as it goes."""
    gates = gates_of(gated)
    with torch.no_grad():
        for gate in gates.values():
            for parameter in gate.parameters():
                parameter.fill_(-100.0 if type(gate) is not GATES["l1"] else 0.0)
    return gates


@pytest.mark.parametrize("kind", sorted(GATES))
@pytest.mark.parametrize("name", [name for name, groups in VANISHING.items() if groups])
def test_a_branch_without_channels_is_its_bias_exactly(name: str, kind: str) -> None:
    model = unsettled(MODELS[name]().double())
    gated = attach_gates(model, example(name), gate=kind, min_width=0).double()
    shut(gated)
    assert gated.widths == [0 if group.can_vanish else 1 for group in gated.groups]
    small = gated.compact()
    assert apart(gated, small, example(name)) < 1e-9
    assert apart(model, small, example(name)) > 1e-3
    for layer in small.modules():  # one channel stays in each, for torch to have something to run
        assert all(parameter.numel() for parameter in layer.parameters())
    assert gated.plan().widths == dict(
        zip([group.name for group in gated.groups], gated.widths, strict=True)
    )


def test_a_vanished_branch_adds_a_constant() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.second(self.first(x).sigmoid())  # type: ignore[no-any-return]

    gated = attach_gates(Residual(), torch.randn(2, 4), min_width=0)
    shut(gated)
    small: Any = gated.compact()
    x = torch.randn(9, 4)
    assert torch.equal(small(x), x + small.second.bias)
    assert (small.first.out_features, small.second.in_features) == (1, 1)
    assert not small.second.weight.any()


def test_of_two_ways_one_stays() -> None:
    class Parallel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
            self.other = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.one(x) + self.other(x)  # type: ignore[no-any-return]

    gated = attach_gates(Parallel(), torch.randn(2, 4), min_width=0)
    shut(gated)
    assert gated.widths == [0, 1]


def test_without_being_asked_one_channel_stays() -> None:
    name = "PreResNet"
    gated = attach_gates(MODELS[name](), example(name, torch.float32))
    shut(gated)
    assert gated.widths == [1, 1, 1]
    keep = torch.tensor([], dtype=torch.int64)
    with pytest.raises(InexactError, match=r"Group 'conv1' would keep 0 of its 6 channels"):
        gated.compact(keep={"conv1": keep})
    plan = gated.plan(keep={"layers.0.conv1": keep})
    assert plan.widths == {"conv1": 1, "layers.0.conv1": 0, "layers.1.conv1": 1}


def test_a_minimum_fits_every_group() -> None:
    gated = attach_gates(MODELS["U-Net"](), example("U-Net", torch.float32), min_width=7)
    shut(gated)
    assert gated.widths == [min(7, group.num_channels) for group in gated.groups]
    with pytest.raises(SettingsError, match=r"^min_width is 0 or more, received -1\.$"):
        attach_gates(MODELS["MLP"](), torch.randn(2, 6), min_width=-1)


def test_the_penalty_makes_a_branch_vanish() -> None:
    x = torch.randn(8, 3, 8, 8)
    gated = attach_gates(MODELS["PreResNet"](), x, min_width=0)
    optimiser = torch.optim.Adam(gated.gates.parameters(), lr=0.5)
    for _ in range(20):
        optimiser.zero_grad()
        gated.penalty().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert gated.widths == [1, 0, 0]
    (gated(x).square().mean() + gated.penalty()).backward()
    for parameter in gated.parameters():
        assert parameter.grad is None or bool(parameter.grad.isfinite().all())
