"""The two halves of a convolution: what happens at the nodes, and what is sent between them."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from torch import Tensor

from graphdam.data.csr import CSRMatrix

Tensors: TypeAlias = tuple[Tensor, ...]


class Transformed(NamedTuple):
    """What a convolution makes of every node alone.

    Attributes:
        sent: what each of the N nodes sends, tensors [N, …].
        own: what each of the M receivers adds of its own, tensors [M, …].
    """

    sent: Tensors
    own: Tensors


def first_rows(x: Tensor | CSRMatrix, count: int) -> Tensor | CSRMatrix:
    """The first so many rows."""
    if x.size(0) == count:
        return x
    return x.block(0, count) if isinstance(x, CSRMatrix) else x[:count]
