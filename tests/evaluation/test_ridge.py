"""Is the quick probe scikit-learn's ridge regression, whichever way it is solved?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from graphdam.evaluation.ridge import PENALTY, ridge_scores

NUM_NODES, NUM_CLASSES = 60, 4


def labelled(num_labelled: int, dimensions: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(NUM_CLASSES, (NUM_NODES,), generator=generator)
    y[:NUM_CLASSES] = torch.arange(NUM_CLASSES)
    z = torch.randn(NUM_NODES, dimensions, generator=generator) + 3 * y.unsqueeze(1)
    return z, y, torch.arange(NUM_NODES) < num_labelled


def scikit_learns(z: Tensor, columns: Tensor, train: Tensor) -> Tensor:
    rows = StandardScaler().fit_transform(z.double().numpy()) / np.sqrt(z.size(1))
    # our features are not centred on the training nodes, and neither is what `fit_intercept=False`
    # fits: the labels alone are
    known, target = rows[train.numpy()], columns[train].double().numpy()
    model = Ridge(alpha=PENALTY * len(known), fit_intercept=False)
    model.fit(known, target - target.mean(0))
    return torch.from_numpy(model.predict(rows) + target.mean(0)).float()


@pytest.mark.parametrize(("num_labelled", "dimensions"), [(40, 6), (10, 24), (12, 12)])
def test_scores_are_scikit_learns_among_dimensions_and_among_nodes(
    num_labelled: int, dimensions: int
) -> None:
    z, y, train = labelled(num_labelled, dimensions)
    columns = torch.nn.functional.one_hot(y, NUM_CLASSES)
    scores = ridge_scores(z, y, train)
    torch.testing.assert_close(scores, scikit_learns(z, columns, train), rtol=1e-4, atol=1e-5)
    yes_or_no = (torch.arange(NUM_NODES)[:, None] % torch.tensor([2, 3]) == 0).float()
    several = ridge_scores(z, yes_or_no, train)
    torch.testing.assert_close(several, scikit_learns(z, yes_or_no, train), rtol=1e-4, atol=1e-5)


def test_scale_shift_and_order_of_the_dimensions_do_not_matter() -> None:
    z, y, train = labelled(20, 8)
    factor, shift = torch.logspace(-3, 3, 8), torch.arange(8.0)
    other = (z * factor + shift)[:, torch.randperm(8)]
    torch.testing.assert_close(
        ridge_scores(z, y, train), ridge_scores(other, y, train), rtol=1e-3, atol=1e-3
    )


def test_labels_outside_training_do_not_matter() -> None:
    z, y, train = labelled(20, 8)
    hidden = torch.where(train, y, -1)
    assert torch.equal(ridge_scores(z, y, train), ridge_scores(z, hidden, train))


def test_a_dimension_that_says_nothing_is_left_out_of_the_answer() -> None:
    z, y, train = labelled(20, 8)
    scores = ridge_scores(torch.zeros(NUM_NODES, 3), y, train)
    share = torch.nn.functional.one_hot(y[train], NUM_CLASSES).float().mean(0)
    torch.testing.assert_close(scores, share.expand_as(scores))
    constant = torch.cat([z, torch.full((NUM_NODES, 1), 2.0)], 1)
    assert bool(ridge_scores(constant, y, train).isfinite().all())
