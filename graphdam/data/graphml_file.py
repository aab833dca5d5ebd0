"""A user's graph in GraphML, read by networkx."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import networkx as nx
import numpy as np

from graphdam.data.columns import classes_of, masks_of
from graphdam.data.raw import Array, RawGraph
from graphdam.errors import DataError

_RESERVED = ("label", "split")


def read_graphml(path: Path, *, labelled: bool = True) -> RawGraph:
    """Read nodes with the attribute `label`, an optional `split`, and features.

    Labels are class numbers or names, absent or empty where unknown; the split is `train`, `val`,
    `test` or absent; all other numeric or boolean attributes are features, in the order in which
    the file first names them, and other words are left out. The edge attribute `weight` is 1
    where absent. Edges are directed if the file says so (`edgedefault`).

    Args:
        path: the file.
        labelled: whether labels and splits are read.

    Raises:
        DataError: the file is unreadable, or a node lacks a feature.
    """
    graph = _read(path)
    nodes = list(graph.nodes(data=True))
    number = {node: index for index, (node, _) in enumerate(nodes)}
    words = [_word(attributes.get("label")) for _, attributes in nodes]
    parts = [_word(attributes.get("split")) for _, attributes in nodes]
    if not labelled:
        words = parts = [""] * len(nodes)
    elif not any(words):
        raise DataError(
            f"{path}: no node has the attribute `label`, which holds its class; add it, and leave"
            " it out only where the class is unknown."
        )
    y, class_names = classes_of(words)
    ends = [(number[source], number[target]) for source, target in graph.edges()]
    weights = [attributes.get("weight", 1.0) for _, _, attributes in graph.edges(data=True)]
    return RawGraph(
        path.stem,
        str(path),
        _features(nodes, path),
        np.array(ends, dtype=np.int64).reshape(-1, 2).T,
        np.array(weights) if weights else None,
        y,
        masks_of(parts, source=str(path)),
        undirected=not graph.is_directed(),
        node_ids=tuple(str(node) for node, _ in nodes),
        class_names=class_names,
    )


def _read(path: Path) -> Any:
    try:
        return nx.read_graphml(path)
    except (OSError, ParseError, nx.NetworkXException, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{path}: the file cannot be read as GraphML and may be truncated ({error}); write it"
            " again, for example with networkx.write_graphml."
        ) from error


def _word(value: object) -> str:
    return "" if value is None else str(value).strip()


def _features(nodes: list[tuple[str, dict[str, Any]]], path: Path) -> Array:
    names = dict.fromkeys(
        name
        for _, attributes in nodes
        for name, value in attributes.items()
        if name not in _RESERVED and isinstance(value, int | float)
    )
    if not names:
        raise DataError(
            f"{path}: no numeric attributes were found beside `label` and `split`; add at least one"
            " feature, such as the node's degree."
        )
    for node, attributes in nodes:
        for name in names:
            if not isinstance(attributes.get(name), int | float):
                raise DataError(
                    f"{path}: node '{node}' has no number for the feature `{name}`, which other"
                    " nodes have; every node needs every feature."
                )
    return np.array([[float(attributes[name]) for name in names] for _, attributes in nodes])
