"""Ratings without a graph: means, and matrix factorisation by scikit-surprise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from graphdam.data import Ratings
from graphdam.errors import SettingsError
from graphdam.evaluation.scores import root_mean_squared_error

FACTORS, PENALTIES, EPOCHS = (5, 20, 50), (0.05, 0.1, 0.2), 40
"""What validation chooses a factorisation from, and the passes over the ratings of each."""


@dataclass(frozen=True)
class Guess:
    """What a rival makes of a set of ratings.

    Attributes:
        values: float32, a rating for each of the indices that were asked for.
        parameters: numbers that it keeps.
        multiply_adds: of one prediction.
        about: what was chosen on validation, in words; empty if nothing.
    """

    values: Tensor
    parameters: int
    multiply_adds: int
    about: str = ""


def global_mean(ratings: Ratings, index: Tensor, *, seed: int = 0) -> Guess:
    """The mean of the training ratings for every pair."""
    del seed
    return Guess(torch.full(index.shape, ratings.mean), 1, 0)


def user_mean(ratings: Ratings, index: Tensor, *, seed: int = 0) -> Guess:
    """The mean of a user's training ratings, or that of all where there are none."""
    del seed
    means = _means(ratings, ratings.users, ratings.shape[0])
    return Guess(means[ratings.users[index]], means.numel(), 0)


def item_mean(ratings: Ratings, index: Tensor, *, seed: int = 0) -> Guess:
    """Likewise of an item's."""
    del seed
    means = _means(ratings, ratings.items, ratings.shape[1])
    return Guess(means[ratings.items[index]], means.numel(), 0)


def _means(ratings: Ratings, ends: Tensor, size: int) -> Tensor:
    known = ends[ratings.train]
    counts = torch.bincount(known, minlength=size)
    values = ratings.values(ratings.train).double()
    sums = torch.zeros(size, dtype=torch.float64).index_add_(0, known, values)
    return torch.where(counts > 0, sums / counts.clamp(min=1), ratings.mean).float()


def factorisation(ratings: Ratings, index: Tensor, *, seed: int = 0) -> Guess:
    r"""Biases and inner products of factors: :math:`\hat r = \mu + b_u + b_i + p_u^\top q_i`.

    As in `"Matrix Factorization Techniques for Recommender Systems"
    <https://doi.org/10.1109/MC.2009.263>`_, by scikit-surprise's `SVD`. The number of factors and
    the penalty on all numbers are those with the least error on validation.

    Raises:
        SettingsError: scikit-surprise is not installed.
    """
    try:
        from surprise import SVD, Dataset, Reader
    except ImportError:
        raise SettingsError(
            "Matrix factorisation needs scikit-surprise: install graphdam[bench]."
        ) from None
    scale = float(ratings.levels[0]), float(ratings.levels[-1])
    known = zip(*_ends(ratings, ratings.train), ratings.values(ratings.train).tolist(), strict=True)
    trainset = Dataset(Reader(rating_scale=scale)).construct_trainset(
        [(user, item, value, None) for user, item, value in known]
    )

    def fitted(factors: int, penalty: float) -> Any:
        model = SVD(n_factors=factors, n_epochs=EPOCHS, reg_all=penalty, random_state=seed)
        return model.fit(trainset)

    def error(choice: tuple[int, float]) -> float:
        values = _rated(fitted(*choice), ratings, ratings.val)
        return root_mean_squared_error(values, ratings.values(ratings.val))

    factors, penalty = min(product(FACTORS, PENALTIES), key=error)
    return Guess(
        _rated(fitted(factors, penalty), ratings, index),
        1 + sum(ratings.shape) * (factors + 1),
        factors,
        f"{factors} factors and penalty {penalty:g}, of {len(FACTORS) * len(PENALTIES)} choices",
    )


def _ends(ratings: Ratings, index: Tensor) -> tuple[list[int], list[int]]:
    return ratings.users[index].tolist(), ratings.items[index].tolist()


def _rated(model: Any, ratings: Ratings, index: Tensor) -> Tensor:
    pairs = zip(*_ends(ratings, index), strict=True)
    return torch.tensor([model.predict(user, item, clip=False).est for user, item in pairs])


RATING_RIVALS: dict[str, Callable[..., Guess]] = {
    "global-mean": global_mean,
    "user-mean": user_mean,
    "item-mean": item_mean,
    "factorisation": factorisation,
}
"""Each takes ratings, which of them to guess, and a seed."""
