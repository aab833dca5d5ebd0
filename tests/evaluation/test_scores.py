"""Are scores what scikit-learn says they are?"""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import accuracy_score, roc_auc_score

from graphdam.evaluation.scores import accuracy, mean_roc_auc


def test_accuracy_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(97, 5, generator=generator)
    y = torch.randint(5, (97,), generator=generator)
    assert accuracy(outputs, y) == accuracy_score(y.numpy(), outputs.argmax(1).numpy())


def test_accuracy_by_hand() -> None:
    outputs = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert accuracy(outputs, torch.tensor([1, 1, 1])) == pytest.approx(2 / 3)


def test_roc_auc_is_scikit_learns_mean_over_tasks() -> None:
    generator = torch.Generator().manual_seed(1)
    # rounded, so that there are ties
    outputs = torch.randn(80, 3, generator=generator).mul(2).round()
    y = torch.randint(2, (80, 3), generator=generator)
    areas = [roc_auc_score(y[:, task].numpy(), outputs[:, task].numpy()) for task in range(3)]
    assert mean_roc_auc(outputs, y) == pytest.approx(sum(areas) / 3, abs=1e-12)


def test_roc_auc_counts_ordered_pairs() -> None:
    outputs, y = torch.tensor([[0.1], [0.4], [0.35], [0.8]]), torch.tensor([[0], [0], [1], [1]])
    # of the four pairs of a yes and a no only (0.35, 0.4) is in the wrong order
    assert mean_roc_auc(outputs, y) == 0.75


def test_roc_auc_does_not_change_under_a_monotone_map() -> None:
    generator = torch.Generator().manual_seed(2)
    outputs = torch.randn(40, 1, generator=generator, dtype=torch.float64)
    y = torch.randint(2, (40, 1), generator=generator)
    assert mean_roc_auc(outputs.sigmoid(), y) == mean_roc_auc(outputs, y)
    assert mean_roc_auc(-outputs, y) == pytest.approx(1 - mean_roc_auc(outputs, y))


def test_tasks_with_one_outcome_are_left_out() -> None:
    outputs = torch.tensor([[0.1, 3.0], [0.9, 1.0], [0.2, 2.0]])
    y = torch.tensor([[0, 1], [1, 1], [0, 1]])
    assert mean_roc_auc(outputs, y) == 1.0
    assert mean_roc_auc(outputs[:, 1:], y[:, 1:]) == 0.5
