"""Fewer columns of an embedding: against scikit-learn, by hand, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from graphdam.baselines import pca, top_variance, truncate_columns


def embedding(num_nodes: int = 40, dims: int = 9, *, seed: int = 0) -> Tensor:
    """Correlated columns far from 0, each direction with a variance of its own."""
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(num_nodes, dims, generator=generator, dtype=torch.float64)
    mixing = torch.randn(dims, dims, generator=generator, dtype=torch.float64)
    return source * torch.linspace(3, 0.2, dims, dtype=torch.float64) @ mixing + 5


def up_to_sign(a: Tensor, b: Tensor) -> Tensor:
    """`a` with the columns turned that point the other way from those of `b`."""
    return a * (a * b).sum(0).sign()


@pytest.mark.parametrize("dims", [1, 4, 9])
def test_pca_is_scikit_learns_up_to_sign(dims: int) -> None:
    z, others = embedding(), embedding(60, seed=1)
    for rows in (None, others, others[:9]):
        model = PCA(dims, svd_solver="full").fit(z if rows is None else rows)
        expected = torch.from_numpy(model.transform(z))
        found = pca(z, dims, fit_on=rows)
        torch.testing.assert_close(up_to_sign(found, expected), expected, rtol=1e-9, atol=1e-9)


def test_pca_of_single_precision_is_that_of_double_precision_rounded() -> None:
    z = embedding().float() + 1000
    assert pca(z, 3).dtype == torch.float32
    torch.testing.assert_close(pca(z, 3), pca(z.double(), 3).float(), rtol=0, atol=0)


def test_without_centring_inner_products_are_kept_best() -> None:
    """Eckart and Young: no matrix of rank k is nearer to Z Zᵀ than that of k axes."""
    z = embedding()
    products = z @ z.t()
    for dims in (1, 4, 9):
        found = pca(z, dims, center=False)
        left = torch.linalg.svdvals(products)[dims:].square().sum()
        error = (found @ found.t() - products).square().sum()
        torch.testing.assert_close(
            error, left, rtol=1e-6, atol=1e-12 * products.square().sum().item()
        )


def test_the_columns_of_a_pca_are_uncorrelated_and_fall_in_variance() -> None:
    covariance = torch.cov(pca(embedding(), 9).t())
    variance = covariance.diagonal()
    torch.testing.assert_close(covariance, variance.diag(), rtol=0, atol=1e-9)
    assert bool((variance[1:] <= variance[:-1]).all())
    assert variance.sum().item() == pytest.approx(embedding().var(0).sum().item())


def test_more_axes_keep_the_first_ones_and_all_of_them_keep_distances() -> None:
    z = embedding()
    whole = pca(z, 9)
    for dims in range(1, 9):
        torch.testing.assert_close(pca(z, dims), whole[:, :dims])
    distances = [torch.cdist(a, a, compute_mode="donot_use_mm_for_euclid_dist") for a in (whole, z)]
    torch.testing.assert_close(*distances)


def test_the_sign_of_an_axis_does_not_depend_on_the_rows_or_their_order() -> None:
    z = embedding()
    backwards = pca(z.flip(0), 5).flip(0)
    torch.testing.assert_close(backwards, pca(z, 5))
    torch.testing.assert_close(pca(-z, 5), -pca(z, 5))


def test_a_pca_by_hand() -> None:
    """Points on the line (3, −4) t: one axis, whose larger entry −4 is turned to be positive."""
    steps = torch.tensor([-1.0, 0.0, 2.0, 3.0])
    z = torch.stack([3 * steps + 1, -4 * steps], dim=1)
    expected = -5 * (steps - 1).unsqueeze(1)
    torch.testing.assert_close(pca(z, 1), expected)
    torch.testing.assert_close(pca(z, 2)[:, 1], torch.zeros(4))


def test_the_columns_of_largest_variance_stand_in_their_order() -> None:
    z = torch.tensor([[0.0, 5.0, 1.0, 7.0], [1.0, 5.0, -1.0, 7.0], [2.0, 5.0, 5.0, 8.0]])
    assert torch.equal(top_variance(z, 2), z[:, [0, 2]])
    assert torch.equal(top_variance(z, 3), z[:, [0, 2, 3]])
    assert torch.equal(top_variance(z, 4), z)


def test_columns_of_equal_variance_stay_by_their_number() -> None:
    z = torch.eye(6)
    assert torch.equal(top_variance(z, 3), z[:, :3])


def test_variance_is_what_is_left_when_columns_are_chosen_by_it() -> None:
    z = embedding()
    kept = top_variance(z, 4).var(0).sum()
    for columns in torch.combinations(torch.arange(9), 4):
        assert z[:, columns].var(0).sum() <= kept + 1e-9
    assert pca(z, 4).var(0).sum() >= kept


def test_truncation_keeps_the_first_columns() -> None:
    z = embedding()
    assert torch.equal(truncate_columns(z, 3), z[:, [0, 1, 2]])
    assert torch.equal(truncate_columns(truncate_columns(z, 5), 3), truncate_columns(z, 3))


@pytest.mark.parametrize("project", [pca, top_variance, truncate_columns])
@pytest.mark.parametrize(
    ("z", "dims", "message"),
    [
        (embedding(), 0, "dims must lie in 1 … 9 (the columns of the embedding), received 0."),
        (embedding(), 10, "dims must lie in 1 … 9 (the columns of the embedding), received 10."),
        (
            torch.ones(4),
            1,
            "An embedding is a matrix with a row a node, received the shape (4,).",
        ),
        (
            torch.ones(0, 3),
            1,
            "An embedding is a matrix with a row a node, received the shape (0, 3).",
        ),
    ],
)
def test_what_is_no_narrower_embedding_is_refused(
    project: Callable[[Tensor, int], Tensor], z: Tensor, dims: int, message: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        project(z, dims)
    assert str(caught.value) == message


def test_axes_need_rows_enough_and_columns_that_fit() -> None:
    z = embedding()
    with pytest.raises(ValueError, match=r"3 rows have at most 3 principal axes, and dims=4 were"):
        pca(z, 4, fit_on=z[:3])
    with pytest.raises(
        ValueError, match=r"the 9 columns of the embedding, received the shape \(40, 8"
    ):
        pca(z, 4, fit_on=z[:, :8])
