"""Are ratings without a graph what their formulas say?"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from tiny_ratings import tiny_ratings

from graphdam.baselines import RATING_RIVALS
from graphdam.baselines import ratings as rivals
from graphdam.errors import SettingsError
from graphdam.evaluation.scores import root_mean_squared_error

RATINGS = tiny_ratings()


@pytest.mark.parametrize("name", ["user-mean", "item-mean", "global-mean"])
def test_means_are_of_training_ratings_alone(name: str) -> None:
    guess = RATING_RIVALS[name](RATINGS, RATINGS.test)
    train = RATINGS.train.numpy()
    values = RATINGS.values(RATINGS.train).numpy()
    ends = {"user-mean": RATINGS.users, "item-mean": RATINGS.items}.get(name)
    for at, given in zip(RATINGS.test.tolist(), guess.values.tolist(), strict=True):
        same = np.ones(len(train), dtype=bool)
        if ends is not None:
            same = ends.numpy()[train] == int(ends[at])
        expected = values[same].mean() if same.any() else values.mean()
        assert given == pytest.approx(expected, rel=1e-6)
    sizes = {"user-mean": RATINGS.shape[0], "item-mean": RATINGS.shape[1]}
    assert guess.parameters == sizes.get(name, 1)


def test_a_factorisation_is_chosen_on_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("surprise")
    monkeypatch.setattr(rivals, "EPOCHS", 20)
    monkeypatch.setattr(rivals, "FACTORS", (2, 4))
    monkeypatch.setattr(rivals, "PENALTIES", (0.02, 0.2))
    index = torch.cat([RATINGS.val, RATINGS.test])
    guess = RATING_RIVALS["factorisation"](RATINGS, index, seed=1)
    again = RATING_RIVALS["factorisation"](RATINGS, index, seed=1)
    assert torch.equal(guess.values, again.values)
    errors = {}
    for factors, penalty in product((2, 4), (0.02, 0.2)):
        monkeypatch.setattr(rivals, "FACTORS", (factors,))
        monkeypatch.setattr(rivals, "PENALTIES", (penalty,))
        one = RATING_RIVALS["factorisation"](RATINGS, RATINGS.val, seed=1)
        errors[factors, penalty] = root_mean_squared_error(one.values, RATINGS.values(RATINGS.val))
        assert one.parameters == 1 + sum(RATINGS.shape) * (factors + 1)
    best = min(errors, key=lambda choice: errors[choice])
    assert guess.about == f"{best[0]} factors and penalty {best[1]:g}, of 4 choices"
    assert guess.multiply_adds == best[0]
    held = guess.values[: len(RATINGS.val)]
    found = root_mean_squared_error(held, RATINGS.values(RATINGS.val))
    assert found == pytest.approx(errors[best])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "surprise", None)
    with pytest.raises(SettingsError, match=r"needs scikit-surprise: install graphdam\[bench\]\."):
        RATING_RIVALS["factorisation"](RATINGS, RATINGS.val)
