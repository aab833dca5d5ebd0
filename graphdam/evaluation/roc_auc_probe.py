"""The linear probe where a node has yes-or-no labels: ROC-AUC on frozen node embeddings."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphdam.errors import DataError
from graphdam.evaluation.embedding import Array, Normalization
from graphdam.evaluation.probe_fit import (
    GRID,
    Predict,
    fit_model,
    new_model,
    probe_inputs,
    require_parts,
    sweep,
)
from graphdam.evaluation.scores import mean_roc_auc


@dataclass(frozen=True)
class RocAucProbeResult:
    """Mean ROC-AUC of a linear probe, in [0, 1], and the C that validation chose."""

    val_roc_auc: float
    test_roc_auc: float
    chosen_c: float


def roc_auc_probe(
    z: Tensor,
    y: Tensor,
    *,
    train: Tensor,
    val: Tensor,
    test: Tensor,
    normalize: Normalization = "standardize",
    grid: Sequence[float] = GRID,
) -> RocAucProbeResult:
    """The linear probe of `binary` and `multilabel` graphs: one logistic regression a column.

    All columns share the C of the best mean ROC-AUC on the validation nodes; everything else is as
    in `linear_probe`. A column with one outcome only among the training nodes scores all nodes
    alike (0.5); one with one outcome only in the part that is scored is left out of its mean.

    Args:
        z: embedding [N, D].
        y: 0 or 1, [N] with −1 where unknown, or [N, T].
        train: bool [N], the nodes fitted on.
        val: bool [N], the nodes C is chosen on.
        test: bool [N], the nodes scored at the end.
        normalize: `standardize` every dimension, or divide every row by its `l2` norm.
        grid: the values of C.

    Raises:
        DataError: `z` is not finite, or labels and masks do not allow a probe.
        SettingsError: an unknown way to normalise, or a grid with no or non-positive values.

    >>> z = torch.tensor([[-2.0], [2.0], [-1.0], [3.0], [-3.0], [-1.5]])
    >>> part = torch.tensor([0, 0, 1, 1, 2, 2])
    >>> roc_auc_probe(z, torch.tensor([0, 1, 0, 1, 0, 1]),
    ...               train=part == 0, val=part == 1, test=part == 2).test_roc_auc
    1.0
    """
    masks = (train, val, test)
    require_parts(z, y, masks)
    y_train, y_val, y_test = (y[mask].cpu().reshape(int(mask.sum()), -1) for mask in masks)
    for part in (y_train, y_val, y_test):
        _require_outcomes(part)
    x_train, x_val, x_test = probe_inputs(z, masks, normalize=normalize)
    columns = {
        task: column.numpy() for task, column in enumerate(y_train.T) if column.unique().numel() > 1
    }
    if not columns:
        raise DataError(
            "No label of the probe has both outcomes among the nodes that `train` selects, so there"
            " is nothing to tell apart; choose other training nodes."
        )
    models = {task: new_model() for task in columns}

    def fit(c: float) -> Predict:
        for task, model in models.items():
            fit_model(model, x_train, columns[task], c=c)
        fitted = copy.deepcopy(models)

        def scores(x: Array) -> Array:
            matrix = np.zeros((len(x), y_train.size(1)))
            for task, model in fitted.items():
                matrix[:, task] = model.decision_function(x)
            return matrix

        return scores

    chosen_c, scores = sweep(grid, fit=fit, score=lambda scores: _area(scores(x_val), y_val))
    return RocAucProbeResult(
        val_roc_auc=_area(scores(x_val), y_val),
        test_roc_auc=_area(scores(x_test), y_test),
        chosen_c=chosen_c,
    )


def _require_outcomes(y: Tensor) -> None:
    wrong = y[(y != 0) & (y != 1)]
    if wrong.numel():
        raise DataError(
            f"The labels `y` of a ROC-AUC probe must be 0 or 1, but hold {wrong[0].item():g};"
            " linear_probe takes more classes."
        )


def _area(scores: Array, y: Tensor) -> float:
    return mean_roc_auc(torch.from_numpy(scores), y)
