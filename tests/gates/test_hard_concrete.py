"""The hard concrete gate: formula against code, probability against count, one sample a pass."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from graphdam.gates import HardConcreteGate


def gate_with(log_alpha: Tensor, *, min_width: int = 1) -> HardConcreteGate:
    gate = HardConcreteGate(log_alpha.numel(), min_width=min_width)
    with torch.no_grad():
        gate.log_alpha.copy_(log_alpha)
    return gate


def gradient(scalar: Tensor, gate: HardConcreteGate) -> Tensor:
    return torch.autograd.grad(scalar, gate.log_alpha)[0]


def test_a_sample_is_the_formula_of_the_paper() -> None:
    # the first channel is held open, and is not random
    log_alpha = torch.cat([torch.tensor([9.0]), torch.linspace(-4, 4, 300)])
    gate = gate_with(log_alpha)
    torch.manual_seed(5)
    values = gate.values().tolist()
    torch.manual_seed(5)
    uniform = torch.rand(301).tolist()
    seen = set()
    for channel in range(1, 301):
        u, a = uniform[channel], math.exp(log_alpha[channel].item())
        s = 1 / (1 + math.exp(-(math.log(u) - math.log(1 - u) + math.log(a)) / (2 / 3)))
        expected = min(1.0, max(0.0, s * (1.1 - -0.1) + -0.1))
        assert values[channel] == pytest.approx(expected, abs=1e-5), channel
        seen.add(0 if expected == 0 else 1 if expected == 1 else 0.5)
    assert seen == {0, 0.5, 1}


@pytest.mark.parametrize("log_alpha", [-4.5, -1.5, 0.0, 2.0])
def test_the_penalty_is_the_share_of_samples_that_are_open(log_alpha: float) -> None:
    count = 100_000
    gate = gate_with(torch.full((count,), log_alpha))
    share = (gate.values() > 0).float().mean().item()
    probability = gate.penalty().item()
    assert share == pytest.approx(probability, abs=4 * math.sqrt(probability / count))
    assert probability == pytest.approx(1 / (1 + math.exp(-log_alpha) * (1 / 11) ** (2 / 3)), 1e-3)


def test_fixed_values_by_hand() -> None:
    """σ(log a) = 1/2, 3/4, 1/6, 11/12, 1/12 and beyond."""
    odds = torch.tensor([1.0, 3.0, 1 / 5, 11.0, 1 / 12, 100.0])
    gate = gate_with(odds.log()).eval()
    expected = torch.tensor([0.5, 0.8, 0.1, 1.0, 0.0, 1.0])
    torch.testing.assert_close(gate.values().detach(), expected)
    assert gate.keep().tolist() == [0, 1, 2, 3, 5]
    assert gate.ranking().tolist() == [5, 3, 1, 0, 2, 4]


@pytest.mark.parametrize("initial_open", [0.32, 0.5, 0.9, 0.999])
def test_every_channel_starts_open_with_the_probability_asked_for(initial_open: float) -> None:
    gate = HardConcreteGate(100, initial_open=initial_open)
    assert gate.width == 100
    sampled = gate.log_alpha.detach()[1:]  # the first is held open
    expected = torch.sigmoid(sampled - 2 / 3 * math.log(0.1 / 1.1))
    torch.testing.assert_close(expected, torch.full((99,), initial_open))


def test_training_draws_anew_and_evaluation_does_not() -> None:
    gate = HardConcreteGate(50)
    assert not torch.equal(gate.values(), gate.values())
    assert not torch.equal(gate(torch.ones(1, 50)), gate(torch.ones(1, 50)))
    gate.eval()
    assert torch.equal(gate.values(), gate.values())


def test_a_drawn_sample_stays_until_the_next_and_follows_log_a() -> None:
    gate = HardConcreteGate(50)
    gate.draw_sample()
    first = gate.values()
    assert torch.equal(gate.values(), first)
    assert torch.equal(gate(torch.ones(1, 50))[0], first)
    with torch.no_grad():
        gate.log_alpha.add_(0.5)
    assert bool((gate.values() >= first).all())
    assert not torch.equal(gate.values(), first)
    gate.draw_sample()
    assert not torch.equal(gate.values(), first)
    gate.eval().draw_sample()
    gate.train()
    assert not torch.equal(gate.values(), gate.values())


def test_a_sample_is_no_part_of_the_state() -> None:
    gate = HardConcreteGate(3)
    gate.draw_sample()
    assert set(gate.state_dict()) == {"log_alpha"}


@pytest.mark.parametrize("min_width", [1, 3])
def test_no_sample_has_fewer_channels_than_the_minimum(min_width: int) -> None:
    gate = gate_with(torch.tensor([-60.0, -50.0, -70.0, -40.0]), min_width=min_width)
    held = gate.ranking()[:min_width]
    closed = gate.ranking()[min_width:]
    for _ in range(50):
        values = gate.values()
        assert values[held].tolist() == [0.5] * min_width
        assert values[closed].tolist() == [0.0] * (4 - min_width)
    assert gate.width == min_width


def test_a_channel_that_is_held_open_is_not_penalised_and_hears_the_task() -> None:
    gate = gate_with(torch.tensor([-3.0, -1.0, -2.0]))
    penalised = gradient(gate.penalty(), gate)
    assert penalised[1] == 0
    assert bool((penalised[[0, 2]] > 0).all())
    heard = gradient(gate.values().sum(), gate)
    assert heard[1] == pytest.approx(1.2 * 0.25)  # the slope of 1.2 σ at 0
    far_below = gate_with(torch.tensor([-0.1, -4.7]))
    assert gradient(far_below.penalty(), far_below).tolist() == [0, 0]
    above = gate_with(torch.tensor([2.0, 1.0]))
    assert bool((gradient(above.penalty(), above) > 0).all())


def test_the_penalty_closes_what_the_task_does_not_read() -> None:
    torch.manual_seed(1)
    x = torch.randn(200, 6)
    y = x[:, :2] @ torch.tensor([2.0, -1.5])
    gate, reader = HardConcreteGate(6), nn.Linear(6, 1)
    optimiser = torch.optim.Adam([*gate.parameters(), *reader.parameters()], lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        loss = ((reader(gate(x)).squeeze(-1) - y) ** 2).mean()
        (loss + 0.5 * gate.penalty()).backward()
        optimiser.step()
    assert gate.keep().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        *[
            (
                lambda share=share: HardConcreteGate(4, initial_open=share),
                "initial_open must lie between 0.31, below which every channel would start "
                f"closed, and 1, which no finite log a reaches; received {share}.",
            )
            for share in (0.31, 1.0, 0.0, float("nan"))
        ],
        (
            lambda: HardConcreteGate(4, min_width=5),
            "min_width must lie in 1 … 4 (the number of channels), received 5.",
        ),
    ],
)
def test_refusals(make: Callable[[], HardConcreteGate], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        make()
    assert str(caught.value) == message
