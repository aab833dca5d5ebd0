"""How well an embedding tells linked pairs of nodes from pairs that are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from graphdam.errors import DataError
from graphdam.evaluation.embedding import require_embedding


@dataclass(frozen=True)
class LinkScores:
    """Area under the ROC curve and average precision, each in [0, 1]."""

    auc: float
    average_precision: float


def link_scores(z: Tensor, pos_edges: Tensor, neg_edges: Tensor) -> LinkScores:
    r"""How well the inner-product decoder :math:`\sigma(z_u \cdot z_v)` tells links from non-links.

    Both scores read only the order of the pairs, which the sigmoid :math:`\sigma` keeps; it is left
    out, since rounding would tie all large products at 1. The decoder and the scores of
    `"Variational Graph Auto-Encoders" <https://arxiv.org/abs/1611.07308>`_.

    Args:
        z: embedding [N, D].
        pos_edges: linked pairs [2, E].
        neg_edges: pairs that are not linked [2, E'].

    Raises:
        DataError: `z` is not finite, or the pairs are not pairs of its nodes.

    >>> z = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> link_scores(z, torch.tensor([[0], [1]]), torch.tensor([[0, 1], [2, 2]]))
    LinkScores(auc=1.0, average_precision=1.0)
    """
    return scores_of_products(*link_products(z, pos_edges, neg_edges))


def link_products(z: Tensor, pos_edges: Tensor, neg_edges: Tensor) -> tuple[Tensor, Tensor]:
    r"""The inner products :math:`z_u \cdot z_v` of linked pairs [E] and of others [E'], in float64.

    Raises:
        DataError: see `link_scores`.
    """
    z = require_embedding(z).double()
    return _products(z, "pos_edges", pos_edges), _products(z, "neg_edges", neg_edges)


def scores_of_products(positive: Tensor, negative: Tensor) -> LinkScores:
    """`link_scores` of what `link_products` has found."""
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    products = torch.cat([positive, negative]).numpy()
    return LinkScores(
        auc=float(roc_auc_score(truth, products)),
        average_precision=float(average_precision_score(truth, products)),
    )


def _products(z: Tensor, name: str, pairs: Tensor) -> Tensor:
    """The inner product of every pair's embeddings, [E]."""
    if pairs.dim() != 2 or pairs.size(0) != 2 or pairs.size(1) == 0:
        raise DataError(
            f"`{name}` must have shape [2, E], one pair of nodes a column and at least one, but has"
            f" shape {list(pairs.shape)}."
        )
    if pairs.dtype not in (torch.int64, torch.int32):
        raise DataError(
            f"`{name}` must hold numbers of nodes, but is of {pairs.dtype}; convert it to int64."
        )
    pairs = pairs.cpu().long()
    if pairs.min() < 0 or pairs.max() >= len(z):
        wrong = int(pairs.min() if pairs.min() < 0 else pairs.max())
        raise DataError(
            f"`{name}` names node {wrong}, but the embedding `z` has {len(z)} rows, numbered 0 to"
            f" {len(z) - 1}; score pairs of the graph that was embedded."
        )
    return (z[pairs[0]] * z[pairs[1]]).sum(dim=1)
