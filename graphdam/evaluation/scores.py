"""Scores of predictions."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score
from torch import Tensor


def accuracy(outputs: Tensor, y: Tensor) -> float:
    """The share of rows of `outputs` [N, C] whose largest entry stands at the class `y` [N].

    >>> import torch
    >>> accuracy(torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 1]))
    0.5
    """
    return float((outputs.argmax(dim=-1) == y).double().mean())


def root_mean_squared_error(outputs: Tensor, y: Tensor) -> float:
    """Of numbers [N] predicted for `y` [N], in their unit.

    >>> import torch
    >>> root_mean_squared_error(torch.tensor([3.0, 6.0]), torch.tensor([0.0, 9.0]))
    3.0
    """
    return float((outputs.detach().double() - y.double()).square().mean().sqrt())


def mean_absolute_error(outputs: Tensor, y: Tensor) -> float:
    """Of numbers [N] predicted for `y` [N], in their unit.

    >>> import torch
    >>> mean_absolute_error(torch.tensor([3.0, 4.0]), torch.tensor([0.0, 0.0]))
    3.5
    """
    return float((outputs.detach().double() - y.double()).abs().mean())


def mean_roc_auc(outputs: Tensor, y: Tensor) -> float:
    """The area under the ROC curve, averaged over tasks that have both outcomes.

    Args:
        outputs: scores [N, T], higher for "yes".
        y: 0 or 1 [N, T], or NaN where that is not known.

    Returns:
        A number in [0, 1], 0.5 for guessing; also 0.5 if no task has both outcomes.
    """
    scores, truth = outputs.detach().cpu().numpy(), y.cpu().numpy()
    areas = []
    for of_task, score in zip(truth.T, scores.T, strict=True):
        known = of_task == of_task
        if 0 < of_task[known].sum() < known.sum():
            areas.append(float(roc_auc_score(of_task[known], score[known])))
    return float(np.mean(areas)) if areas else 0.5
