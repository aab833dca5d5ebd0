"""The ball whose corners are matrices of low rank."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphdam.baselines.norm_balls import NormBall, checked_k, k_support_norm
from graphdam.errors import SettingsError

EXACT_UP_TO = 64
"""The smaller side of a matrix up to which eigenvectors cost little beside a training step."""


class SpectralKSupportBall(NormBall):
    r"""The hull of all matrices of rank at most k with :math:`\|W\|_F \le \tau`.

    A weight of more than two axes is the matrix of its rows, or filters. Its norm is the k-support
    norm of the singular values: for k = 1 the nuclear norm. With :math:`-M = U S V^\top` the
    oracle is :math:`\tau U_k S_k V_k^\top / \|S_k\|_2`, computed as :math:`U_k U_k^\top M` from the
    eigenvectors of the smaller of :math:`M M^\top` and :math:`M^\top M`.

    `minimise_from` takes one step of subspace iteration in their place where the smaller side is
    above `EXACT_UP_TO`: with the :math:`Y = U_k^\top M` of the step before, :math:`U_k` is
    :math:`\operatorname{qr}(M Y^\top)`. What it returns lies in the ball as well, and where M
    moves as slowly as a momentum does, it is nearly the oracle's.

    >>> ball = SpectralKSupportBall((2, 2), 1.0, k=1)
    >>> ball.minimise(torch.tensor([[3.0, 0.0], [0.0, 2.0]])).abs()
    tensor([[1., 0.],
            [0., 0.]])
    """

    def __init__(self, shape: Sequence[int], radius: float, *, k: int) -> None:
        super().__init__(shape, radius)
        if len(self.shape) < 2:
            raise SettingsError(
                f"A spectral ball is of matrices, received weights of shape {tuple(shape)}: two "
                f"axes or more are needed."
            )
        self._rank = min(self.shape[0], self.shape[1:].numel())
        self.k = checked_k(k, self._rank, f"weights of shape {tuple(shape)}", "singular values")

    def minimise(self, direction: Tensor) -> Tensor:
        return self.minimise_from(direction, None)[0]

    def minimise_from(
        self, direction: Tensor, start: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        is_wide = self.shape[0] == self._rank
        matrix = direction.flatten(1) if is_wide else direction.flatten(1).t()
        if start is None:
            axes = torch.linalg.eigh(matrix @ matrix.t()).eigenvectors[:, -self.k :]
        else:
            axes = torch.linalg.qr(matrix @ start.t()).Q
        along = axes.t() @ matrix
        part = axes @ along
        corner = self._along(part if is_wide else part.t()).reshape(self.shape)
        return corner, along if self._rank > EXACT_UP_TO else None

    def norm(self, weight: Tensor) -> Tensor:
        return k_support_norm(torch.linalg.svdvals(weight.flatten(1)), self.k)


def nuclear_ball(shape: Sequence[int], radius: float) -> SpectralKSupportBall:
    """The ball of the nuclear norm, the sum of the singular values: spectral k-support at k = 1."""
    return SpectralKSupportBall(shape, radius, k=1)
