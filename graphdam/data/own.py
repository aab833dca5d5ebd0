"""The user's own graph: found out by its path, read, checked, split and prepared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from graphdam.data.csv_folder import EDGES, NODES, read_csv_folder
from graphdam.data.graph import Graph
from graphdam.data.npz_file import read_npz
from graphdam.data.prepare import Sparse, prepare
from graphdam.data.raw import RawGraph
from graphdam.data.splits import make_splits
from graphdam.data.validate import validate
from graphdam.errors import DataError, unknown_choice

if TYPE_CHECKING:
    from torch_geometric.data import Data

FORMATS = f".npz, .graphml, or a folder with {NODES} and {EDGES}"


def graph_from_file(
    path: str | Path,
    *,
    split: str | None = None,
    directed: bool | None = None,
    sparse: Sparse = "auto",
    labelled: bool = True,
) -> Graph:
    """The graph in a `.npz` or `.graphml` file or in a folder of CSV.

    Args:
        path: the file or folder; `read_npz`, `read_graphml` and `read_csv_folder` say what each
            holds.
        split: `own` (the masks, the default where there are any), `seeded` (the default
            otherwise) or `random`.
        directed: take edges as given (`True`) or add their opposites (`False`). Otherwise a
            `.npz` is taken as given, GraphML says so itself, and CSV is undirected.
        sparse: how features are stored, see `prepare`.
        labelled: whether labels and a split are read; without them a graph is for a finished model.

    Raises:
        DataError: no such file, another format, or not a valid graph.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; a graph of your own is {FORMATS}.")
    raw = _read(path, labelled=labelled)
    return _finish(raw, split=split, directed=directed, sparse=sparse, labelled=labelled)


def graph_from_data(
    data: Data,
    *,
    name: str = "graph",
    split: str | None = None,
    directed: bool | None = None,
    sparse: Sparse = "auto",
    labelled: bool = True,
) -> Graph:
    """The graph in a PyG `Data`, checked as a file would be; edges are taken as given.

    The arguments are those of `graph_from_file`.
    """
    from graphdam.data.pyg_data import from_data

    raw = from_data(data, name=name, labelled=labelled)
    return _finish(raw, split=split, directed=directed, sparse=sparse, labelled=labelled)


def is_path(name: str) -> bool:
    """Whether a word means a file or folder rather than a named data set."""
    path = Path(name).expanduser()
    return name != "" and (path.suffix != "" or len(path.parts) != 1 or path.exists())


def _read(path: Path, *, labelled: bool) -> RawGraph:
    if path.is_dir():
        return read_csv_folder(path, labelled=labelled)
    if path.suffix == ".npz":
        return read_npz(path, labelled=labelled)
    if path.suffix == ".graphml":
        from graphdam.data.graphml_file import read_graphml

        return read_graphml(path, labelled=labelled)
    raise DataError(
        f"{path}: a graph cannot be read from a file that ends in '{path.suffix}'; accepted are"
        f" {FORMATS}."
    )


def _finish(
    raw: RawGraph, *, split: str | None, directed: bool | None, sparse: Sparse, labelled: bool
) -> Graph:
    if raw.y.ndim == 2 and raw.y.shape[1] == 1:
        raw = replace(raw, y=raw.y[:, 0])
    if directed is not None:
        raw = replace(raw, undirected=not directed)
    validate(raw, labelled=labelled)
    if not labelled:
        return prepare(raw, split_name="no", splits=(), sparse=sparse)
    offered = (*(("own",) if raw.masks is not None else ()), "seeded", "random")
    chosen = choose_split(split, offered, raw.source)
    return prepare(raw, split_name=chosen, splits=make_splits(raw, chosen), sparse=sparse)


def choose_split(split: str | None, offered: tuple[str, ...], source: str) -> str:
    """The split that is asked for, or the first of those offered.

    Raises:
        DataError: it is not offered; the message lists those that are.
    """
    if split is None:
        return offered[0]
    if split not in offered:
        raise DataError(unknown_choice(f"split for {source}", split, offered))
    return split
