"""A graph that somebody already holds as `torch_geometric.data.Data`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphdam.data.raw import Array, Masks, RawGraph, no_labels
from graphdam.errors import DataError

_MASKS = ("train_mask", "val_mask", "test_mask")


def from_data(data: Any, *, name: str = "graph", labelled: bool = True) -> RawGraph:
    """Take `x`, `edge_index`, `y` and, where present, `edge_weight` and the three masks.

    Edges are taken as given; `x` may be a `torch.sparse` tensor of any layout. `data` is left as
    it is.

    Args:
        data: a PyG `Data`.
        name: what the graph will be called.
        labelled: whether labels and masks are read.

    Raises:
        DataError: not a `Data` of one graph, or attributes are missing.
    """
    if not isinstance(data, Data):
        raise DataError(
            "A graph is the name of a data set, the path of a file or folder, or a"
            " torch_geometric.data.Data, but an object of type"
            f" {type(data).__name__} was given."
        )
    source = f"Data '{name}'"
    needed = ("x", "edge_index", "y") if labelled else ("x", "edge_index")
    missing = [key for key in needed if data.get(key) is None]
    if missing:
        present = sorted(map(str, data.keys()))
        raise DataError(
            f"{source}: missing {', '.join(f'`{key}`' for key in missing)}; it holds"
            f" {', '.join(f'`{key}`' for key in present) or 'nothing'}, and"
            f" {', '.join(f'`{key}`' for key in needed[:-1])} and `{needed[-1]}` are needed."
        )
    weight = data.get("edge_weight")
    x = _features(data.x, source)
    return RawGraph(
        name,
        source,
        x,
        _array(data.edge_index, "edge_index", source),
        None if weight is None else _array(weight, "edge_weight", source),
        _array(data.y, "y", source) if labelled else no_labels(x.shape[0] if x.ndim else 0),
        _masks(data, source) if labelled else None,
    )


def _array(value: object, key: str, source: str) -> Array:
    if not isinstance(value, Tensor):
        raise DataError(
            f"{source}: `{key}` must be a tensor, but is a {type(value).__name__}; convert it."
        )
    dense = value.detach().as_subclass(Tensor).cpu()
    if dense.is_floating_point() and dense.dtype not in (torch.float32, torch.float64):
        dense = dense.float()
    return dense.numpy()


def _features(x: object, source: str) -> Any:
    if not isinstance(x, Tensor) or x.layout == torch.strided:
        return _array(x, "x", source)
    entries = x.detach().cpu().to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    position = entries.indices().numpy()
    shape = tuple(entries.shape)
    return sp.csr_matrix((_array(entries.values(), "x", source), tuple(position)), shape=shape)


def _masks(data: Data, source: str) -> Masks | None:
    present = [key for key in _MASKS if data.get(key) is not None]
    if not present:
        return None
    if len(present) < len(_MASKS):
        lacking = ", ".join(f"`{key}`" for key in _MASKS if key not in present)
        raise DataError(
            f"{source}: missing {lacking} beside {', '.join(f'`{key}`' for key in present)}; give"
            " all three masks, or none for a seeded split."
        )
    train, val, test = (np.asarray(_array(data[key], key, source)) for key in _MASKS)
    return train, val, test
