"""Is fast dropout the same law as torch's, with the same gradient?"""

from __future__ import annotations

import math

import pytest
import torch

from graphdam.data.dropout import LEVELS, Dropout, drop

COUNT = 400_000


def rounded(p: float) -> float:
    return round(p * LEVELS) / LEVELS


@pytest.mark.parametrize("p", [0.05, 1 / 3, 0.5, 0.9])
def test_the_share_of_zeros_is_binomial(p: float) -> None:
    torch.manual_seed(0)
    zeros = int((drop(torch.ones(COUNT), p, training=True) == 0).sum())
    assert abs(zeros - COUNT * p) < 4 * math.sqrt(COUNT * p * (1 - p))


@pytest.mark.parametrize("p", [0.05, 1 / 3, 0.5, 0.9])
def test_the_expected_value_is_the_input(p: float) -> None:
    torch.manual_seed(1)
    mean = float(drop(torch.full((COUNT,), 2.0), p, training=True).double().mean())
    assert abs(mean - 2) < 4 * 2 * math.sqrt(p / (1 - p) / COUNT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.1, 1 / 3, 0.5])
def test_kept_entries_are_divided_by_the_share_that_is_kept(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(2)
    x = torch.randn(999, dtype=dtype)
    dropped = drop(x, p, training=True)
    kept = dropped != 0
    assert dropped.dtype == dtype
    torch.testing.assert_close(dropped[kept], x[kept] / (1 - rounded(p)))
    assert 1 / (1 - rounded(p)) == pytest.approx(1 / (1 - p), rel=1e-4)


def test_four_entries_of_one_random_number_are_independent() -> None:
    torch.manual_seed(3)
    kept = drop(torch.ones(COUNT), 0.5, training=True).view(-1, 4) != 0
    pattern = (kept * torch.tensor([1, 2, 4, 8])).sum(1)
    counts = torch.bincount(pattern, minlength=16).double()
    expected = COUNT / 4 / 16
    # chi-square with 15 degrees of freedom: 45 is exceeded once in 15,000 times
    assert float(((counts - expected) ** 2 / expected).sum()) < 45


def test_the_gradient_is_the_same_mask() -> None:
    torch.manual_seed(4)
    x = (torch.rand(301, dtype=torch.float64) + 1).requires_grad_()
    dropped = drop(x, 0.5, training=True)
    dropped.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert set(x.grad.tolist()) == {0.0, 2.0}
    assert torch.equal(dropped.detach(), x.detach() * x.grad)


def test_evaluation_and_probability_zero_change_nothing_and_draw_nothing() -> None:
    x, state = torch.randn(5, 3), torch.get_rng_state()
    assert drop(x, 0.5, training=False) is x
    assert drop(x, 0.0, training=True) is x
    assert torch.equal(torch.get_rng_state(), state)


def test_probability_one_drops_everything() -> None:
    assert torch.count_nonzero(drop(torch.ones(COUNT), 1.0, training=True)) == 0


def test_one_seed_repeats_and_another_does_not() -> None:
    def draw(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return drop(torch.ones(1000), 0.5, training=True)

    assert torch.equal(draw(5), draw(5))
    assert not torch.equal(draw(5), draw(6))


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (7,), (0, 4), (2, 3, 5)])
def test_every_entry_of_any_shape_is_kept_and_dropped_in_time(shape: tuple[int, ...]) -> None:
    torch.manual_seed(6)
    draws = torch.stack([drop(torch.ones(shape), 0.5, training=True) for _ in range(64)])
    assert draws.shape == (64, *shape)
    assert (draws == 0).any(0).all()
    assert (draws == 2).any(0).all()


def test_a_transposed_view_is_dropped_entry_by_entry() -> None:
    torch.manual_seed(7)
    x = torch.rand(6, 9) + 1
    dropped = drop(x.t(), 0.5, training=True)
    kept = dropped != 0
    assert torch.equal(dropped[kept], 2 * x.t()[kept])
    assert 0 < int(kept.sum()) < kept.numel()


def test_the_module_drops_in_training_only() -> None:
    module, x = Dropout(0.25), torch.randn(50, 4)
    torch.manual_seed(8)
    trained = module(x)
    torch.manual_seed(8)
    assert torch.equal(trained, drop(x, 0.25, training=True))
    assert torch.equal(module.eval()(x), x)
