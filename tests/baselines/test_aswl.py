"""ASWL: its gradients by another path, and what it promises about dense and sparse weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdam.baselines import SparseAttention
from graphdam.errors import SettingsError


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 2))


def batch() -> tuple[Tensor, Tensor]:
    x = torch.randn(64, 10, generator=torch.Generator().manual_seed(1))
    return x, (x[:, 0] + x[:, 1] > 0).long()


def test_the_network_computes_with_the_smallest_weights_at_zero() -> None:
    model, dense = net(), net()
    SparseAttention(model, initial_ratio=0.3)
    for mine, whole in ((model[0], dense[0]), (model[2], dense[2])):
        weight, size = mine.weight.detach(), whole.weight.detach().abs()  # type: ignore[operator]
        cut = weight == 0
        assert int(cut.sum()) == round(0.3 * weight.numel())
        assert size[cut].max() < size[~cut].min()
        assert torch.equal(weight[~cut], whole.weight.detach()[~cut])  # type: ignore[operator]


def test_it_follows_a_model_into_double_precision() -> None:
    torch.manual_seed(0)
    model = nn.Linear(20, 10)
    double = nn.Linear(20, 10).double()
    double.load_state_dict(model.state_dict())
    for net, x in ((model, torch.ones(3, 20)), (double, torch.ones(3, 20).double())):
        attention = SparseAttention(net, initial_ratio=0.5)
        net(x).square().sum().backward()
        attention.begin_step(1.0)
        attention.end_step()
        assert attention.scores.grad is not None
        assert attention.scores.dtype == net.weight.dtype
    assert torch.equal(model.weight == 0, double.weight == 0)


def test_gradients_pass_straight_through_to_the_dense_weights() -> None:
    model, (x, y) = net(), batch()
    attention = SparseAttention(model, initial_ratio=0.5)
    before = {name: weight.clone() for name, weight in attention.dense.items()}
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    attention.begin_step(0.0)
    optimiser.step()
    attention.end_step()
    for name, dense in attention.dense.items():
        assert torch.allclose(dense, before[name] - 0.1 * gradients[name])
        cut = attention.weights[name].detach() == 0
        assert (dense[cut] != before[name][cut]).any()  # what is cut is trained as well


def test_the_gradient_of_the_penalty_is_autograds() -> None:
    attention = SparseAttention(net(), initial_ratio=0.3)  # no weight has a gradient of a loss yet
    (expected,) = torch.autograd.grad(2.5 * attention.penalty(), attention.scores)
    attention.begin_step(2.5)
    assert attention.scores.grad is not None
    assert torch.allclose(attention.scores.grad, expected)


def test_a_ratios_gradient_is_what_cutting_the_next_weights_does_to_the_loss() -> None:
    # a linear loss, so that first order is all there is
    model = nn.Linear(200, 1, bias=False)
    model.weight.data = torch.linspace(0.1, 1.0, 200).view(1, 200)
    slopes = torch.linspace(-1, 3, 200)
    attention = SparseAttention(model, initial_ratio=0.5, window=0.1)
    (model.weight * slopes).sum().backward()  # type: ignore[no-untyped-call]
    attention.begin_step(0.0)

    def loss(ratio: float) -> float:
        kept = torch.linspace(0.1, 1.0, 200)
        kept[: round(ratio * 200)] = 0
        return float((kept * slopes).sum())

    expected = (loss(0.55) - loss(0.45)) / 0.1
    assert attention.scores.grad is not None
    assert float(attention.scores.grad) == pytest.approx(expected * 0.25, rel=1e-4)


def train(steps: int, penalty_weight: float) -> tuple[SparseAttention, nn.Sequential, float]:
    model, (x, y) = net(), batch()
    attention = SparseAttention(model, initial_ratio=0.1, refresh=1)
    optimiser = torch.optim.Adam(
        [{"params": model.parameters(), "lr": 0.01}, {"params": [attention.scores], "lr": 0.05}]
    )
    loss = torch.zeros(())
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        attention.begin_step(penalty_weight)
        optimiser.step()
        attention.end_step()
    return attention, model, float(loss.detach())


def test_a_penalty_makes_the_network_sparse_and_its_layers_unlike() -> None:
    attention, model, loss = train(200, 0.5)
    assert attention.sparsity > 0.7
    assert loss < 0.2
    ratios = attention.ratios()
    assert len({round(ratio, 2) for ratio in ratios.values()}) == 2
    for name, ratio in ratios.items():
        zeros = float((model.get_parameter(name) == 0).float().mean())
        assert zeros == pytest.approx(ratio, abs=0.02)
    assert train(200, 0.0)[0].sparsity < attention.sparsity - 0.3


def test_resting_ratios_have_no_gradient() -> None:
    attention = SparseAttention(net())
    attention.begin_step(1.0, is_learning=False)
    assert attention.scores.grad is None


def test_a_restored_one_holds_the_same() -> None:
    attention, model, _ = train(7, 0.5)
    fresh = net(3)
    other = SparseAttention(fresh, refresh=1)
    fresh.load_state_dict(model.state_dict())
    other.restore(attention.tensors(), steps=attention.steps)
    assert other.ratios() == attention.ratios()
    for name, dense in attention.dense.items():
        assert torch.equal(other.dense[name], dense)
        assert torch.equal(other.weights[name], attention.weights[name])


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="initial_ratio lies between 0 and 1, received 1"):
        SparseAttention(net(), initial_ratio=1.0)
    with pytest.raises(SettingsError, match="window lies between 0 and 1, received 0"):
        SparseAttention(net(), window=0.0)
    with pytest.raises(SettingsError, match="refresh is 1 or more, received 0"):
        SparseAttention(net(), refresh=0)
