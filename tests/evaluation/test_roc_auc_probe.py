"""Is the ROC-AUC probe one logistic regression of scikit-learn a column?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from graphdam.data.graph import Split
from graphdam.errors import DataError
from graphdam.evaluation.probe_fit import GRID
from graphdam.evaluation.roc_auc_probe import RocAucProbeResult, roc_auc_probe


def noisy(num_tasks: int, width: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(150, width, generator=generator)
    weights = torch.randn(width, num_tasks, generator=generator)
    noise = 2 * torch.randn(150, num_tasks, generator=generator)
    return z, (z @ weights + noise > 0).float()


def thirds() -> Split:
    part = torch.arange(150) % 3
    return Split(*(part == number for number in range(3)))


def probe(z: Tensor, y: Tensor) -> RocAucProbeResult:
    return roc_auc_probe(z, y, **thirds()._asdict())


# 70 is wider than the 50 training nodes
@pytest.mark.parametrize(("num_tasks", "width"), [(1, 5), (3, 5), (3, 70)])
def test_equals_cold_fits_of_scikit_learn(num_tasks: int, width: int) -> None:
    z, y = noisy(num_tasks, width)
    x = StandardScaler().fit_transform(z.double().numpy())
    train, val, test = (mask.numpy() for mask in thirds())
    truth = y.numpy()
    areas = []
    for c in GRID:
        model = LogisticRegression(C=c, tol=1e-9, max_iter=10_000)
        scores = [model.fit(x[train], column[train]).predict_proba(x)[:, 1] for column in truth.T]
        areas.append(
            [
                np.mean(
                    [
                        roc_auc_score(column[part], score[part])
                        for column, score in zip(truth.T, scores, strict=True)
                    ]
                )
                for part in (val, test)
            ]
        )
    chosen = int(np.argmax([area for area, _ in areas]))
    result = probe(z, y)
    assert result.chosen_c == GRID[chosen]
    assert result.val_roc_auc == pytest.approx(areas[chosen][0], abs=1e-12)
    assert result.test_roc_auc == pytest.approx(areas[chosen][1], abs=1e-12)
    assert 0.5 < result.test_roc_auc < 1


def test_binary_labels_are_one_column() -> None:
    z, y = noisy(1)
    assert probe(z, y[:, 0].long()) == probe(z, y)


def test_swapping_yes_and_no_changes_nothing() -> None:
    z, y = noisy(2)
    assert probe(z, 1 - y).test_roc_auc == pytest.approx(probe(z, y).test_roc_auc, abs=1e-12)


def test_columns_with_one_outcome() -> None:
    """None in the scored parts: left out. None in training: nothing learnt, half of the area."""
    z, y = noisy(1)
    split = thirds()
    alone = probe(z, y)
    silent = torch.where(split.train[:, None], y, torch.zeros(()))
    assert probe(z, torch.cat([y, silent], dim=1)) == alone
    unlearnt = torch.where(split.train[:, None], torch.ones(()), y)
    both = probe(z, torch.cat([y, unlearnt], dim=1))
    assert both.test_roc_auc == pytest.approx((alone.test_roc_auc + 0.5) / 2)
    with pytest.raises(DataError, match="No label of the probe has both outcomes among the nodes"):
        probe(z, unlearnt)


def test_labels_beyond_yes_and_no_are_refused() -> None:
    z, y = noisy(1)
    with pytest.raises(DataError, match="must be 0 or 1, but hold 2; linear_probe takes more"):
        probe(z, 2 * y)
    with pytest.raises(DataError, match="`train` selects 50 nodes without a label"):
        probe(z, torch.full((150,), -1))
