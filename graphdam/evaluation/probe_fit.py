"""What linear probes share: the rows they read, and logistic regression along a grid of C."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from graphdam.errors import DataError, SettingsError
from graphdam.evaluation.embedding import Array, Normalization, normalized

PARTS = ("train", "val", "test")

GRID = tuple(2.0**exponent for exponent in range(-10, 11))
"""The values of C that are tried: the larger, the weaker the penalty on the weights."""

TOLERANCE = 1e-8
"""Of the gradient. At 1e-6 a weakly penalised fit still depends on where it was started."""

MAX_ITERATIONS = 2000
"""Of lbfgs. A fit that reaches them is used as it stands."""

Predict = Callable[[Array], Array]
"""From rows to what a fitted probe says of them."""


def probe_inputs(z: Tensor, masks: Sequence[Tensor], *, normalize: Normalization) -> list[Array]:
    """The rows of each part, in a basis of what the training rows span where that is smaller.

    The optimal weights are a combination of the training rows, and turning rows and weights
    together changes neither their products nor the penalty: the fit is the same, and faster.
    """
    nodes = [mask.cpu().nonzero().flatten() for mask in masks]
    rows = normalized(z, rows=torch.cat(nodes), normalize=normalize)
    parts = np.split(rows, np.cumsum([len(part) for part in nodes])[:-1])
    train = parts[0]
    if len(train) >= train.shape[1]:
        return parts
    basis = np.linalg.qr(train.T)[0]
    return [part @ basis for part in parts]


def require_parts(z: Tensor, y: Tensor, masks: Sequence[Tensor]) -> None:
    """Refuse labels and masks that no probe can be fitted, chosen and scored on.

    Raises:
        DataError: what is wrong, what is accepted, and what to do.
    """
    num_nodes = len(z)
    if len(y) != num_nodes:
        raise DataError(
            f"The probe got {num_nodes} rows of the embedding `z` and {len(y)} labels in `y`; both"
            " need one row for each node, in the same order."
        )
    taken = torch.zeros(num_nodes, dtype=torch.bool)
    for name, mask in zip(PARTS, masks, strict=True):
        if mask.dtype != torch.bool or mask.shape != (num_nodes,):
            raise DataError(
                f"The probe's `{name}` must be a boolean mask of shape [{num_nodes}], but is of"
                f" {mask.dtype} and shape {list(mask.shape)}; graph.mask('{name}') is one."
            )
        nodes = mask.cpu()
        if not nodes.any():
            raise DataError(
                f"The probe's `{name}` selects no node, but every part of a split needs at least"
                " one; choose another split."
            )
        if y.dim() == 1 and (y.cpu()[nodes] < 0).any():
            raise DataError(
                f"The probe's `{name}` selects {int((y.cpu()[nodes] < 0).sum())} nodes without a"
                " label (−1 in `y`); label them or take them out of the mask."
            )
        if (taken & nodes).any():
            raise DataError(
                f"The probe's `{name}` shares {int((taken & nodes).sum())} nodes with another part"
                " of the split, but a node may stand in one part only; take them out of one mask."
            )
        taken |= nodes


def new_model() -> LogisticRegression:
    """An unfitted model, which starts every later fit from the one before.

    Along the grid that saves iterations; at this tolerance the result is the same.
    """
    return LogisticRegression(tol=TOLERANCE, max_iter=MAX_ITERATIONS, warm_start=True)


def fit_model(model: LogisticRegression, x: Array, y: Array, *, c: float) -> None:
    """Fit at this C, without a warning where the tolerance is not reached."""
    with warnings.catch_warnings():
        # nothing to mend: float64 cannot always reach it, and the iterations are plenty
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(C=c).fit(x, y)


def sweep(
    grid: Sequence[float], *, fit: Callable[[float], Predict], score: Callable[[Predict], float]
) -> tuple[float, Predict]:
    """The smallest C with the best score, and its fit.

    Raises:
        SettingsError: an empty grid, or one with something else than positive numbers.
    """
    if not grid or not all(math.isfinite(c) and c > 0 for c in grid):
        raise SettingsError(
            f"The probe's `grid` must hold positive values of C, but is {list(grid)}; the default"
            f" goes from {GRID[0]:g} to {GRID[-1]:g}."
        )
    fits = ((c, fit(c)) for c in sorted(grid))
    # max keeps the first of equals
    return max(fits, key=lambda candidate: score(candidate[1]))
