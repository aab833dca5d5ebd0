"""A graph as it was read, before anything of it is checked: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
Masks = tuple[Array, Array, Array]


@dataclass(frozen=True)
class RawGraph:
    """Arrays from a file or from another library, trusted in nothing yet.

    Attributes:
        name: what the graph will be called.
        source: how messages name it, usually the path.
        x: features, expected [N, F]: an array or a SciPy CSR matrix.
        edge_index: expected integers [2, E], sources above targets.
        edge_weight: expected [E], or None.
        y: expected classes [N], or entries 0 and 1 [N, T].
        masks: training, validation and test masks, each expected [N] or [N, S]; or None.
        undirected: whether an edge stands for both directions.
    """

    name: str
    source: str
    x: Any
    edge_index: Array
    edge_weight: Array | None
    y: Array
    masks: Masks | None = None
    undirected: bool = False
