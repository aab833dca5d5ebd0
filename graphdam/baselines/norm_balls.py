"""Balls whose corners are sparse: where Frank-Wolfe keeps a layer's weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from graphdam.errors import SettingsError, unknown_choice

BallKind = Literal["l2", "k-sparse", "k-support", "group-k-support", "spectral-k-support"]


class NormBall(ABC):
    r"""The weights w of one layer with :math:`\|w\| \le \tau`, for the norm of the subclass.

    Args:
        shape: of the weights.
        radius: τ, above 0.

    Raises:
        SettingsError: a radius that is not a positive number.
    """

    def __init__(self, shape: Sequence[int], radius: float) -> None:
        if not (math.isfinite(radius) and radius > 0):
            raise SettingsError(
                f"The radius of a norm ball is a number above 0, received {radius:g}."
            )
        self.shape = torch.Size(shape)
        self.radius = radius

    @abstractmethod
    def minimise(self, direction: Tensor) -> Tensor:
        r"""The linear minimisation oracle: :math:`\arg\min_{v} \langle m, v \rangle` in the ball.

        Args:
            direction: m, of the ball's shape; where it is zero, so is what is returned.
        """

    @abstractmethod
    def norm(self, weight: Tensor) -> Tensor:
        """The norm whose ball this is, a scalar."""

    @property
    def diameter(self) -> float:
        """The largest Euclidean distance of two points in the ball."""
        return 2 * self.radius

    def pull_inside(self, weight: Tensor) -> Tensor:
        r"""The feasible point on the way to the centre: :math:`w \cdot \min(1, \tau / \|w\|)`.

        It keeps the direction of w. The nearest point of the ball is another one where the norm is
        not Euclidean.
        """
        norm = float(self.norm(weight))
        return weight if norm <= self.radius else weight * (self.radius / norm)

    def _along(self, part: Tensor) -> Tensor:
        """−τ · part / ‖part‖₂."""
        size = torch.linalg.vector_norm(part)
        corner: Tensor = part * (-self.radius / size.clamp(min=torch.finfo(part.dtype).tiny))
        return corner


class L2Ball(NormBall):
    """The Euclidean ball: no corner, so nothing in it is sparse.

    >>> L2Ball((2,), 10.0).minimise(torch.tensor([3.0, 4.0]))
    tensor([-6., -8.])
    """

    def minimise(self, direction: Tensor) -> Tensor:
        return self._along(direction)

    def norm(self, weight: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(weight)
        return norm


class KSparsePolytope(NormBall):
    r"""The hull of all w with at most k entries that are not 0, none larger than τ in size.

    .. math::
        \|w\| = \max(\|w\|_\infty, \|w\|_1 / k)

    Args:
        shape: of the weights.
        radius: τ.
        k: entries of a corner.

    >>> KSparsePolytope((3,), 2.0, k=2).minimise(torch.tensor([0.1, -3.0, 1.0]))
    tensor([ 0.,  2., -2.])
    """

    def __init__(self, shape: Sequence[int], radius: float, *, k: int) -> None:
        super().__init__(shape, radius)
        self.k = _checked(k, self.shape.numel(), f"weights of shape {tuple(shape)}", "entries")

    def minimise(self, direction: Tensor) -> Tensor:
        corner = torch.zeros_like(direction).flatten()
        index = direction.abs().flatten().topk(self.k, sorted=False).indices
        corner[index] = direction.flatten()[index].sign() * -self.radius
        return corner.view_as(direction)

    def norm(self, weight: Tensor) -> Tensor:
        size = weight.abs()
        return torch.maximum(size.max(), size.sum() / self.k)

    @property
    def diameter(self) -> float:
        return 2 * self.radius * math.sqrt(self.k)


class KSupportBall(NormBall):
    r"""The hull of all w with at most k entries that are not 0 and :math:`\|w\|_2 \le \tau`.

    The k-support norm of `"Sparse Prediction with the k-Support Norm"
    <https://arxiv.org/abs/1204.5043>`_, see `k_support_norm`. The oracle is
    :math:`-\tau m_{[k]} / \|m_{[k]}\|_2` with all but the k largest entries of m set to 0.

    >>> KSupportBall((3,), 5.0, k=2).minimise(torch.tensor([3.0, 0.1, -4.0])) + 0
    tensor([-3.,  0.,  4.])
    """

    def __init__(self, shape: Sequence[int], radius: float, *, k: int) -> None:
        super().__init__(shape, radius)
        self.k = _checked(k, self.shape.numel(), f"weights of shape {tuple(shape)}", "entries")

    def minimise(self, direction: Tensor) -> Tensor:
        part = torch.zeros_like(direction).flatten()
        index = direction.abs().flatten().topk(self.k, sorted=False).indices
        part[index] = direction.flatten()[index]
        return self._along(part).view_as(direction)

    def norm(self, weight: Tensor) -> Tensor:
        return k_support_norm(weight, self.k)


class GroupKSupportBall(NormBall):
    r"""The same over groups: at most k groups that are not 0 and :math:`\|w\|_2 \le \tau`.

    Its norm is the k-support norm of the groups' Euclidean norms.

    Args:
        shape: of the weights.
        radius: τ.
        k: groups of a corner.
        group_shape: of a group, every side of which divides that of the weights. By default a
            filter, or a row: all that one output channel reads.

    >>> ball = GroupKSupportBall((2, 2), 10.0, k=1)
    >>> ball.minimise(torch.tensor([[1.0, 1.0], [3.0, 4.0]])) + 0
    tensor([[ 0.,  0.],
            [-6., -8.]])
    """

    def __init__(
        self,
        shape: Sequence[int],
        radius: float,
        *,
        k: int,
        group_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(shape, radius)
        sides = (1, *shape[1:]) if group_shape is None else tuple(group_shape)
        if len(sides) != len(self.shape) or any(
            side < 1 or total % side for total, side in zip(self.shape, sides, strict=True)
        ):
            raise SettingsError(
                f"The group shape {tuple(sides)} does not divide weights of shape {tuple(shape)}: "
                f"as many sides are needed, each a divisor of the one at its place."
            )
        counts = [total // side for total, side in zip(self.shape, sides, strict=True)]
        self._blocks = [n for pair in zip(counts, sides, strict=True) for n in pair]
        self._inner = tuple(range(1, len(self._blocks), 2))
        of = f"weights of shape {tuple(shape)} in groups of shape {sides}"
        self.k = _checked(k, math.prod(counts), of, "groups")

    def minimise(self, direction: Tensor) -> Tensor:
        blocks = direction.reshape(self._blocks)
        norms = torch.linalg.vector_norm(blocks, dim=self._inner, keepdim=True)
        kept = torch.zeros_like(norms).flatten()
        kept[norms.flatten().topk(self.k, sorted=False).indices] = 1
        return self._along((blocks * kept.view_as(norms)).view_as(direction))

    def norm(self, weight: Tensor) -> Tensor:
        blocks = weight.reshape(self._blocks)
        return k_support_norm(torch.linalg.vector_norm(blocks, dim=self._inner), self.k)


class SpectralKSupportBall(NormBall):
    r"""The hull of all matrices of rank at most k with :math:`\|W\|_F \le \tau`.

    A weight of more than two axes is the matrix of its rows, or filters. Its norm is the k-support
    norm of the singular values: for k = 1 the nuclear norm. With :math:`-M = U S V^\top` the
    oracle is :math:`\tau U_k S_k V_k^\top / \|S_k\|_2`, computed as :math:`U_k U_k^\top M` from the
    eigenvectors of the smaller of :math:`M M^\top` and :math:`M^\top M`.

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
        rank = min(self.shape[0], self.shape[1:].numel())
        self.k = _checked(k, rank, f"weights of shape {tuple(shape)}", "singular values")

    def minimise(self, direction: Tensor) -> Tensor:
        matrix = direction.flatten(1)
        is_wide = matrix.size(0) <= matrix.size(1)
        gram = matrix @ matrix.t() if is_wide else matrix.t() @ matrix
        axes = torch.linalg.eigh(gram).eigenvectors[:, -self.k :]
        part = axes @ (axes.t() @ matrix) if is_wide else (matrix @ axes) @ axes.t()
        return self._along(part).view_as(direction)

    def norm(self, weight: Tensor) -> Tensor:
        return k_support_norm(torch.linalg.svdvals(weight.flatten(1)), self.k)


def nuclear_ball(shape: Sequence[int], radius: float) -> SpectralKSupportBall:
    """The ball of the nuclear norm, the sum of the singular values: spectral k-support at k = 1."""
    return SpectralKSupportBall(shape, radius, k=1)


def k_support_norm(x: Tensor, k: int) -> Tensor:
    r"""The norm whose unit ball is the hull of all unit vectors with at most k entries not 0.

    .. math::
        \|x\|^2 = \sum_{i < k - r} z_i^2 + \frac{1}{r + 1} \Big(\sum_{i \ge k - r} z_i\Big)^2

    with the entries' sizes z in falling order, counted from 1, and the only r in 0 … k − 1 with
    :math:`z_{k-r-1} > \frac{1}{r+1} \sum_{i \ge k-r} z_i \ge z_{k-r}`, where :math:`z_0 = \infty`.
    k = 1 is the sum of the sizes, k = n the Euclidean norm.

    >>> x = torch.tensor([3.0, -4.0])
    >>> float(k_support_norm(x, 1)), float(k_support_norm(x, 2))
    (7.0, 5.0)
    """
    z = x.flatten().abs().sort(descending=True).values
    tails = z.flip(0).cumsum(0).flip(0)[:k].flip(0)  # r = 0 … k − 1: from entry k − r on
    means = tails / torch.arange(1, k + 1, device=z.device)
    before = torch.cat([z.new_full((1,), torch.inf), z[: k - 1]]).flip(0)
    r = int((before > means).int().argmax())
    return (z[: k - 1 - r].square().sum() + tails[r] * means[r]).sqrt()


def make_ball(
    kind: BallKind, weight: Tensor, *, share: float = 0.3, multiple: float = 10.0
) -> NormBall:
    r"""A ball for a layer's weights, as large as their initial norm says.

    The radius makes the corners' Euclidean norm :math:`c \|w_0\|_2`, with the multiple c and the
    initial weights :math:`w_0`: all kinds of balls are equally large for a layer.

    Args:
        kind: one of `BallKind`.
        weight: w₀.
        share: k, as a share of the entries, groups or singular values that there are; at least 1.
        multiple: c.

    Raises:
        SettingsError: an unknown kind, a share or a multiple out of range, weights that are zero.
    """
    if kind not in get_args(BallKind):
        raise SettingsError(unknown_choice("norm ball", kind, get_args(BallKind)))
    if not 0 < share <= 1:
        raise SettingsError(
            f"k is a share of a layer's entries, groups or singular values, above 0 and at most "
            f"1; received {share:g}."
        )
    size = float(torch.linalg.vector_norm(weight.detach()))
    if not (math.isfinite(multiple) and multiple > 0 and size > 0):
        raise SettingsError(
            f"The radius of a ball is a multiple of the weights' initial norm, and both are above "
            f"0; received the multiple {multiple:g} and a norm of {size:g}."
        )
    shape, radius = weight.shape, multiple * size

    def k_of(total: int) -> int:
        return max(1, round(share * total))

    match kind:
        case "l2":
            return L2Ball(shape, radius)
        case "k-sparse":
            k = k_of(shape.numel())
            return KSparsePolytope(shape, radius / math.sqrt(k), k=k)
        case "k-support":
            return KSupportBall(shape, radius, k=k_of(shape.numel()))
        case "group-k-support":
            return GroupKSupportBall(shape, radius, k=k_of(shape[0]))
        case "spectral-k-support":
            rank = min(shape[0], shape[1:].numel())
            return SpectralKSupportBall(shape, radius, k=k_of(rank))


def _checked(k: int, total: int, of: str, what: str) -> int:
    if not 1 <= k <= total:
        raise SettingsError(f"k lies in 1 … {total}, the {what} of {of}; received {k}.")
    return k
