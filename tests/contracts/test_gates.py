"""What every gate that a model can name must keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from graphdam.compaction import ChannelGroup, Consumer, compact_model, deviation
from graphdam.gates import (
    DAMGate,
    Gate,
    HardConcreteGate,
    L1Gate,
    gates_of,
    parameter_groups,
    width_penalty,
    widths_of,
)
from graphdam.nn.gating import GATES, make_gate

every_gate = pytest.mark.parametrize("kind", sorted(GATES))


def descend(gate: Gate, steps: int) -> None:
    """Follow the penalty's gradient only, and look at what evaluation will see."""
    optimiser = torch.optim.Adam(gate.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        gate.penalty().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    gate.eval()


def close_some(gate: Gate) -> list[int]:
    """Close about half of the channels of a gate of 12; what stays open."""
    with torch.no_grad():
        if isinstance(gate, DAMGate):
            gate.set_offset(gate.offset_of(5))
            return [0, 1, 2, 3, 4]
        grades = torch.tensor([0, 8, 3, 0, 9, 2, 0, 0, 0, 7, 0, 0]) / 6
        if isinstance(gate, L1Gate):
            gate.scale.copy_(grades * torch.tensor([1.0, -1.0]).repeat(6) + 0.01)
        else:
            assert isinstance(gate, HardConcreteGate), "say how this gate closes some channels"
            gate.log_alpha.copy_(4 * grades - 3)
    return [1, 2, 4, 5, 9]


@every_gate
def test_a_new_gate_is_open(kind: str) -> None:
    gate = GATES[kind](12)
    assert gate.num_channels == gate.width == 12
    assert gate.keep().tolist() == list(range(12))


@every_gate
@pytest.mark.parametrize("steps", [0, 20, 35, 500])
def test_values_keep_and_width_say_the_same(kind: str, steps: int) -> None:
    gate = GATES[kind](12)
    descend(gate, steps)
    values = gate.values()
    assert values.shape == (12,)
    assert bool((values >= 0).all())
    assert gate.keep().dtype == torch.int64
    assert torch.equal(gate.keep(), values.nonzero().squeeze(-1))
    assert gate.width == gate.keep().numel() >= 1


@every_gate
def test_descent_on_the_penalty_closes_channels(kind: str) -> None:
    gate = GATES[kind](12)
    descend(gate, 500)
    assert gate.width < 12


@every_gate
def test_penalty_and_values_reach_the_parameters(kind: str) -> None:
    gate = GATES[kind](12)
    for scalar in (gate.penalty(), gate.values().sum()):
        assert scalar.shape == ()
        gradients = torch.autograd.grad(scalar, list(gate.parameters()), allow_unused=True)
        assert any(gradient is not None and bool(gradient.any()) for gradient in gradients)


@every_gate
@settings(deadline=None, max_examples=30)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_forward_multiplies_along_its_dimension(
    kind: str, shape: list[int], data: st.DataObject
) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    gate = GATES[kind](shape[dim], dim=dim)
    descend(gate, 20)
    x = torch.randn(shape)
    moved = x.movedim(dim, -1) * gate.values()
    torch.testing.assert_close(gate(x), moved.movedim(-1, dim))


@every_gate
def test_the_final_values_are_those_of_evaluation_in_training_too(kind: str) -> None:
    gate = GATES[kind](12)
    expected = close_some(gate)
    random = torch.get_rng_state()
    in_training, keep = gate.final_values(), gate.keep()
    assert torch.equal(gate.eval().values(), in_training)
    assert torch.equal(gate(torch.ones(3, 12))[1], in_training)
    assert torch.equal(torch.get_rng_state(), random)
    assert keep.tolist() == expected
    assert gate.width == 5


@every_gate
def test_the_ranking_holds_every_channel_once_and_the_open_ones_first(kind: str) -> None:
    gate = GATES[kind](12)
    assert gate.ranking().tolist() == list(range(12))
    close_some(gate)
    ranking = gate.ranking()
    assert ranking.sort().values.tolist() == list(range(12))
    assert ranking[: gate.width].sort().values.tolist() == gate.keep().tolist()
    best = gate.final_values()[ranking]
    assert bool((best[1:] <= best[:-1]).all())


@every_gate
@pytest.mark.parametrize("min_width", [1, 3, 12])
def test_the_minimum_width_is_kept(kind: str, min_width: int) -> None:
    gate = make_gate(kind, 12, {"min_width": min_width})
    close_some(gate)
    descend(gate, 500)
    assert torch.equal(gate.keep(), gate.ranking()[:min_width].sort().values)
    assert bool((gate.train().values()[gate.keep()] > 0).all())
    with pytest.raises(ValueError, match=r"min_width must lie in 1 … 12 \(the number of channels"):
        make_gate(kind, 12, {"min_width": 13})


@every_gate
def test_a_layer_at_its_minimum_widens_again_where_the_task_asks_for_it(kind: str) -> None:
    gate = GATES[kind](12)
    descend(gate, 500)
    assert gate.width == 1
    optimiser = torch.optim.Adam(gate.parameters(), lr=0.1)
    gate.train()
    for _ in range(300):
        optimiser.zero_grad()
        ((gate(torch.ones(1, 12)) - 1) ** 2).sum().backward()
        optimiser.step()
    assert gate.width > 6


@every_gate
def test_every_gradient_is_finite_and_the_penalty_reaches_closed_channels(kind: str) -> None:
    gate = GATES[kind](12)
    close_some(gate)
    for scalar in (gate.penalty(), gate(torch.randn(4, 12)).square().sum()):
        for gradient in torch.autograd.grad(scalar, list(gate.parameters())):
            assert bool(gradient.isfinite().all())
    for gradient in torch.autograd.grad(gate.penalty(), list(gate.parameters())):
        assert bool((gradient > 0).any() if gradient.dim() == 0 else gradient.ne(0).all())


@every_gate
def test_a_gate_moves_to_double_precision(kind: str) -> None:
    gate = GATES[kind](12)
    close_some(gate)
    single, keep = gate.final_values(), gate.keep()
    gate.double()
    for mode in (True, False):
        gate.train(mode)
        gate.draw_sample()
        assert gate.values().dtype == gate.penalty().dtype == torch.float64
        assert gate(torch.ones(2, 12, dtype=torch.float64)).dtype == torch.float64
    torch.testing.assert_close(gate.values(), single.double(), rtol=1e-5, atol=1e-6)
    assert torch.equal(gate.keep(), keep)


@every_gate
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_is_open_does_not_depend_on_the_models_precision(
    kind: str, dtype: torch.dtype
) -> None:
    model = nn.Sequential(nn.Linear(3, 12), GATES[kind](12))
    gate: Any = model[1]
    close_some(gate)
    single, keep, ranking = gate.final_values(), gate.keep(), gate.ranking()
    model.to(dtype)
    assert torch.equal(gate.final_values(), single)
    assert torch.equal(gate.keep(), keep)
    assert torch.equal(gate.ranking(), ranking)
    out = model(torch.ones(2, 3, dtype=dtype))
    assert out.dtype == dtype
    out.sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in gate.parameters())
    assert gate.to("meta").values().device.type == "meta"


class MLP(nn.Module):
    """A gated hidden layer of 12 channels."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.read, self.norm = nn.Linear(5, 12), nn.BatchNorm1d(12)
        self.gate, self.write = GATES[kind](12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.write(self.gate(torch.sigmoid(self.norm(self.read(x)))))
        return out


HIDDEN = ChannelGroup(
    "hidden", 12, ("read",), (Consumer("write"),), followers=("norm",), gate="gate"
)


def unscaled(small: Any, wide: MLP) -> None:
    small.write.weight = nn.Parameter(wide.write.weight.detach()[:, wide.gate.keep()])


def prefix(small: Any, wide: MLP) -> None:
    small.read.weight = nn.Parameter(wide.read.weight.detach()[:5] * 1.0)
    small.read.bias = nn.Parameter(wide.read.bias.detach()[:5] + 0.1)


@every_gate
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("spoil", [unscaled, prefix])
def test_compaction_is_exact_and_a_wrong_rule_is_noticed(
    kind: str, training: bool, spoil: Callable[[Any, MLP], None]
) -> None:
    """Whichever mode the model is in when it is compacted: evaluation is what must be equal."""
    wide, x = MLP(kind).double().train(training), torch.randn(20, 5, dtype=torch.float64)
    close_some(wide.gate)
    small = compact_model(wide, [HIDDEN])
    assert gates_of(small) == {}
    assert deviation(wide, small, x, relative=True) < 1e-12
    spoil(small, wide)
    assert deviation(wide, small, x, relative=True) > 1e-3


@every_gate
def test_a_closed_channel_is_zero_for_every_input(kind: str) -> None:
    gate = GATES[kind](12)
    descend(gate, 500)
    out = gate(1e6 * torch.randn(100, 12))
    closed = torch.ones(12, dtype=torch.bool)
    closed[gate.keep()] = False
    assert bool(closed.any())
    assert bool((out[:, closed] == 0).all())


@every_gate
def test_reset_opens_it_again(kind: str) -> None:
    gate = GATES[kind](12)
    descend(gate, 500)
    gate.reset_parameters()
    assert gate.width == 12


@every_gate
def test_the_dtype_of_the_input_is_kept(kind: str) -> None:
    gate = GATES[kind](4)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        assert gate(torch.ones(2, 4, dtype=dtype)).dtype == dtype


@every_gate
def test_a_state_restores_the_gate(kind: str) -> None:
    gate, other = GATES[kind](12), GATES[kind](12)
    close_some(gate)
    other.load_state_dict(gate.state_dict())
    assert torch.equal(gate.eval().values(), other.eval().values())
    assert gate.width == other.width


@every_gate
def test_a_wrong_number_of_channels_is_refused(kind: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        GATES[kind](12)(torch.ones(3, 5))
    assert str(caught.value) == (
        "The gate has 12 channels, but dimension -1 of the input has 5 (shape (3, 5))."
    )
    with pytest.raises(ValueError, match=r"A gate needs at least one channel, received 0\."):
        GATES[kind](0)


@every_gate
def test_a_model_counts_it(kind: str) -> None:
    gate = GATES[kind](12)
    model = nn.Sequential(nn.Linear(3, 12), gate, gate)
    assert list(gates_of(model)) == ["1"]
    assert widths_of(model) == [12]
    torch.testing.assert_close(width_penalty(model), gate.penalty())
    of_gates = parameter_groups(model, lr=0.1, gate_lr=0.2)[1]
    assert [id(p) for p in of_gates["params"]] == [id(p) for p in gate.parameters()]
    assert repr(gate) == f"{type(gate).__name__}(12, width=12)"


@every_gate
def test_the_last_channel_closes_where_that_is_allowed(kind: str) -> None:
    gate = GATES[kind](12)
    descend(gate, 500)
    assert gate.width == 1
    gate.allow_closing()
    descend(gate, 500)
    for mode in (True, False):
        gate.train(mode)
        assert gate.width == gate.keep().numel() == 0
        assert bool(gate.penalty().isfinite())
    assert not gate(torch.randn(4, 12)).any()
    gate.reset_parameters()
    assert gate.width == 12
