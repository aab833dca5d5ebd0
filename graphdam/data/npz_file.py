"""A user's graph in one `.npz` file of plain arrays; also the form of our own prepared files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from graphdam.data.raw import Array, Masks, RawGraph, no_labels
from graphdam.errors import DataError

MASKS = ("train_mask", "val_mask", "test_mask")
CSR_PARTS = ("indptr", "indices", "data", "shape")
_UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    NotImplementedError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
_ACCEPTED = (
    "`edge_index` [2, E] (and `edge_weight` [E]) or `adj_indptr`, `adj_indices`, `adj_data`,"
    " `adj_shape`; `x` [N, F] or `x_indptr`, `x_indices`, `x_data`, `x_shape`,"
    " or NAME.x.npy beside it; `y` [N] or [N, T]; and, if there is a split, `train_mask`,"
    " `val_mask`, `test_mask`"
)


def read_npz(path: Path, *, labelled: bool = True) -> RawGraph:
    """Read the arrays of a graph; edges are taken as given, from row to column of `adj`.

    Features may lie beside the archive, in `NAME.x.npy`: they stay on disk, to be read as needed.

    Entries of `adj` that are zero are no edges. Arrays of Python objects are refused, so nothing
    is ever unpickled.

    Args:
        path: the file.
        labelled: whether labels and masks are read.

    Raises:
        DataError: the file is unreadable, or keys are missing.
    """
    return graph_of(read_arrays(path), path, labelled=labelled)


def graph_of(arrays: dict[str, Array], path: Path, *, labelled: bool = True) -> RawGraph:
    """The graph that the arrays of an archive at `path` are.

    Args:
        arrays: by their keys.
        path: of the archive.
        labelled: whether labels and masks are among them.

    Raises:
        DataError: keys are missing, or features beside the archive are unreadable.
    """
    edge_index, edge_weight = _edges(arrays, path)
    x = _features(arrays, path)
    if not labelled:
        y = no_labels(x.shape[0] if x.ndim else 0)
        return RawGraph(path.stem, str(path), x, edge_index, edge_weight, y)
    if "y" not in arrays:
        raise _missing(["y"], arrays, path)
    return RawGraph(
        path.stem, str(path), x, edge_index, edge_weight, arrays["y"], _masks(arrays, path)
    )


def write_npz(path: Path, raw: RawGraph) -> None:
    """Write a graph so that `read_npz` reads it again, all but held-out links."""
    write_arrays(path, arrays_of(raw))


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an archive for `read_arrays`."""
    with path.open("wb") as file:
        np.savez(file, **arrays)


def arrays_of(raw: RawGraph) -> dict[str, Any]:
    """What `graph_of` makes a graph of, by key."""
    arrays: dict[str, Any] = {"edge_index": raw.edge_index, "y": raw.y}
    if raw.edge_weight is not None:
        arrays["edge_weight"] = raw.edge_weight
    if sp.issparse(raw.x):
        arrays |= {f"x_{part}": np.asarray(getattr(raw.x, part)) for part in CSR_PARTS}
    else:
        arrays["x"] = raw.x
    if raw.masks is not None:
        arrays |= dict(zip(MASKS, raw.masks, strict=True))
    return arrays


def read_arrays(path: Path) -> dict[str, Array]:
    """Every array of an archive, by its key; nothing is unpickled.

    Raises:
        DataError: the file is unreadable, a single array, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(
                    f"{path}: this is a single array, not a .npz archive of several; write it with"
                    " numpy.savez."
                )
            return {key: archive[key] for key in archive.files}
    except DataError:
        raise
    except _UNREADABLE as error:
        if "pickle" in str(error):
            raise DataError(
                f"{path}: the file holds pickled Python objects, which are not read because they"
                " can run code; keep numbers only and write them with numpy.savez."
            ) from error
        raise DataError(
            f"{path}: the file cannot be read as a .npz archive and may be truncated ({error});"
            " write it again with numpy.savez."
        ) from error


def _features(arrays: dict[str, Array], path: Path) -> Any:
    beside = path.with_suffix(".x.npy")
    is_inside = any(key == "x" or key.startswith("x_") for key in arrays)
    if not beside.exists():
        return arrays["x"] if "x" in arrays else _csr(arrays, "x", path)
    if is_inside:
        raise DataError(
            f"{path}: the features `x` stand in this archive and in {beside.name} beside it; "
            f"remove one of them."
        )
    try:
        x = np.load(beside, mmap_mode="c", allow_pickle=False)  # nothing is ever written to it
    except _UNREADABLE as error:
        raise DataError(
            f"{path}: the features in {beside.name} cannot be read as an array and may be "
            f"truncated ({error}); write it again with numpy.save."
        ) from error
    if x.dtype != np.float32 or not x.flags.c_contiguous:
        raise DataError(
            f"{path}: features that stay on disk must be float32, row by row, but those in "
            f"{beside.name} are {x.dtype}"
            f"{'' if x.flags.c_contiguous else ', column by column'}; convert them with "
            f"numpy.ascontiguousarray(x, dtype=numpy.float32)."
        )
    return x


def _missing(keys: list[str], arrays: dict[str, Array], path: Path) -> DataError:
    present = ", ".join(f"`{key}`" for key in sorted(arrays)) or "nothing"
    return DataError(
        f"{path}: missing {', '.join(f'`{key}`' for key in keys)}; the file holds {present},"
        f" accepted are {_ACCEPTED}."
    )


def _edges(arrays: dict[str, Array], path: Path) -> tuple[Array, Array | None]:
    if "edge_index" in arrays:
        return arrays["edge_index"], arrays.get("edge_weight")
    if not any(key.startswith("adj_") for key in arrays):
        raise _missing(["edge_index"], arrays, path)
    adjacency = _csr(arrays, "adj", path)
    if adjacency.shape[0] != adjacency.shape[1]:
        raise DataError(
            f"{path}: the adjacency `adj` must be square, a row and a column for each node, but has"
            f" the shape {list(adjacency.shape)}."
        )
    adjacency.eliminate_zeros()
    entries = adjacency.tocoo()
    edge_index = np.stack([entries.row, entries.col]).astype(np.int64)
    return edge_index, entries.data


def _csr(arrays: dict[str, Array], prefix: str, path: Path) -> Any:
    if not any(key.startswith(f"{prefix}_") for key in arrays):
        raise _missing([prefix], arrays, path)
    keys = [f"{prefix}_{part}" for part in CSR_PARTS]
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise _missing(missing, arrays, path)
    pointer, column, data, shape = (arrays[key] for key in keys)
    try:
        matrix = sp.csr_matrix((data, column, pointer), shape=tuple(map(int, shape)))
        matrix.check_format(full_check=True)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"{path}: {', '.join(f'`{key}`' for key in keys)} are not a valid compressed sparse row"
            f" matrix ({error}); take them from scipy.sparse.csr_matrix."
        ) from error
    return matrix


def _masks(arrays: dict[str, Array], path: Path) -> Masks | None:
    present = [key for key in MASKS if key in arrays]
    if not present:
        return None
    if len(present) < len(MASKS):
        raise _missing([key for key in MASKS if key not in arrays], arrays, path)
    return arrays["train_mask"], arrays["val_mask"], arrays["test_mask"]
