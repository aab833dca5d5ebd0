"""The balls of Frank-Wolfe: oracles and norms by enumeration and by a solver, and their laws."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from graphdam.baselines import (
    GroupKSupportBall,
    KSparsePolytope,
    KSupportBall,
    L2Ball,
    NormBall,
    SpectralKSupportBall,
    k_support_norm,
    make_ball,
    nuclear_ball,
)
from graphdam.errors import SettingsError

RADIUS = 2.5

BALLS: dict[str, NormBall] = {
    "l2": L2Ball((4, 3), RADIUS),
    "k-sparse": KSparsePolytope((4, 3), RADIUS, k=5),
    "k-support": KSupportBall((4, 3), RADIUS, k=5),
    "k-support, one": KSupportBall((4, 3), RADIUS, k=1),
    "group": GroupKSupportBall((4, 3), RADIUS, k=2),
    "blocks": GroupKSupportBall((4, 3), RADIUS, k=2, group_shape=(2, 3)),
    "spectral": SpectralKSupportBall((4, 3), RADIUS, k=2),
    "nuclear": nuclear_ball((4, 3), RADIUS),
}

every_ball = pytest.mark.parametrize("ball", BALLS.values(), ids=BALLS.keys())


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def lowest(ball: NormBall, direction: Tensor) -> float:
    return float((ball.minimise(direction) * direction).sum())


def by_solver(norm_of: NormBall, direction: Tensor) -> float:
    """The least inner product with a point of the ball, found by a general solver."""
    found = math.inf

    def room(point: np.ndarray) -> float:
        return RADIUS - float(norm_of.norm(torch.tensor(point).view_as(direction)))

    for seed in range(3):
        start = norm_of.pull_inside(drawn(*direction.shape, seed=seed)).flatten().numpy()
        solved = minimize(
            lambda v: float(v @ direction.flatten().numpy()),
            start,
            method="SLSQP",
            constraints={"type": "ineq", "fun": room},
            options={"maxiter": 300, "ftol": 1e-10},
        )
        if room(solved.x) > -1e-6:  # it may give up outside: the norms have edges
            found = min(found, float(solved.fun))
    return found


@every_ball
def test_no_point_of_the_ball_does_better_than_the_oracle(ball: NormBall) -> None:
    for seed in range(20):
        direction, point = drawn(4, 3, seed=seed), drawn(4, 3, seed=100 + seed) * 10
        inside = ball.pull_inside(point)
        assert float(ball.norm(inside)) == pytest.approx(RADIUS)
        assert lowest(ball, direction) <= float((inside * direction).sum()) + 1e-9


@every_ball
def test_the_oracle_answers_with_a_point_on_the_boundary(ball: NormBall) -> None:
    for seed in range(5):
        assert float(ball.norm(ball.minimise(drawn(4, 3, seed=seed)))) == pytest.approx(RADIUS)


@pytest.mark.parametrize("kind", ["l2", "k-sparse", "k-support", "group", "spectral", "nuclear"])
def test_a_general_solver_finds_the_oracles_value(kind: str) -> None:
    ball, direction = BALLS[kind], drawn(4, 3)
    assert by_solver(ball, direction) == pytest.approx(lowest(ball, direction), rel=2e-3)


def test_k_support_by_enumeration_of_the_supports() -> None:
    ball = KSupportBall((6,), RADIUS, k=3)
    for seed in range(10):
        direction = drawn(6, seed=seed)
        values = [
            -RADIUS * float(direction[list(support)].norm())
            for support in combinations(range(6), 3)
        ]
        assert lowest(ball, direction) == pytest.approx(min(values))


def test_group_k_support_by_enumeration_of_the_groups() -> None:
    ball = GroupKSupportBall((4, 6), RADIUS, k=2, group_shape=(2, 3))
    for seed in range(10):
        direction = drawn(4, 6, seed=seed)
        blocks = [
            direction[row : row + 2, column : column + 3] for row, column in product((0, 2), (0, 3))
        ]
        values = [-RADIUS * float(torch.stack(pair).norm()) for pair in combinations(blocks, 2)]
        assert lowest(ball, direction) == pytest.approx(min(values))
        corner = ball.minimise(direction)
        is_open = [
            bool(corner[row : row + 2, column : column + 3].any())
            for row, column in product((0, 2), (0, 3))
        ]
        assert sum(is_open) == 2


def test_the_polytope_by_enumeration_of_its_corners() -> None:
    ball = KSparsePolytope((5,), RADIUS, k=2)
    direction = drawn(5)
    values = []
    for support in combinations(range(5), 2):
        for signs in product((-1, 1), repeat=2):
            corner = torch.zeros(5, dtype=torch.double)
            corner[list(support)] = RADIUS * torch.tensor(signs, dtype=torch.double)
            values.append(float(corner @ direction))
    assert lowest(ball, direction) == pytest.approx(min(values))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (3, 2, 2)])
def test_the_spectral_oracle_is_the_formula_with_singular_vectors(shape: tuple[int, ...]) -> None:
    direction = drawn(*shape)
    u, s, v = torch.linalg.svd(-direction.flatten(1), full_matrices=False)
    expected = RADIUS * (u[:, :2] * s[:2]) @ v[:2] / s[:2].norm()
    found = SpectralKSupportBall(shape, RADIUS, k=2).minimise(direction)
    assert found.shape == direction.shape
    assert torch.allclose(found.flatten(1), expected)


@pytest.mark.parametrize("shape", [(90, 130), (130, 90), (70, 10, 3, 3)])
def test_a_spectral_oracle_follows_a_direction_as_far_as_it_moves(shape: tuple[int, ...]) -> None:
    ball = SpectralKSupportBall(shape, RADIUS, k=25)
    direction, start = drawn(*shape), None
    for step in range(1, 30):
        point, start = ball.minimise_from(direction, start)
        if step == 1:
            assert torch.equal(point, ball.minimise(direction))
        assert float((point * direction).sum()) <= 0.98 * lowest(ball, direction)
        assert float(ball.norm(point)) == pytest.approx(RADIUS)
        direction = direction.lerp(drawn(*shape, seed=step), 0.05)


def test_a_spectral_oracle_comes_back_to_the_corner_of_a_direction_that_rests() -> None:
    ball, rests = SpectralKSupportBall((70, 90), RADIUS, k=20), drawn(70, 90, seed=1)
    for before in (drawn(70, 90), torch.zeros(70, 90, dtype=torch.double)):
        start = ball.minimise_from(before, None)[1]
        point, start = ball.minimise_from(rests, start)
        assert not torch.allclose(point, ball.minimise(rests))
        for _ in range(1000):
            point, start = ball.minimise_from(rests, start)
        assert torch.allclose(point, ball.minimise(rests))


@every_ball
def test_small_balls_start_from_nothing(ball: NormBall) -> None:
    point, start = ball.minimise_from(drawn(4, 3), None)
    assert torch.equal(point, ball.minimise(drawn(4, 3)))
    assert start is None


def test_the_k_support_norm_is_the_dual_of_the_norm_of_the_k_largest() -> None:
    for seed, k in product(range(4), (1, 2, 3, 5)):
        x = drawn(5, seed=seed)
        solved = minimize(
            lambda u, x=x: -float(u @ x.numpy()),
            np.zeros(5),
            method="SLSQP",
            constraints=[
                {"type": "ineq", "fun": lambda u, s=support: 1 - float((u[list(s)] ** 2).sum())}
                for support in combinations(range(5), k)
            ],
        )
        assert float(k_support_norm(x, k)) == pytest.approx(-float(solved.fun), rel=1e-4)


def test_balls_that_are_the_same_ball() -> None:
    w = drawn(4, 3)
    single = GroupKSupportBall((4, 3), RADIUS, k=5, group_shape=(1, 1))
    for one, other in [
        (BALLS["l2"], KSupportBall((4, 3), RADIUS, k=12)),
        (BALLS["l2"], SpectralKSupportBall((4, 3), RADIUS, k=3)),
        (BALLS["k-support"], single),
        (BALLS["k-support, one"], KSparsePolytope((4, 3), RADIUS, k=1)),
    ]:
        assert float(one.norm(w)) == pytest.approx(float(other.norm(w)))
        assert torch.allclose(one.minimise(w), other.minimise(w))
    singular = torch.linalg.svdvals(w)
    assert float(BALLS["nuclear"].norm(w)) == pytest.approx(float(singular.sum()))


@every_ball
def test_the_diameter_is_reached_and_not_exceeded(ball: NormBall) -> None:
    corners = [ball.minimise(drawn(4, 3, seed=seed)) for seed in range(6)]
    corners += [-corner for corner in corners]
    distances = [float((one - other).norm()) for one, other in product(corners, corners)]
    assert max(distances) == pytest.approx(ball.diameter)


@every_ball
def test_pulling_inside_keeps_directions_and_what_is_inside(ball: NormBall) -> None:
    outside = drawn(4, 3) * 100
    pulled = ball.pull_inside(outside)
    assert torch.allclose(pulled / pulled.norm(), outside / outside.norm())
    inside = pulled / 2
    assert torch.equal(ball.pull_inside(inside), inside)


@every_ball
def test_no_direction_is_answered_without_a_nan(ball: NormBall) -> None:
    zero = torch.zeros(4, 3)
    assert torch.equal(ball.minimise(zero).abs(), zero)


def test_made_balls_have_corners_of_the_same_length() -> None:
    weight = drawn(8, 5)
    direction = drawn(8, 5, seed=1)
    for kind in ("l2", "k-sparse", "k-support", "group-k-support", "spectral-k-support"):
        ball = make_ball(kind, weight, share=0.25, multiple=10)
        assert float(ball.minimise(direction).norm()) == pytest.approx(10 * float(weight.norm()))
    group = make_ball("group-k-support", weight, share=0.25)
    assert isinstance(group, GroupKSupportBall)
    assert group.k == 2


@pytest.mark.parametrize("radius", [0.0, -1.0, math.inf, math.nan])
def test_a_radius_out_of_range_is_refused(radius: float) -> None:
    with pytest.raises(SettingsError, match="radius of a norm ball is a number above 0, received"):
        L2Ball((3,), radius)


@pytest.mark.parametrize("k", [0, 4])
def test_a_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(
        SettingsError, match=rf"k lies in 1 … 3, the entries of weights of shape \(3,\); .* {k}\."
    ):
        KSupportBall((3,), 1.0, k=k)
    with pytest.raises(SettingsError, match=rf"1 … 3, the singular values of .*; received {k}\."):
        SpectralKSupportBall((3, 5), 1.0, k=k)
    with pytest.raises(SettingsError, match=rf"1 … 3, the groups of .*; received {k}\."):
        GroupKSupportBall((3, 2), 1.0, k=k)


@pytest.mark.parametrize("sides", [(3, 1), (1, 1, 1), (0, 3), (4,)])
def test_a_group_shape_that_does_not_divide_is_refused(sides: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match=r"group shape .* does not divide weights .*\(4, 3\)"):
        GroupKSupportBall((4, 3), 1.0, k=1, group_shape=sides)


def test_what_a_ball_cannot_be_made_of_is_refused() -> None:
    weight = drawn(4, 3)
    with pytest.raises(SettingsError, match="Unknown norm ball 'k-suport': did you mean"):
        make_ball("k-suport", weight)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"above 0 and at most 1; received 1\.5"):
        make_ball("k-support", weight, share=1.5)
    with pytest.raises(SettingsError, match=r"received the multiple 0 and a norm of"):
        make_ball("k-support", weight, multiple=0)
    with pytest.raises(SettingsError, match=r"multiple 10 and a norm of 0\."):
        make_ball("k-support", torch.zeros(4, 3))
    with pytest.raises(SettingsError, match="A spectral ball is of matrices"):
        SpectralKSupportBall((4,), 1.0, k=1)
