"""The arrays of an OGB set as its raw files hold them, every file whole and of the right length."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from graphdam.data.npz_file import read_arrays
from graphdam.data.ogb_layout import PAPER
from graphdam.data.prepared import link
from graphdam.data.quiet import quietly
from graphdam.data.raw import Array
from graphdam.errors import DataError
from graphdam.evaluation.ogb import import_ogb

UNREADABLE = (OSError, EOFError, UnicodeDecodeError, ValueError, zlib.error)
"""What a table that is cut off, or is none, can raise."""

_CHUNK = 2**20


class OGBArrays(NamedTuple):
    """One graph: `edge_index` [2, E], features [N, F] or [E, F], `node_label` [N, T].

    `edge_weight` is [E, 1] where the set has weights. A set of links has no labels.
    """

    num_nodes: int
    edge_index: Array
    node_feat: Array | None
    edge_feat: Array | None
    node_label: Array | None
    edge_weight: Array | None = None


def read_ogb_arrays(files: Mapping[str, Path], scratch: Path) -> OGBArrays:
    """Read the raw files of `ogb_files`, by the names that they have there.

    `ogb` itself reads the tables, from links in a scratch folder: its reader renames files, and
    takes what is there of a table that is too short.

    Raises:
        DataError: a file is cut off, has another length than its set, or cannot be read.
    """
    if "raw/data.npz" in files:
        return _from_archives(files["raw/data.npz"], files["raw/node-label.npz"])
    return _from_tables(files, scratch / "raw")


def _from_tables(files: Mapping[str, Path], scratch: Path) -> OGBArrays:
    nodes, edges = (files[f"raw/num-{each}-list.csv.gz"] for each in ("node", "edge"))
    num_nodes, num_edges = _number_in(nodes), _number_in(edges)
    for table, expected, said_by in (
        ("edge", num_edges, edges),
        ("edge-feat", num_edges, edges),
        ("edge_weight", num_edges, edges),
        ("node-feat", num_nodes, nodes),
        ("node-label", num_nodes, nodes),
    ):
        path = files.get(f"raw/{table}.csv.gz")
        if path is not None:
            _require_length(path, "rows", _num_rows(path), expected, said_by.name)
            link(path, scratch / f"{table}.csv.gz")
    for each, number in (("node", num_nodes), ("edge", num_edges)):
        with gzip.open(scratch / f"num-{each}-list.csv.gz", "wt") as file:
            file.write(f"{number}\n")
    label = files.get("raw/node-label.csv.gz")
    weights = ["edge_weight"] if "raw/edge_weight.csv.gz" in files else []
    try:
        with quietly():
            reader = import_ogb("ogb.io.read_graph_raw")
            graph = reader.read_csv_graph_raw(str(scratch), additional_edge_files=weights)[0]
    except Exception as error:  # pandas, NumPy and ogb each have their own
        raise DataError(
            f"{nodes.parent}: the tables cannot be read as OGB writes them ({one_line(error)});"
            " copy or download them again."
        ) from error
    return OGBArrays(
        num_nodes,
        graph["edge_index"],
        graph["node_feat"],
        graph["edge_feat"],
        None if label is None else read_table(label),
        graph.get("edge_weight"),
    )


def _from_archives(path: Path, label: Path) -> OGBArrays:
    arrays = read_arrays(path) | read_arrays(label)
    features = "edge_feat" if "edge_feat" in arrays and "node_feat" not in arrays else "node_feat"
    needed = ["edge_index", "num_nodes_list", "num_edges_list", features, "node_label"]
    missing = [key for key in needed if key not in arrays]
    if missing:
        raise DataError(
            f"{path}: missing {', '.join(f'`{key}`' for key in missing)}; it and {label.name} hold"
            f" {', '.join(f'`{key}`' for key in sorted(arrays))}; copy or download them again."
        )
    num_nodes, num_edges = (_only(path, arrays[key], key) for key in needed[1:3])
    for key in ("edge_index", features, "node_label"):
        array = arrays[key]
        if array.ndim != 2 or array.dtype.kind not in "biuf":
            raise DataError(
                f"{label if key == 'node_label' else path}: `{key}` must be a table of numbers, but"
                f" has the type {array.dtype} and the shape {list(array.shape)}; copy or download"
                " it again."
            )
    for key, file in ((features, path), ("node_label", label)):
        of, expected = ("edges", num_edges) if key == "edge_feat" else ("nodes", num_nodes)
        found = len(arrays[key])
        _require_length(file, f"rows of `{key}`", found, expected, f"`num_{of}_list`")
    edge_index = arrays["edge_index"]
    _require_length(path, "edges", edge_index.shape[-1], num_edges, "`num_edges_list`")
    feats = arrays.get("node_feat"), arrays.get("edge_feat")
    return OGBArrays(num_nodes, edge_index, *feats, arrays["node_label"])


def read_table(path: Path, *, integers: bool = False) -> Array:
    """The numbers of a compressed table without a header: [rows, columns].

    Raises:
        DataError: it is cut off, or holds anything else.
    """
    try:
        with quietly():  # an empty table warns, and is an array without rows
            return np.loadtxt(
                path, np.int64 if integers else np.float64, delimiter=",", ndmin=2, encoding="utf-8"
            )
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _number_in(path: Path) -> int:
    """The only number of a list, or that of the papers in a table of all node types."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if len(rows) == 2 and PAPER in rows[0]:
            rows = [[rows[1][rows[0].index(PAPER)]]]
        ((number,),) = rows
        return int(number)
    except (*UNREADABLE, IndexError, csv.Error) as error:
        raise _unreadable(path, error) from error


def _num_rows(path: Path) -> int:
    rows, last = 0, b"\n"
    try:
        with gzip.open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                rows, last = rows + chunk.count(b"\n"), chunk
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    return rows + (not last.endswith(b"\n"))


def _only(path: Path, numbers: Array, key: str) -> int:
    if numbers.shape != (1,):
        raise DataError(
            f"{path}: `{key}` must hold one number, for one graph, but has the shape"
            f" {list(numbers.shape)}; a set of several graphs cannot be trained on."
        )
    return int(numbers[0])


def _require_length(path: Path, what: str, found: int, expected: int, said_by: str) -> None:
    if found != expected:
        raise DataError(
            f"{path}: {found} {what} found, but {said_by} says {expected}; the file may be"
            " truncated: copy or download it again."
        )


def one_line(error: Exception) -> str:
    """What an error of another library says, without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: the table cannot be read and may be truncated ({one_line(error)}); copy or"
        " download it again."
    )
