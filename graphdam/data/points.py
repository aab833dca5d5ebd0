"""Points in 100 dimensions that are made of few factors, drawn anew for every seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from graphdam.data.graph import SplitName
from graphdam.data.point_registry import POINTS_SPLIT, PointMap
from graphdam.data.raw import Array
from graphdam.data.registry import find_point_set

DIMENSIONS = 100
HIDDEN = 128
"""Channels between the two layers of the random MLP."""

PARTS = (5_000, 1_000, 1_000)
"""Points to learn from, to choose on and to test on."""


@dataclass(frozen=True)
class Points:
    """A set of points with one split.

    Attributes:
        name: what the user calls the set.
        x: float32 [N, 100], the points to learn from first, those to test on last.
        dimension: the width of the smallest code that loses nothing, see `PointSetInfo`.
        seed: of which they and what makes them were drawn.
        split_name: how the parts came about.
    """

    name: str
    x: Tensor
    dimension: int
    seed: int
    split_name: str = POINTS_SPLIT

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one point."""
        return tuple(self.x.shape[1:])

    def indices(self, split: SplitName) -> Tensor:
        """The points of one part of the split: int64."""
        train, val, test = PARTS
        begin, count = {"train": (0, train), "val": (train, val), "test": (train + val, test)}[
            split
        ]
        return torch.arange(begin, begin + count, device=self.x.device)

    def to(self, device: torch.device | str) -> Points:
        """On another device."""
        return replace(self, x=self.x.to(device))


def load_points(name: str, *, seed: int = 0) -> Points:
    """A named set of points, drawn from a seed: another seed has another map, and other factors.

    Args:
        name: one of `graphdam.data.point_registry.POINT_SETS`.
        seed: of a generator of its own, so that no model shares its numbers.

    Raises:
        DataError: an unknown name.

    >>> points = load_points("affine-points", seed=3)
    >>> points.x.shape, points.dimension, int(np.linalg.matrix_rank(points.x.numpy()))
    (torch.Size([7000, 100]), 11, 11)
    """
    info = find_point_set(name)
    generator = np.random.default_rng(seed)
    mapping = draw_map(info.map, info.num_factors, generator)
    x = mapping(generator.standard_normal((sum(PARTS), info.num_factors)))
    return Points(
        name=info.name,
        x=torch.from_numpy(x.astype(np.float32)),
        dimension=info.dimension,
        seed=seed,
    )


def draw_map(
    kind: PointMap, num_factors: int, generator: np.random.Generator
) -> Callable[[Array], Array]:
    r"""What makes points [N, 100] of factors z [N, k].

    .. math::
        W z, \qquad W z + b, \qquad
        (W z) \odot (V z) + W z + b, \qquad
        B \, \mathrm{ELU}(A z + a) + b

    for `linear`, `affine`, `quadratic` and `mlp`, the last with 128 channels between: the maps of
    the authors' code to `"Learning Compact Representations of Neural Networks using
    DiscriminAtive Masking (DAM)" <https://arxiv.org/abs/2110.00684>`_. Every entry is drawn as
    those of a fresh `torch.nn.Linear` are, uniformly within one over the root of its inputs.
    """

    def uniform(num_inputs: int, *shape: int) -> Array:
        bound = num_inputs**-0.5
        return generator.uniform(-bound, bound, shape)

    if kind == "mlp":
        first, inner = uniform(num_factors, num_factors, HIDDEN), uniform(num_factors, HIDDEN)
        second, outer = uniform(HIDDEN, HIDDEN, DIMENSIONS), uniform(HIDDEN, DIMENSIONS)
        return lambda z: _elu(z @ first + inner) @ second + outer
    weight = uniform(num_factors, num_factors, DIMENSIONS)
    if kind == "linear":
        return lambda z: z @ weight
    shift = uniform(num_factors, DIMENSIONS)
    if kind == "affine":
        return lambda z: z @ weight + shift
    other = uniform(num_factors, num_factors, DIMENSIONS)
    return lambda z: (z @ weight) * (z @ other) + z @ weight + shift


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
