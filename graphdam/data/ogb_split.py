"""The split of an OGB set: tables of node numbers, or one file of torch that is not unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from graphdam.data.ogb_arrays import read_table
from graphdam.data.ogb_layout import PARTS, SAVED_SPLIT
from graphdam.data.ogb_saved import read_saved
from graphdam.data.raw import Array, Masks
from graphdam.errors import DataError


def read_ogb_split(files: Mapping[str, Path], split: str, num_nodes: int) -> Masks:
    """The training, validation and test masks [N]; every node stands in one of them.

    Raises:
        DataError: a file is cut off or pickled, or the parts are not a split of all nodes.
    """
    if f"split/{SAVED_SPLIT}" in files:
        folder = files[f"split/{SAVED_SPLIT}"].parent
        parts = _read_saved(folder / SAVED_SPLIT)
    else:
        paths = [files[f"split/{part}.csv.gz"] for part in PARTS]
        folder = paths[0].parent
        parts = [read_table(path, integers=True).ravel() for path in paths]
    listed = np.concatenate(parts)
    if not np.array_equal(np.sort(listed), np.arange(num_nodes)):
        known = np.unique(listed[(listed >= 0) & (listed < num_nodes)])
        raise DataError(
            f"{folder}: the parts of the split '{split}' must name each of {num_nodes} nodes once,"
            f" but name {listed.size}, {known.size} of the nodes among them; a file may be"
            " truncated: copy or download them again."
        )
    train, val, test = (_mask(nodes, num_nodes) for nodes in parts)
    return train, val, test


def _mask(nodes: Array, num_nodes: int) -> Array:
    mask = np.zeros(num_nodes, dtype=bool)
    mask[nodes] = True
    return mask


def _read_saved(path: Path) -> list[Array]:
    parts = read_saved(
        path,
        lambda saved: [np.asarray(saved[part]) for part in PARTS],
        instead=f"put {', '.join(f'{part}.csv.gz' for part in PARTS)} into its place",
    )
    if any(part.dtype.kind not in "iu" or part.ndim != 1 for part in parts):
        raise DataError(
            f"{path}: {', '.join(PARTS)} must each be a list of node numbers, but have the types"
            f" {', '.join(str(part.dtype) for part in parts)}; copy or download the file again."
        )
    return parts
