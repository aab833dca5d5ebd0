"""Is linear CKA the comparison of all similarities between nodes, and blind to the basis?"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphdam.errors import DataError
from graphdam.evaluation.stability import linear_cka, stability


def embedding(width: int, seed: int, num_nodes: int = 30) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_nodes, width, generator=generator, dtype=torch.float64) + 1


def rotation(width: int, seed: int) -> Tensor:
    orthogonal: Tensor = torch.linalg.qr(embedding(width, seed, width)).Q
    return orthogonal


def hsic_cka(a: Tensor, b: Tensor) -> float:
    """From the N × N similarities K = AAᵀ and L = BBᵀ: HSIC(K, L) = tr(KHLH) / (N − 1)²."""
    num_nodes = len(a)
    centre = torch.eye(num_nodes, dtype=a.dtype) - 1 / num_nodes

    def hsic(k: Tensor, m: Tensor) -> Tensor:
        return (k @ centre @ m @ centre).trace() / (num_nodes - 1) ** 2

    k, m = a @ a.T, b @ b.T
    return float(hsic(k, m) / (hsic(k, k) * hsic(m, m)).sqrt())


@given(width=st.integers(1, 40), other=st.integers(1, 40), seed=st.integers(0, 1000))
def test_equals_the_formula_over_all_pairs_of_nodes(width: int, other: int, seed: int) -> None:
    a, b = embedding(width, seed), embedding(other, seed + 1)
    value = linear_cka(a, b)
    assert value == pytest.approx(hsic_cka(a, b), abs=1e-12)
    assert value == pytest.approx(linear_cka(b, a), abs=1e-12)
    assert 0 <= value < 1


@given(
    width=st.integers(1, 10), seed=st.integers(0, 1000), factor=st.sampled_from([1e-200, 3, 1e200])
)
def test_rotation_scale_and_place_do_not_count(width: int, seed: int, factor: float) -> None:
    a, b = embedding(width, seed), embedding(4, seed + 1)
    moved = factor * (a @ rotation(width, seed + 2) - 1)
    assert linear_cka(moved, a) == pytest.approx(1, abs=1e-12)
    assert linear_cka(moved, b) == pytest.approx(linear_cka(a, b), abs=1e-12)


def test_stretching_one_dimension_counts() -> None:
    a = embedding(3, 0)
    assert linear_cka(a * torch.tensor([1.0, 1.0, 10.0]), a) < 0.9


def test_dimensions_that_are_not_correlated_score_zero() -> None:
    a = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    assert linear_cka(a, torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])) == 0


def test_stability_is_the_mean_over_pairs() -> None:
    first, second, third = embedding(5, 0), embedding(5, 1), embedding(2, 2)
    pairs = [hsic_cka(first, second), hsic_cka(first, third), hsic_cka(second, third)]
    assert stability([first, second, third]) == pytest.approx(sum(pairs) / 3, abs=1e-12)
    assert stability([first, -first, 2 * first]) == pytest.approx(1)


def test_what_cannot_be_compared_is_refused() -> None:
    a = embedding(3, 0)
    with pytest.raises(DataError, match="30 and 29 rows, but only embeddings of the same nodes"):
        linear_cka(a, a[1:])
    with pytest.raises(DataError, match="`b` is the same for all 30 nodes"):
        linear_cka(a, torch.full((30, 2), 0.1))
    with pytest.raises(DataError, match="`a` must hold finite numbers"):
        linear_cka(a.log(), a)
    with pytest.raises(DataError, match="mean over pairs of embeddings, but 1 was given"):
        stability([a])
