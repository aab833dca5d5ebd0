"""Balls whose corners are sparse: where Frank-Wolfe keeps a layer's weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from graphdam.errors import SettingsError

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

    def minimise_from(
        self, direction: Tensor, start: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """What `minimise` finds, or nearly so, for a direction that changes little by little.

        Args:
            direction: m.
            start: what the call before this one returned beside its point; None at first.

        Returns:
            The point, and where the next call may start; None for balls that need no start.
        """
        del start
        return self.minimise(direction), None

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
        self.k = checked_k(k, self.shape.numel(), f"weights of shape {tuple(shape)}", "entries")

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
        self.k = checked_k(k, self.shape.numel(), f"weights of shape {tuple(shape)}", "entries")

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
        self.k = checked_k(k, math.prod(counts), of, "groups")

    def minimise(self, direction: Tensor) -> Tensor:
        blocks = direction.reshape(self._blocks)
        norms = torch.linalg.vector_norm(blocks, dim=self._inner, keepdim=True)
        kept = torch.zeros_like(norms).flatten()
        kept[norms.flatten().topk(self.k, sorted=False).indices] = 1
        return self._along((blocks * kept.view_as(norms)).view_as(direction))

    def norm(self, weight: Tensor) -> Tensor:
        blocks = weight.reshape(self._blocks)
        return k_support_norm(torch.linalg.vector_norm(blocks, dim=self._inner), self.k)


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


def checked_k(k: int, total: int, of: str, what: str) -> int:
    """k, where `of` has at least so many.

    Raises:
        SettingsError: k below 1 or above the total.
    """
    if not 1 <= k <= total:
        raise SettingsError(f"k lies in 1 … {total}, the {what} of {of}; received {k}.")
    return k
