"""Node embeddings as the evaluations read them: finite numbers, and on one scale where that counts.

No label is read here.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.preprocessing import normalize as unit_rows
from torch import Tensor

from graphdam.errors import DataError, SettingsError, unknown_choice

Array = npt.NDArray[Any]
Normalization = Literal["standardize", "l2"]


def require_embedding(z: Tensor, *, name: str = "z") -> Tensor:
    """The embedding [N, D] without its graph, on the CPU, in float32 or, if it is that, float64.

    Raises:
        DataError: not a matrix with at least one row and one column, or not finite.
    """
    if z.dim() != 2 or 0 in z.shape:
        raise DataError(
            f"The embedding `{name}` must have shape [N, D], a row for each node and at least one"
            f" dimension, but has shape {list(z.shape)}."
        )
    z = z.detach().cpu()
    if z.dtype != torch.float64:
        z = z.float()
    wrong = ~z.isfinite()
    if wrong.any():
        raise DataError(
            f"The embedding `{name}` must hold finite numbers, but {int(wrong.sum())} of its"
            f" {z.numel()} entries are NaN or infinite (the first in row"
            f" {int(wrong.any(dim=1).int().argmax())}); the encoder diverged or read such features:"
            " lower its learning rate or mend them."
        )
    return z


def normalized(
    z: Tensor, *, rows: Tensor | None = None, normalize: Normalization = "standardize"
) -> Array:
    r"""Rows of an embedding on a common scale, in float64.

    `standardize` makes every dimension :math:`(z_{id} - \mu_d) / \sigma_d` with the mean and the
    (biased) deviation over **all** nodes, whichever rows are asked for; a constant dimension
    becomes 0. `l2` divides every row by its length; a row of zeros stays.

    Args:
        z: embedding [N, D].
        rows: which rows are asked for, as bool [N] or as numbers in any order; all if None.
        normalize: how.

    Raises:
        DataError: not a finite matrix.
        SettingsError: an unknown way to normalise.

    >>> normalized(torch.tensor([[0.0, 3.0], [4.0, 3.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    >>> normalized(torch.tensor([[0.0, 3.0], [4.0, 3.0]]), normalize="l2").tolist()
    [[0.0, 1.0], [0.8, 0.6]]
    """
    if normalize not in get_args(Normalization):
        raise SettingsError(unknown_choice("normalisation", normalize, get_args(Normalization)))
    z = require_embedding(z)
    chosen: Array = (z if rows is None else z[rows.cpu()]).double().numpy()
    if normalize == "l2":
        return np.asarray(unit_rows(chosen))
    return np.asarray(StandardScaler().fit(z.numpy()).transform(chosen))
