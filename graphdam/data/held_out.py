"""Links that are held out of a graph, and pairs of nodes that stand against them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class HeldOut(NamedTuple):
    """Pairs of nodes that are linked, and pairs that are not: int64 [2, E] and [2, E'].

    As many of both where `split_links` has drawn them; a set that holds links out itself may have
    another number.
    """

    pos_edges: Tensor
    neg_edges: Tensor


class HeldOutLinks(NamedTuple):
    """The links that a set holds out itself: those that are chosen on, and those tested on."""

    val: HeldOut
    test: HeldOut
