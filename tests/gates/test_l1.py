"""The L1 gate: its formula, its threshold, its penalty and what holds it open."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphdam.gates import L1Gate


def gate_with(scales: list[float], *, threshold: float = 0.1, min_width: int = 1) -> L1Gate:
    gate = L1Gate(len(scales), threshold=threshold, min_width=min_width)
    with torch.no_grad():
        gate.scale.copy_(torch.tensor(scales))
    return gate


def gradient(scalar: Tensor, gate: L1Gate) -> list[float]:
    return torch.autograd.grad(scalar, gate.scale)[0].tolist()


@given(scales=st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=20), data=st.data())
def test_the_values_are_the_formula_channel_by_channel(
    scales: list[float], data: st.DataObject
) -> None:
    min_width = data.draw(st.integers(1, len(scales)))
    gate = gate_with(scales, min_width=min_width)
    held = sorted(range(len(scales)), key=lambda channel: -abs(scales[channel]))[:min_width]
    expected = []
    for channel, scale in enumerate(scales):
        value = abs(scale) if torch.tensor(scale).abs() > 0.1 else 0.0
        expected.append(max(abs(scale), 0.1) if channel in held else value)
    assert torch.equal(gate.values().detach(), torch.tensor(expected))
    assert gate.width == sum(value > 0 for value in expected)


def test_a_case_worked_by_hand() -> None:
    gate = gate_with([0.05, -0.8, 0.5, 0.0])
    torch.testing.assert_close(gate.values().detach(), torch.tensor([0.0, 0.8, 0.5, 0.0]))
    assert gate.keep().tolist() == [1, 2]
    assert gate.ranking().tolist() == [1, 2, 0, 3]
    assert gate.penalty().item() == pytest.approx(1.35 / 4)
    assert gradient(gate.penalty(), gate) == [0.25, -0.25, 0.25, 0.0]


def test_the_penalty_of_a_new_layer_is_one_whatever_its_width() -> None:
    for num_channels in (1, 7, 64):
        gate = L1Gate(num_channels)
        assert gate.penalty().item() == pytest.approx(1.0)
        assert sum(gradient(gate.penalty(), gate)) == pytest.approx(1.0)


def test_the_task_reaches_closed_channels_as_if_they_were_open() -> None:
    gate = gate_with([0.05, -0.8, 0.5, -0.02])
    pull = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert gradient((gate.values() * pull).sum(), gate) == [1.0, -2.0, 3.0, -4.0]


def test_a_scale_that_is_held_open_is_not_penalised_below_the_threshold() -> None:
    gate = gate_with([0.01, -0.06, 0.03, 0.05], min_width=2)
    torch.testing.assert_close(gate.values().detach(), torch.tensor([0.0, 0.1, 0.0, 0.1]))
    assert gate.penalty().item() == pytest.approx((0.01 + 0.1 + 0.03 + 0.1) / 4)
    assert gradient(gate.penalty(), gate) == [0.25, 0.0, 0.25, 0.0]
    assert gradient(gate.values().sum(), gate) == [1.0, -1.0, 1.0, 1.0]


def test_channels_that_the_task_needs_stay_open_and_the_others_close() -> None:
    """Least squares with an L1 penalty: s = max(0, target − λ/2), worked by hand."""
    target = torch.tensor([1.5, 0.0, 0.9, 0.1, 0.0])
    gate = L1Gate(5)
    optimiser = torch.optim.SGD([gate.scale], lr=0.01)
    for _ in range(2000):
        optimiser.zero_grad()
        loss = ((gate.values() - target) ** 2).sum() + 5 * 0.4 * gate.penalty()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert gate.keep().tolist() == [0, 2]
    torch.testing.assert_close(
        gate.values().detach(), torch.tensor([1.3, 0.0, 0.7, 0.0, 0.0]), rtol=0, atol=1e-3
    )


def test_the_state_holds_the_scales() -> None:
    assert set(L1Gate(3).state_dict()) == {"scale"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        *[
            (
                lambda threshold=threshold: L1Gate(4, threshold=threshold),
                "The threshold of an L1 gate must lie between 0, where nothing would ever close, "
                f"and 1, where every scale starts; received {threshold}.",
            )
            for threshold in (0.0, 1.0, -0.5, float("nan"))
        ],
        (
            lambda: L1Gate(4, min_width=0),
            "min_width must lie in 1 … 4 (the number of channels), received 0.",
        ),
    ],
)
def test_refusals(make: Callable[[], L1Gate], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        make()
    assert str(caught.value) == message
