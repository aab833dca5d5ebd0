"""Fewer columns of a finished embedding: small embeddings from an encoder as costly as before.

A method that learns a width makes the encoder itself smaller. These do not: the wide encoder runs
in full, and its output is cut afterwards. They are what a narrow embedding has to be measured
against, at equal width and unequal cost.
"""

from __future__ import annotations

import torch
from torch import Tensor


def pca(z: Tensor, dims: int, *, fit_on: Tensor | None = None, center: bool = True) -> Tensor:
    r"""The embedding along its first principal axes, largest variance first.

    .. math::
        Y = (Z - \mathbf{1} \bar f^\top) V_{:k}, \qquad F - \mathbf{1} \bar f^\top = U S V^\top

    with the embedding Z, the rows F that the axes are fitted on and their mean :math:`\bar f`.
    Without centring :math:`\bar f` is 0, and the inner products of the rows are kept as well as k
    dimensions can. Computed in float64. An axis has a sign of its own only by agreement: here its
    entry of largest size is positive.

    The encoder stays as costly as before.

    Args:
        z: Z [N, D].
        dims: k, at most D and the rows of F.
        fit_on: F [M, D]; by default Z itself.
        center: whether the mean row is taken off first.

    Returns:
        [N, dims], in the dtype of `z`.

    >>> pca(torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]), 1)
    tensor([[-2.],
            [ 0.],
            [ 2.]])
    """
    _check_dims(z, dims)
    rows = z if fit_on is None else fit_on
    if rows.dim() != 2 or rows.size(1) != z.size(1):
        raise ValueError(
            f"fit_on must have the {z.size(1)} columns of the embedding, received the shape "
            f"{tuple(rows.shape)}."
        )
    if dims > rows.size(0):
        raise ValueError(
            f"{rows.size(0)} rows have at most {rows.size(0)} principal axes, and dims={dims} were "
            f"asked for: fit on more rows, or ask for fewer."
        )
    mean = rows.double().mean(0) * center
    axes = torch.linalg.svd(rows.double() - mean, full_matrices=False).Vh[:dims]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    projected: Tensor = (z.double() - mean) @ (axes * largest.sign()).t()
    return projected.to(z.dtype)


def top_variance(z: Tensor, dims: int) -> Tensor:
    """The columns of largest variance, in the order in which they stand: [N, dims].

    The encoder stays as costly as before.

    >>> top_variance(torch.tensor([[1.0, 0.0, 5.0], [3.0, 0.0, 9.0]]), 2)
    tensor([[1., 5.],
            [3., 9.]])
    """
    _check_dims(z, dims)
    variance = z.double().var(0, correction=0)
    best = variance.argsort(descending=True, stable=True)[:dims]
    return z[:, best.sort().values]


def truncate_columns(z: Tensor, dims: int) -> Tensor:
    """The first columns: [N, dims].

    What is left of an embedding whose columns stand in order of importance, as a nested loss or a
    DAM gate leaves them; any other embedding loses columns at random. The encoder stays as costly
    as before: `Encoder.truncate` cuts the encoder itself.

    >>> truncate_columns(torch.tensor([[1.0, 2.0, 3.0]]), 2)
    tensor([[1., 2.]])
    """
    _check_dims(z, dims)
    return z[:, :dims]


def _check_dims(z: Tensor, dims: int) -> None:
    if z.dim() != 2 or not z.numel():
        raise ValueError(
            f"An embedding is a matrix with a row a node, received the shape {tuple(z.shape)}."
        )
    if not 1 <= dims <= z.size(1):
        raise ValueError(
            f"dims must lie in 1 … {z.size(1)} (the columns of the embedding), received {dims}."
        )
