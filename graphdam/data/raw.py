"""A graph as it was read, before anything of it is checked: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Masks = tuple[Array, Array, Array]


class RawLinks(NamedTuple):
    """Held-out pairs of nodes, linked (`pos`) or not (`neg`): each expected integers [2, E]."""

    val_pos: Array
    val_neg: Array
    test_pos: Array
    test_neg: Array


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
        links: what is held out of a set of links, whose nodes have no labels (`y` is −1); or None.
        node_ids: what the source calls the nodes, where they are not numbered as the rows are.
        class_names: what it calls the classes, where they are no numbers.
    """

    name: str
    source: str
    x: Any
    edge_index: Array
    edge_weight: Array | None
    y: Array
    masks: Masks | None = None
    undirected: bool = False
    links: RawLinks | None = None
    node_ids: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None


def no_labels(num_nodes: int) -> Array:
    """What stands for labels where none are to be read."""
    return np.full(num_nodes, -1, dtype=np.int64)
