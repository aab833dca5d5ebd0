"""Which sets of points have a name: drawn, not read, so that their true dimension is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PointMap = Literal["linear", "affine", "quadratic", "mlp"]

POINTS_SPLIT = "drawn"


@dataclass(frozen=True)
class PointSetInfo:
    """What is known of a named set of points.

    Attributes:
        name: what the user calls it, in lower case.
        map: what makes a point of its factors (`graphdam.data.points.draw_map`).
        description: one line for a list.
        num_factors: independent Gaussian numbers that a point is made of.
        dimension: the smallest code that loses nothing. Of points that a linear map makes, the
            rank of their matrix; a code is read without a bias there, so a shift takes a channel.
            Of others, the rank of the map's Jacobian, which is the number of factors: the matrix
            of such points has full rank.
    """

    name: str
    map: PointMap
    description: str
    num_factors: int
    dimension: int
    split: str = POINTS_SPLIT


POINT_SETS: dict[str, PointSetInfo] = {
    info.name: info
    for info in (
        PointSetInfo("linear-points", "linear", "a linear map of 10 Gaussian factors", 10, 10),
        PointSetInfo(
            "affine-points", "affine", "a linear map of 10 Gaussian factors, and a shift", 10, 11
        ),
        PointSetInfo(
            "quadratic-points",
            "quadratic",
            "products of linear maps of 20 Gaussian factors",
            20,
            20,
        ),
        PointSetInfo("mlp-points", "mlp", "20 Gaussian factors through a random MLP", 20, 20),
    )
}
