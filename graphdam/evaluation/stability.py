"""How much an embedding depends on the seed: are two embeddings of the same nodes alike?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from torch import Tensor

from graphdam.errors import DataError
from graphdam.evaluation.embedding import require_embedding


def linear_cka(a: Tensor, b: Tensor) -> float:
    r"""Linear centred kernel alignment of two embeddings of the same nodes, of any widths.

    .. math::
        \mathrm{CKA}(A, B) = \frac{\lVert B^\top A \rVert_F^2}
            {\lVert A^\top A \rVert_F \, \lVert B^\top B \rVert_F}

    with the columns of :math:`A` and :math:`B` centred: 1 if one is the other rotated, mirrored,
    scaled by one number or moved; 0 if no dimension of one is correlated with one of the other.
    It equals the comparison of all N × N similarities between nodes, but is computed from matrices
    as small as the embeddings are wide. `"Similarity of Neural Network Representations Revisited"
    <https://arxiv.org/abs/1905.00414>`_.

    Args:
        a: embedding [N, D].
        b: embedding [N, D'].

    Returns:
        A number in [0, 1].

    Raises:
        DataError: not finite, not of the same nodes, or the same for all nodes.

    >>> import torch
    >>> a = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> linear_cka(a, a[:, :1])  # the root of 1/2
    0.7071067811865...
    """
    _require_same_nodes([a, b])
    return _alignment(_Centred.of(a, "a"), _Centred.of(b, "b"))


def stability(embeddings: Sequence[Tensor]) -> float:
    """The mean linear CKA over all pairs of embeddings, say of different seeds.

    Args:
        embeddings: two or more embeddings [N, D] of the same nodes; D may differ.

    Returns:
        A number in [0, 1]; 1 if all are the same up to rotation and scale.

    Raises:
        DataError: fewer than two, or what `linear_cka` refuses.

    >>> import torch
    >>> a = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> round(stability([a, 2 * a, a[:, :1]]), 4)  # the mean of 1 and twice 0.7071
    0.8047
    """
    if len(embeddings) < 2:
        raise DataError(
            f"Stability is a mean over pairs of embeddings, but {len(embeddings)} was given; embed"
            " the graph with at least two seeds."
        )
    _require_same_nodes(embeddings)
    centred = [_Centred.of(z, f"embeddings[{at}]") for at, z in enumerate(embeddings)]
    return fmean(_alignment(a, b) for a, b in combinations(centred, 2))


class _Centred(NamedTuple):
    """Columns of mean 0 in float64, and the norm of their N × N similarities."""

    z: Tensor
    length: Tensor

    @classmethod
    def of(cls, z: Tensor, name: str) -> _Centred:
        z = require_embedding(z, name=name).double()
        if (z == z[0]).all():
            raise DataError(
                f"The embedding `{name}` is the same for all {len(z)} nodes, so it has no"
                " similarity to compare; the encoder collapsed: train it again with other settings."
            )
        z = z / z.abs().max()  # no later square leaves float64's range
        z = z - z.mean(dim=0)
        return cls(z, _inner(z, z).sqrt())


def _alignment(a: _Centred, b: _Centred) -> float:
    return float(_inner(a.z, b.z) / (a.length * b.length))


def _require_same_nodes(embeddings: Sequence[Tensor]) -> None:
    rows = list(dict.fromkeys(len(z) for z in embeddings))
    if len(rows) > 1:
        raise DataError(
            f"The embeddings have {' and '.join(map(str, rows))} rows, but only embeddings of the"
            " same nodes in the same order can be compared."
        )


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of the two N × N similarities: the squared norm of AᵀB."""
    return (a.T @ b).square().sum()
