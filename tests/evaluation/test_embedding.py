"""Are embeddings brought to one scale as scikit-learn does, and bad ones refused?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from graphdam.errors import DataError, SettingsError
from graphdam.evaluation.embedding import normalized, require_embedding


@pytest.fixture
def z() -> Tensor:
    scale = torch.tensor([1.0, 100.0, 1e-3])
    return torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * scale + scale


def test_standardising_is_the_formula(z: Tensor) -> None:
    exact = z.double().numpy()
    expected = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    np.testing.assert_allclose(normalized(z), expected, rtol=1e-9)


def test_dividing_by_the_norm_is_the_formula(z: Tensor) -> None:
    exact = z.double().numpy()
    expected = exact / np.sqrt((exact**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(normalized(z, normalize="l2"), expected, rtol=1e-12)


@pytest.mark.parametrize("normalize", ["standardize", "l2"])
def test_rows_are_scaled_as_among_all_nodes(z: Tensor, normalize: Any) -> None:
    rows = torch.tensor([40, 3, 3])
    chosen = normalized(z, rows=rows, normalize=normalize)
    np.testing.assert_array_equal(chosen, normalized(z, normalize=normalize)[rows.numpy()])


def test_what_cannot_be_scaled_is_zero(z: Tensor) -> None:
    """The mean of many equal numbers is not quite that number in floating point."""
    z = torch.cat([z, torch.full((50, 1), 0.1)], dim=1)
    assert (normalized(z)[:, 3] == 0).all()
    assert (normalized(z.double())[:, 3] == 0).all()
    assert (normalized(torch.zeros(2, 3), normalize="l2") == 0).all()


def test_an_embedding_leaves_its_graph_and_low_precision() -> None:
    z = torch.ones(2, 3, dtype=torch.bfloat16, requires_grad=True)
    taken = require_embedding(z)
    assert not taken.requires_grad
    assert taken.dtype == torch.float32
    assert require_embedding(z.double()).dtype == torch.float64


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_refused(z: Tensor, value: float) -> None:
    z[7, 1] = z[9, 2] = value
    with pytest.raises(
        DataError,
        match=r"`z` must hold finite numbers, but 2 of its 150 entries are NaN or infinite"
        r" \(the first in row 7\)",
    ):
        normalized(z)


@pytest.mark.parametrize("shape", [(4,), (0, 3), (4, 0), (2, 2, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"`h` must have shape \[N, D\].*but has shape \["):
        require_embedding(torch.zeros(shape), name="h")


def test_an_unknown_normalisation_is_refused(z: Tensor) -> None:
    with pytest.raises(SettingsError, match=r"Unknown normalisation 'l1'\. Known: l2, standardize"):
        normalized(z, normalize="l1")  # type: ignore[arg-type]
