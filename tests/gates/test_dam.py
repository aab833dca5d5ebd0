"""The DAM gate: its closed form against a count, its formula, its laws, its minimum width."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdam.gates import DAMGate, offset_of_width, open_channels
from graphdam.gates.dam import position

quick = settings(deadline=None, max_examples=300)

TINY = float(np.finfo(np.float32).tiny)

SHAPES = [(1, 5.0), (2, 5.0), (3, 5.0), (7, 5.0), (10, 1.0), (16, 4.0), (49, 0.3), (50, 5.0)]
SHAPES += [(64, 5.0), (100, 7.0), (257, 5.0), (1433, 5.0)]


def count(gate: DAMGate) -> int:
    """The other path to a width: the gate's own positive values, one by one."""
    with torch.no_grad():
        return int((gate.values() > 0).sum())


def free_gate(num_channels: int, span: float) -> DAMGate:
    """A gate whose minimum width never acts: only the formula decides."""

    class Free(DAMGate):
        @property
        def lowest_offset(self) -> float:
            return -2 * self.span

    return Free(num_channels, span=span)


def offsets_around_thresholds(num_channels: int, span: float) -> list[float]:
    thresholds = np.array(
        [-position(index, num_channels, span) for index in range(num_channels)], dtype=np.float32
    )
    below = np.nextafter(thresholds, np.float32(-np.inf))
    above = np.nextafter(thresholds, np.float32(np.inf))
    neighbours = np.concatenate([below, thresholds, above])
    # the neighbours of 0 are subnormal, which a processor may flush to 0: take the normal ones
    return [float(value) for value in neighbours if abs(value) >= TINY or value == 0] + [
        -TINY,
        TINY,
    ]


@pytest.mark.parametrize(("num_channels", "span"), SHAPES)
def test_closed_form_is_the_count_at_and_beside_every_threshold(
    num_channels: int, span: float
) -> None:
    gate = free_gate(num_channels, span)
    for offset in offsets_around_thresholds(num_channels, span):
        gate.set_offset(offset)
        assert open_channels(gate.offset.item(), num_channels, span) == count(gate), offset


@pytest.mark.parametrize(("num_channels", "span"), SHAPES)
def test_closed_form_is_the_count_on_a_dense_grid(num_channels: int, span: float) -> None:
    gate = free_gate(num_channels, span)
    for offset in torch.linspace(-1.2 * span, 0.2 * span, 1201).tolist():
        gate.set_offset(offset)
        assert open_channels(gate.offset.item(), num_channels, span) == count(gate), offset


@quick
@given(
    num_channels=st.integers(1, 400),
    span=st.floats(0.01, 50),
    share=st.floats(-1.5, 0.5),
    steepness=st.sampled_from([0.1, 1.0, 31.0]),
)
def test_closed_form_is_the_count_anywhere(
    num_channels: int, span: float, share: float, steepness: float
) -> None:
    gate = free_gate(num_channels, span)
    gate.set_steepness(steepness)
    gate.set_offset(share * span if abs(share * span) > TINY else 0.0)
    assert open_channels(gate.offset.item(), num_channels, span) == count(gate)


def test_a_case_worked_by_hand() -> None:
    gate = DAMGate(4, span=4.0, initial_offset=-1.5, steepness=2.0)
    # positions 3, 2, 1, 0; minus 1.5: 1.5, 0.5, −0.5, −1.5
    expected = [math.tanh(3.0), math.tanh(1.0), 0.0, 0.0]
    assert gate.positions.tolist() == [3.0, 2.0, 1.0, 0.0]
    assert gate.values().tolist() == pytest.approx(expected, abs=1e-7)
    assert gate.width == 2
    assert gate.keep().tolist() == [0, 1]
    assert gate(torch.tensor([[10.0, 10.0, 10.0, 10.0]])).tolist() == [
        pytest.approx([10 * value for value in expected], abs=1e-5)
    ]


@quick
@given(num_channels=st.integers(1, 100), offset=st.floats(-7, 3), steepness=st.floats(0.1, 40))
def test_values_are_the_formula(num_channels: int, offset: float, steepness: float) -> None:
    gate = free_gate(num_channels, 5.0)
    gate.set_offset(offset)
    gate.set_steepness(steepness)
    positions = 5.0 * (num_channels - 1 - np.arange(num_channels)) / num_channels
    expected = np.maximum(np.tanh(steepness * (positions + offset)), 0)
    np.testing.assert_allclose(gate.values().detach().numpy(), expected, atol=1e-4)


@quick
@given(num_channels=st.integers(1, 100), offset=st.floats(-7, 3))
def test_open_channels_are_the_prefix_and_fall_with_the_index(
    num_channels: int, offset: float
) -> None:
    gate = DAMGate(num_channels)
    gate.set_offset(offset)
    values = gate.values().detach()
    assert torch.equal(values.nonzero().squeeze(-1), gate.keep())
    assert torch.equal(gate.keep(), torch.arange(gate.width))
    assert bool((values.diff() <= 0).all())


@quick
@given(num_channels=st.integers(1, 300), low=st.floats(-6, 1), step=st.floats(0, 3))
def test_width_is_monotone_in_the_offset(num_channels: int, low: float, step: float) -> None:
    below = open_channels(low, num_channels, 5.0)
    assert below <= open_channels(low + step, num_channels, 5.0)


@pytest.mark.parametrize(("num_channels", "span"), [(10, 5.0), (64, 5.0), (50, 2.0), (7, 1.0)])
def test_the_width_falls_by_n_over_k_a_unit_of_offset(num_channels: int, span: float) -> None:
    """The paper's theorem: between −k and 0 the slope is constant, so width is linear in β."""
    slope = num_channels / span
    for offset in np.linspace(-0.99 * span, 0, 500):
        straight = num_channels + slope * offset
        assert abs(open_channels(float(offset), num_channels, span) - straight) <= 1
    for channels in range(1, num_channels):
        step = channels / slope
        for offset in np.linspace(-span + step + 0.01 / slope, -0.01 / slope, 20):
            closed = open_channels(offset, num_channels, span) - open_channels(
                offset - step, num_channels, span
            )
            assert abs(closed - slope * step) <= 1 + 1e-9


@pytest.mark.parametrize("offset", [1.0, 0.0, -0.7, -2.5, -4.9])
def test_it_is_the_authors_gate_with_channels_counted_from_the_other_end(offset: float) -> None:
    num_channels, span = 50, 5.0
    authors = torch.relu(torch.tanh(torch.arange(num_channels) * span / num_channels + offset))
    gate = free_gate(num_channels, span)
    gate.set_offset(offset)
    torch.testing.assert_close(gate.values(), authors.flip(0))


@pytest.mark.parametrize("min_width", [1, 3, 10])
def test_at_the_minimum_the_task_reaches_the_offset_and_the_penalty_does_not(
    min_width: int,
) -> None:
    gate = DAMGate(10, min_width=min_width)
    for offset in (gate.lowest_offset - 1e-3, -10.0, -100.0):
        gate.set_offset(offset)
        assert gate.at_minimum
        (of_task,) = torch.autograd.grad(gate.values().sum(), gate.offset)
        (of_penalty,) = torch.autograd.grad(gate.penalty(), gate.offset)
        assert of_task > 0
        assert of_penalty == 0
        assert gate.penalty().item() == pytest.approx(gate.lowest_offset)


@pytest.mark.parametrize("width", range(2, 11))
def test_above_the_minimum_both_gradients_are_those_of_the_formula(width: int) -> None:
    gate = DAMGate(10)
    gate.set_offset(gate.offset_of(width))
    assert not gate.at_minimum
    (of_task,) = torch.autograd.grad(gate.values().sum(), gate.offset)
    (of_penalty,) = torch.autograd.grad(gate.penalty(), gate.offset)
    slope = (1 - gate.values()[:width] ** 2).sum()
    torch.testing.assert_close(of_task, slope.detach())
    assert of_penalty == 1


@quick
@given(
    num_channels=st.integers(1, 200),
    offset=st.floats(-1e9, 1e9, width=32),
    data=st.data(),
)
def test_the_minimum_width_holds_at_any_offset(
    num_channels: int, offset: float, data: st.DataObject
) -> None:
    min_width = data.draw(st.integers(1, num_channels))
    gate = DAMGate(num_channels, min_width=min_width)
    gate.set_offset(offset)
    assert gate.width >= min_width
    assert gate.width == count(gate)


@pytest.mark.parametrize("offset", [-1e3, -1e6, -1e8, -1e30])
def test_the_minimum_width_holds_where_float32_has_no_digits_left(offset: float) -> None:
    gate = DAMGate(64, min_width=2)
    gate.set_offset(offset)
    at_lowest = DAMGate(64, min_width=2)
    at_lowest.set_offset(at_lowest.lowest_offset)
    assert count(gate) == gate.width == 2
    torch.testing.assert_close(gate.values(), at_lowest.values())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_width_is_the_count_in_every_precision(dtype: torch.dtype) -> None:
    """Neighbouring thresholds lie 0.02 apart here, the numbers of bfloat16 0.03."""
    moved = DAMGate(256)
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        born = DAMGate(256)
    finally:
        torch.set_default_dtype(default)
    for width in range(1, 257):
        for gate in (born, moved.float()):
            gate.set_offset(gate.offset_of(width))
            gate.to(dtype)
            assert gate.width == count(gate) == width


@pytest.mark.parametrize(("num_channels", "span"), SHAPES)
def test_offset_of_width_and_open_channels_are_inverse(num_channels: int, span: float) -> None:
    gate = DAMGate(num_channels, span=span)
    assert open_channels(offset_of_width(0, num_channels, span), num_channels, span) == 0
    for width in range(1, num_channels + 1):
        assert open_channels(offset_of_width(width, num_channels, span), num_channels, span) == (
            width
        )
        gate.set_offset(gate.offset_of(width))
        assert gate.width == count(gate) == width


def test_a_fractional_width_lies_between_its_neighbours() -> None:
    between = offset_of_width(7.5, 64, 5.0)
    assert between == pytest.approx((offset_of_width(7, 64, 5.0) + offset_of_width(8, 64, 5.0)) / 2)


def test_steepness_hardens_the_survivors_and_leaves_the_width() -> None:
    gate = DAMGate(64)
    gate.set_offset(gate.offset_of(8))
    soft = gate.values().detach()
    gate.set_steepness(31.0)
    hard = gate.values().detach()
    assert soft[7] < 0.05
    assert hard[7] > 0.8
    assert bool((hard >= soft).all())
    assert gate.width == count(gate) == 8


def test_reset_opens_every_channel_again() -> None:
    gate = DAMGate(8, initial_offset=0.5, steepness=2.0)
    before = gate.values().detach()
    gate.set_offset(-3.0)
    gate.set_steepness(31.0)
    gate.reset_parameters()
    assert torch.equal(gate.values().detach(), before)
    assert gate.width == 8


def test_the_state_holds_offset_and_steepness_and_restores_the_values() -> None:
    gate, other = DAMGate(8), DAMGate(8)
    gate.set_offset(-2.0)
    gate.set_steepness(3.0)
    assert set(gate.state_dict()) == {"offset", "steepness"}
    other.load_state_dict(gate.state_dict())
    assert torch.equal(gate.values(), other.values())


@pytest.mark.parametrize("min_width", [1, 3])
def test_descending_on_the_penalty_alone_stops_at_the_minimum_width(min_width: int) -> None:
    gate = DAMGate(20, min_width=min_width)
    optimiser = torch.optim.SGD(gate.parameters(), lr=0.05)
    widths = []
    for _ in range(200):
        optimiser.zero_grad()
        gate.penalty().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        widths.append(gate.width)
    assert widths[0] == 20
    assert widths[-1] == min_width
    assert widths == sorted(widths, reverse=True)
    resting = gate.offset.item()
    assert gate.lowest_offset - 0.05 <= resting <= gate.lowest_offset


def test_a_layer_at_its_minimum_widens_again_where_the_task_asks_for_it() -> None:
    gate = DAMGate(10)
    gate.set_offset(-5.5)
    assert gate.width == 1
    optimiser = torch.optim.SGD(gate.parameters(), lr=0.5)
    for _ in range(100):
        optimiser.zero_grad()
        ((gate(torch.ones(1, 10)) - 1) ** 2).sum().backward()
        optimiser.step()
    assert gate.width > 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DAMGate(0), "A gate needs at least one channel, received 0."),
        (
            lambda: DAMGate(4, span=0.0),
            "A DAM gate needs a positive span and steepness, received span=0.0 and steepness=1.0.",
        ),
        (
            lambda: DAMGate(4, steepness=-1.0),
            "A DAM gate needs a positive span and steepness, received span=5.0 and steepness=-1.0.",
        ),
        (
            lambda: DAMGate(4, min_width=5),
            "min_width must lie in 1 … 4 (the number of channels), received 5.",
        ),
        (
            lambda: DAMGate(4, min_width=0),
            "min_width must lie in 1 … 4 (the number of channels), received 0.",
        ),
    ],
)
def test_refusals(make: Callable[[], DAMGate], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        make()
    assert str(caught.value) == message
