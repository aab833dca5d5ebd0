"""Have drawn points the dimension that they are known by, and has every seed its own?"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphdam.data import POINT_SETS, find_dataset, is_point_set, load_data, load_points
from graphdam.data.points import DIMENSIONS, PARTS, draw_map
from graphdam.errors import DataError


@pytest.mark.parametrize("name", ["linear-points", "affine-points"])
def test_a_linear_maps_points_have_their_dimension_as_rank(name: str) -> None:
    points = load_points(name, seed=1)
    assert np.linalg.matrix_rank(points.x.numpy()) == points.dimension
    centred = points.x - points.x.mean(dim=0)
    assert np.linalg.matrix_rank(centred.numpy()) == POINT_SETS[name].num_factors


@pytest.mark.parametrize("name", POINT_SETS)
def test_the_jacobian_has_a_rank_a_factor(name: str) -> None:
    info, step = POINT_SETS[name], 1e-5
    mapping = draw_map(info.map, info.num_factors, np.random.default_rng(3))
    at = np.random.default_rng(4).standard_normal(info.num_factors)
    near = at + step * np.vstack([np.eye(info.num_factors), -np.eye(info.num_factors)])
    plus, minus = np.split(mapping(near), 2)
    jacobian = (plus - minus) / (2 * step)
    assert np.linalg.matrix_rank(jacobian, tol=1e-4) == info.num_factors
    shifted = info.map == "affine"
    assert info.dimension == info.num_factors + shifted


@pytest.mark.parametrize("name", ["quadratic-points", "mlp-points"])
def test_a_curved_maps_points_have_full_rank(name: str) -> None:
    points = load_points(name)
    assert np.linalg.matrix_rank(points.x.numpy()) == DIMENSIONS > points.dimension == 20


def test_the_quadratic_map_by_hand() -> None:
    mapping = draw_map("quadratic", 2, np.random.default_rng(0))
    again = np.random.default_rng(0)
    weight = again.uniform(-(2**-0.5), 2**-0.5, (2, DIMENSIONS))
    shift = again.uniform(-(2**-0.5), 2**-0.5, DIMENSIONS)
    other = again.uniform(-(2**-0.5), 2**-0.5, (2, DIMENSIONS))
    z = np.array([[1.0, -2.0]])
    first = weight[0] - 2 * weight[1]
    expected = first * (other[0] - 2 * other[1]) + first + shift
    np.testing.assert_allclose(mapping(z)[0], expected)


def test_seeds_repeat_and_differ_and_leave_torch_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again, other = (load_points("mlp-points", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, other.x)


def test_the_parts_are_all_points_once() -> None:
    points = load_points("linear-points")
    train, val, test = (points.indices(part) for part in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == PARTS
    assert torch.equal(torch.cat([train, val, test]), torch.arange(len(points.x)))


def test_names_find_points_whatever_their_case() -> None:
    assert is_point_set(" MLP-Points")
    points = load_data("MLP-Points")
    assert points.name == "mlp-points"
    with pytest.raises(DataError) as error:
        load_points("mlp-point")
    assert str(error.value) == (
        "Unknown set of points 'mlp-point': did you mean 'mlp-points'? Known: affine-points, "
        "linear-points, mlp-points, quadratic-points."
    )
    with pytest.raises(DataError) as error:
        find_dataset("mlp-points")
    assert str(error.value).startswith(
        "'mlp-points' is a set of points (20 Gaussian factors through a random MLP), not a graph: "
        "graphdam.data.load_points('mlp-points') draws it. Graphs are "
    )
