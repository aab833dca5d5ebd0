"""Is the share of a teacher that a student misses scikit-learn's, and never below PCA's?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from torch import Tensor

from graphdam.objectives import embedding
from graphdam.objectives.embedding import RIDGE, missed_variance

CLOSE: dict[str, Any] = {"rtol": 1e-8, "atol": 1e-10}


def embeddings(
    num_nodes: int = 40, dimensions: int = 4, taught: int = 7, seed: int = 0
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    factors = torch.randn(num_nodes, taught, generator=generator, dtype=torch.float64)
    mixing = torch.randn(taught, dimensions, generator=generator, dtype=torch.float64)
    noise = torch.randn(num_nodes, dimensions, generator=generator, dtype=torch.float64)
    return factors @ mixing + noise + 3, factors * torch.arange(1, taught + 1) + 5


def missed_by_pca(taught: Tensor, dimensions: int) -> float:
    pca = PCA(dimensions, svd_solver="full").fit(taught.numpy())
    return 1 - float(pca.explained_variance_ratio_.sum())


@pytest.fixture
def without_ridge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "RIDGE", 1e-14)


@pytest.mark.usefixtures("without_ridge")
def test_it_is_one_less_the_r2_of_linear_regression() -> None:
    z, taught = embeddings()
    told = LinearRegression().fit(z.numpy(), taught.numpy()).predict(z.numpy())
    expected = 1 - r2_score(taught.numpy(), told, multioutput="variance_weighted")
    assert 0.1 < expected < 0.9
    assert float(missed_variance(z, taught)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.usefixtures("without_ridge")
def test_its_gradient_is_that_of_the_best_decoders_loss() -> None:
    z, taught = embeddings(num_nodes=12, dimensions=3)

    def explicit(value: Tensor) -> Tensor:
        centred, target = value - value.mean(0), taught - taught.mean(0)
        decoder: Tensor = torch.linalg.lstsq(centred, target).solution
        return (centred @ decoder - target).square().sum() / target.square().sum()

    torch.testing.assert_close(gradient_at(z, taught), finite_differences(explicit, z), **CLOSE)


def test_with_the_ridge_its_gradient_is_that_of_the_ridge_regressions_minimum() -> None:
    z, taught = embeddings(num_nodes=12, dimensions=3)
    strength = RIDGE * float((z - z.mean(0)).square().sum()) / z.size(1)

    def minimum(value: Tensor) -> Tensor:
        centred, target = value - value.mean(0), taught - taught.mean(0)
        inverse = torch.linalg.inv(centred.t() @ centred + strength * torch.eye(3))
        decoder: Tensor = inverse @ centred.t() @ target
        missed = (centred @ decoder - target).square().sum()
        return (missed + strength * decoder.square().sum()) / target.square().sum()

    torch.testing.assert_close(gradient_at(z, taught), finite_differences(minimum, z), **CLOSE)


def test_a_decoder_of_another_moment_would_be_noticed() -> None:
    """Holding a decoder fixed is right at the best one only."""
    z, taught = embeddings(num_nodes=12, dimensions=3)
    centred, target = z - z.mean(0), taught - taught.mean(0)
    decoder = 0.8 * torch.linalg.lstsq(centred, target).solution
    value = z.clone().requires_grad_()
    missed = ((value - value.mean(0)) @ decoder - target).square().sum() / target.square().sum()
    (wrong,) = torch.autograd.grad(missed, value)
    assert float((wrong - gradient_at(z, taught)).abs().max()) > 1e-3


def gradient_at(z: Tensor, taught: Tensor) -> Tensor:
    value = z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(missed_variance(value, taught), value)
    return gradient


def finite_differences(function: Any, z: Tensor, step: float = 1e-4) -> Tensor:
    gradient = torch.empty_like(z)
    for entry in range(z.numel()):
        shift = torch.zeros(z.numel(), dtype=z.dtype)
        shift[entry] = step
        shift = shift.view_as(z)
        gradient.view(-1)[entry] = (function(z + shift) - function(z - shift)) / (2 * step)
    return gradient


@given(
    num_nodes=st.integers(2, 30),
    dimensions=st.integers(1, 12),
    taught=st.integers(1, 12),
    seed=st.integers(0, 999),
)
def test_it_is_never_below_what_pca_misses_and_never_above_one(
    num_nodes: int, dimensions: int, taught: int, seed: int
) -> None:
    z, target = embeddings(num_nodes, dimensions, taught, seed)
    missed = float(missed_variance(z, target))
    rank = min(dimensions, taught, num_nodes)
    assert missed_by_pca(target, rank) - 1e-12 <= missed <= 1 + 1e-12


@pytest.mark.parametrize("dimensions", [1, 3, 6])
def test_the_principal_components_reach_the_least(dimensions: int) -> None:
    _, taught = embeddings()
    z = torch.from_numpy(PCA(dimensions, svd_solver="full").fit_transform(taught.numpy()))
    least = missed_by_pca(taught, dimensions)
    assert least <= float(missed_variance(z, taught)) < least + 1e-3


def test_scale_shift_and_rotation_of_either_do_not_matter() -> None:
    z, taught = embeddings()
    missed = missed_variance(z, taught)
    turned, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))
    taught_turned, _ = torch.linalg.qr(torch.randn(7, 7, dtype=torch.float64))
    for other, target in (
        (1e-6 * z, taught),
        (z + 100, taught),
        (z @ turned, taught),
        (z, 1e4 * taught - 7),
        (z, taught @ taught_turned),
    ):
        torch.testing.assert_close(missed_variance(other, target), missed, **CLOSE)


def test_a_further_dimension_never_harms_but_for_the_ridge() -> None:
    z, taught = embeddings()
    missed = [float(missed_variance(z[:, :width], taught)) for width in range(1, 5)]
    assert missed == sorted(missed, reverse=True)
    assert missed[0] - missed[-1] > 0.1


def test_a_teacher_misses_nothing_of_itself_and_nothing_is_missed_entirely() -> None:
    _, taught = embeddings()
    assert float(missed_variance(taught, taught)) < 1e-4
    silent = torch.full((40, 3), 2.0, dtype=torch.float64, requires_grad=True)
    missed = missed_variance(silent, taught)
    assert float(missed.detach()) == pytest.approx(1)
    (gradient,) = torch.autograd.grad(missed, silent)
    assert bool(gradient.isfinite().all())


def test_closed_and_equal_columns_are_no_obstacle() -> None:
    z, taught = embeddings()
    padded = torch.cat([z, torch.zeros(40, 2, dtype=z.dtype), z[:, :1]], dim=1)
    assert float(missed_variance(padded, taught)) == pytest.approx(
        float(missed_variance(z, taught)), abs=1e-3
    )
    wide = torch.randn(40, 60)
    assert float(missed_variance(wide, taught.float())) < 1e-3
