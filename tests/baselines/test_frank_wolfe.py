"""Stochastic Frank-Wolfe: the update written out, feasibility, and what it refuses."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdam.baselines import FrankWolfe, L2Ball, balls_of, make_ball
from graphdam.baselines.frank_wolfe import Rescaling
from graphdam.baselines.norm_balls import BallKind
from graphdam.errors import SettingsError


def net(seed: int = 0, hidden: int = 8) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 16, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 3),
    )


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(12, 1, 6, 6, generator=generator), torch.arange(12) % 3


def descend(model: nn.Module, optimiser: torch.optim.Optimizer) -> float:
    x, y = batch()
    optimiser.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return float(loss.detach())


@pytest.mark.parametrize("rescaling", get_args(Rescaling))
def test_three_steps_are_the_formula_written_out(rescaling: Rescaling) -> None:
    weight, gradients = nn.Parameter(torch.tensor([1.0, -2.0, 0.5])), torch.randn(3, 3)
    ball = make_ball("k-support", weight, share=0.4)
    optimiser = FrankWolfe([weight], {weight: ball}, lr=0.3, momentum=0.8, rescaling=rescaling)
    w, m = weight.detach().clone(), gradients[0].clone()
    for step, gradient in enumerate(gradients):
        weight.grad = gradient.clone()
        optimiser.step()
        m = 0.8 * m + 0.2 * gradient if step > 0 else m
        v = torch.zeros(3)
        best = m.abs().argmax()  # k is 1
        v[best] = -ball.radius * m[best].sign()
        eta = {
            "gradient": 0.3 * m.norm() / (v - w).norm(),
            "fast-gradient": 0.3 * m.norm() / ball.radius,
            "none": torch.tensor(0.3),
        }[rescaling].clamp(max=1)
        w = (1 - eta) * w + eta * v
        assert torch.allclose(weight.detach(), w, atol=1e-6)


@pytest.mark.parametrize("rescaling", get_args(Rescaling))
@pytest.mark.parametrize("kind", get_args(BallKind))
def test_every_iterate_is_feasible_and_the_loss_falls(kind: BallKind, rescaling: Rescaling) -> None:
    model = net()
    balls = balls_of(model, kind, share=0.3, multiple=3)
    lr = 0.01 if rescaling == "none" else 0.3
    optimiser = FrankWolfe(model.parameters(), balls, lr=lr, rescaling=rescaling)
    losses = []
    for _ in range(60):
        losses.append(descend(model, optimiser))
        for weight, ball in balls.items():
            assert float(ball.norm(weight.detach())) <= ball.radius * (1 + 1e-5)
    assert min(losses[-5:]) < 0.8 * losses[0]


def test_weights_that_begin_outside_are_pulled_in() -> None:
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    FrankWolfe([weight], {weight: L2Ball((2,), 1.0)})
    assert torch.allclose(weight.detach(), torch.tensor([0.6, 0.8]))


def test_a_step_is_never_longer_than_the_way_to_the_corner() -> None:
    weight = nn.Parameter(torch.tensor([0.3, -0.4]))
    ball = L2Ball((2,), 1.0)
    optimiser = FrankWolfe([weight], {weight: ball}, lr=1e6)
    weight.grad = torch.tensor([0.0, 2.0])
    optimiser.step()
    assert torch.allclose(weight.detach(), torch.tensor([0.0, -1.0]))


def test_without_balls_it_is_gradient_descent_with_averaged_momentum() -> None:
    one, other = net(), net()
    ours = FrankWolfe(one.parameters(), {}, lr=0.1, momentum=0.9, weight_decay=0.01)
    theirs = torch.optim.SGD(
        other.parameters(), lr=0.1, momentum=0.9, dampening=0.9, weight_decay=0.01
    )
    for _ in range(5):
        descend(one, ours)
        descend(other, theirs)
    for mine, yours in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(mine, yours, atol=1e-6)


@pytest.mark.parametrize("kind", get_args(BallKind))
def test_a_restored_optimiser_goes_on_to_the_same_bits(kind: BallKind) -> None:
    def begin() -> tuple[nn.Module, FrankWolfe]:
        model = net(hidden=72)  # more than a spectral ball takes eigenvectors of
        return model, FrankWolfe(model.parameters(), balls_of(model, kind), lr=0.2)

    (straight, optimiser), (broken, first) = begin(), begin()
    for _ in range(3):
        descend(straight, optimiser)
        descend(broken, first)
    resumed, second = begin()
    resumed.load_state_dict(broken.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        descend(straight, optimiser)
        descend(resumed, second)
    for mine, yours in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(mine, yours)


def test_balls_of_another_model_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"shape \(6, 1, 3, 3\) that the optimiser was not giv"):
        FrankWolfe(net(0).parameters(), balls_of(net(1)))


def test_a_ball_of_another_shape_is_refused() -> None:
    weight = nn.Parameter(torch.ones(4))
    with pytest.raises(SettingsError, match=r"weights of shape \(3,\) was given for .* \(4,\)"):
        FrankWolfe([weight], {weight: L2Ball((3,), 1.0)})


@pytest.mark.parametrize(
    "wrong", [{"lr": -1.0}, {"momentum": 1.0}, {"weight_decay": -0.1}], ids=str
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="takes lr and weight_decay of 0 or more and a moment"):
        FrankWolfe(net().parameters(), {}, **wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"Unknown rescaling 'fast'\. Known: fast-gradient"):
        FrankWolfe(net().parameters(), {}, rescaling="fast")  # type: ignore[arg-type]
