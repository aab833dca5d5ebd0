"""Graphs to train on: named data sets, the user's own, all checked and prepared alike.

Names are resolved when they are first used, so that `graphdam.data.registry` can be read without
importing torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphdam.data.csr import CSRMatrix
    from graphdam.data.graph import Graph, Split
    from graphdam.data.load import load_graph
    from graphdam.data.own import graph_from_data, graph_from_file
    from graphdam.data.registry import DATASETS, SPLITS, DatasetInfo, find_dataset
    from graphdam.data.sources import cache_folder

_HOME = {
    "CSRMatrix": "csr",
    "DATASETS": "registry",
    "DatasetInfo": "registry",
    "Graph": "graph",
    "SPLITS": "registry",
    "Split": "graph",
    "cache_folder": "sources",
    "find_dataset": "registry",
    "graph_from_data": "own",
    "graph_from_file": "own",
    "load_graph": "load",
}

__all__ = [
    "DATASETS",
    "SPLITS",
    "CSRMatrix",
    "DatasetInfo",
    "Graph",
    "Split",
    "cache_folder",
    "find_dataset",
    "graph_from_data",
    "graph_from_file",
    "load_graph",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'graphdam.data' has no attribute '{name}'")
    return getattr(import_module(f"graphdam.data.{_HOME[name]}"), name)
