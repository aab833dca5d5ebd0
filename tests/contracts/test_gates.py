"""What every gate that a model can name must keep."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from graphdam.gates import Gate, gates_of, parameter_groups, width_penalty, widths_of
from graphdam.nn.gating import GATES

every_gate = pytest.mark.parametrize("kind", sorted(GATES))


def descend(gate: Gate, steps: int) -> None:
    """Follow the penalty's gradient only."""
    optimiser = torch.optim.Adam(gate.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        gate.penalty().backward()  # type: ignore[no-untyped-call]
        optimiser.step()


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
    descend(gate, 35)
    other.load_state_dict(gate.state_dict())
    assert torch.equal(gate.values(), other.values())
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
