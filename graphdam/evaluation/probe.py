"""The linear probe: how well a linear classifier does on frozen node embeddings."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import f1_score
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


@dataclass(frozen=True)
class ProbeResult:
    """Accuracy and macro-F1 of a linear probe, each in [0, 1], and the C that validation chose."""

    val_accuracy: float
    val_macro_f1: float
    test_accuracy: float
    test_macro_f1: float
    chosen_c: float


def linear_probe(
    z: Tensor,
    y: Tensor,
    *,
    train: Tensor,
    val: Tensor,
    test: Tensor,
    normalize: Normalization = "standardize",
    grid: Sequence[float] = GRID,
) -> ProbeResult:
    r"""Multinomial logistic regression on a frozen embedding.

    .. math::
        \min_{W, b} \; \tfrac12 \lVert W \rVert^2
            - C \sum_{i \in \text{train}} \log \mathrm{softmax}(W z_i + b)_{y_i}

    with weights :math:`W` and offsets :math:`b` of the classes. One fit on the training nodes for
    every C of the grid; the accuracy on the validation nodes chooses, and the smallest C (the
    strongest penalty) among equals. Nothing is fitted again on training and validation nodes
    together, and test labels are read once, for that C. `standardize` takes the mean and the
    deviation of all N nodes, which reads no label; `l2` reads each row by itself. Nothing is drawn:
    the same embedding has the same result.

    Macro-F1 is the unweighted mean over the classes among a part's labels and predictions. A class
    that no training node has is never predicted: its nodes are errors.

    The evaluation of `"Deep Graph Infomax" <https://arxiv.org/abs/1809.10341>`_, with a converged
    fit in place of a fixed number of gradient steps, and C chosen.

    Args:
        z: embedding [N, D].
        y: class of every node [N], −1 where unknown.
        train: bool [N], the nodes fitted on.
        val: bool [N], the nodes C is chosen on.
        test: bool [N], the nodes scored at the end.
        normalize: `standardize` every dimension, or divide every row by its `l2` norm.
        grid: the values of C.

    Raises:
        DataError: `z` is not finite, or labels and masks do not allow a probe.
        SettingsError: an unknown way to normalise, or a grid with no or non-positive values.

    >>> import torch
    >>> z = torch.tensor([[-2.0], [2.0], [-1.0], [3.0], [-3.0], [-1.5]])
    >>> part = torch.tensor([0, 0, 1, 1, 2, 2])
    >>> result = linear_probe(z, torch.tensor([0, 1, 0, 1, 0, 1]),
    ...                       train=part == 0, val=part == 1, test=part == 2)
    >>> result.val_accuracy, result.test_accuracy
    (1.0, 0.5)
    """
    masks = (train, val, test)
    if y.dim() != 1:
        raise DataError(
            f"The labels `y` of a linear probe must have shape [N], one class a node, but have"
            f" shape {list(y.shape)}; roc_auc_probe takes yes-or-no labels."
        )
    require_parts(z, y, masks)
    x_train, x_val, x_test = probe_inputs(z, masks, normalize=normalize)
    y_train, y_val, y_test = (y[mask].cpu().numpy() for mask in masks)
    if np.unique(y_train).size < 2:
        raise DataError(
            f"The probe's `train` selects nodes of class {y_train[0]} only, but at least two"
            " classes are needed to tell nodes apart; choose other training nodes."
        )
    model = new_model()

    def fit(c: float) -> Predict:
        fit_model(model, x_train, y_train, c=c)
        return copy.deepcopy(model).predict  # type: ignore[no-any-return]

    chosen_c, predict = sweep(grid, fit=fit, score=lambda predict: _accuracy(y_val, predict(x_val)))
    on_val, on_test = predict(x_val), predict(x_test)
    return ProbeResult(
        val_accuracy=_accuracy(y_val, on_val),
        val_macro_f1=_macro_f1(y_val, on_val),
        test_accuracy=_accuracy(y_test, on_test),
        test_macro_f1=_macro_f1(y_test, on_test),
        chosen_c=chosen_c,
    )


def _accuracy(y: Array, predicted: Array) -> float:
    return float(np.mean(y == predicted))


def _macro_f1(y: Array, predicted: Array) -> float:
    return float(f1_score(y, predicted, average="macro", zero_division=0.0))
