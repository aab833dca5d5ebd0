"""A linear probe in closed form: fast enough to be asked after every epoch."""

from __future__ import annotations

import torch
from torch import Tensor

from graphdam.blocks import row_blocks

PENALTY = 0.1
"""Of the weights, beside rows of length 1 on average."""


def ridge_scores(z: Tensor, y: Tensor, train: Tensor, asked: Tensor | None = None) -> Tensor:
    r"""What ridge regression on the labelled rows says of others: [M, C].

    .. math::
        \min_W \; \frac1n \sum_{i \in \text{train}} \lVert \tilde z_i W - \tilde y_i \rVert^2
            + 0.1 \, \lVert W \rVert^2

    with the embedding standardised over all nodes and divided by :math:`\sqrt D`, so that a row has
    length 1 on average, and labels y as one column a class, less their mean over the n training
    nodes, which is added again. Solved among nodes or among dimensions, whichever are fewer.

    A look at how an embedding is getting on, and at which epoch it was best; `linear_probe` is what
    results are reported by.

    Args:
        z: embedding [N, D].
        y: class of every node [N], or one 0-1 column a label [N, C].
        train: bool [N].
        asked: bool [N], the M rows to be scored; all of them by default.

    >>> z = torch.tensor([[-2.0], [2.0], [-1.0], [3.0]])
    >>> train = torch.tensor([True, True, False, False])
    >>> ridge_scores(z, torch.tensor([0, 1, 0, 1]), train).argmax(1).tolist()
    [0, 1, 0, 1]
    """
    z = z.float()
    middle = z.mean(0)
    spread = _distances(z, middle) / len(z) ** 0.5
    scale = 1 / (spread.clamp(min=1e-12) * z.size(1) ** 0.5)
    labels = y[train]
    if labels.dim() == 1:
        labels = torch.nn.functional.one_hot(labels, int(y.max()) + 1)
    labels = labels.to(z.dtype)
    mean = labels.mean(0)
    known, target = (z[train] - middle) * scale, labels - mean
    strength = PENALTY * len(known)
    if len(known) < known.size(1):
        gram = known @ known.t()
        weight = known.t() @ torch.linalg.solve(
            gram + strength * torch.eye(len(gram)).to(gram), target
        )
    else:
        gram = known.t() @ known
        weight = torch.linalg.solve(
            gram + strength * torch.eye(len(gram)).to(gram), known.t() @ target
        )
    rows = (z if asked is None else z[asked]) - middle
    scores: Tensor = (rows * scale) @ weight + mean
    return scores


def _distances(z: Tensor, middle: Tensor) -> Tensor:
    """How far each column lies from a row: the root of its squares' sum."""
    squares = torch.zeros_like(middle)
    for (block,) in row_blocks(z):
        squares += (block - middle).square_().sum(0)
    return squares.sqrt_()
