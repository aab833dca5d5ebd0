"""Named data sets that PyG's own classes download and read."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch_geometric.datasets import Amazon, Coauthor, HeterophilousGraphDataset, Planetoid
from torch_geometric.io import read_txt_array
from torch_geometric.io.planetoid import read_file

from graphdam.data.prepared import download_folder, enter_cache, link, prepared_once
from graphdam.data.pyg_data import from_data
from graphdam.data.quiet import quietly
from graphdam.data.raw import RawGraph
from graphdam.data.registry import DatasetInfo
from graphdam.data.sources import find_root
from graphdam.errors import DataError

_CLASSES = {"amazon": Amazon, "coauthor": Coauthor, "heterophilous": HeterophilousGraphDataset}
_FORM = "1"
_PLANETOID_TEST_NODES = 1000
_STORE_SPARSE_BELOW = 0.5


def read_pyg_set(info: DatasetInfo, split: str, *, data_root: str | Path | None) -> RawGraph:
    """The graph, with the masks of its published split where it has one.

    The raw files are read by PyG in a temporary folder of links, so that their own folder is
    never written to; the outcome is kept in the cache under a name made of their contents.

    Raises:
        DataError: the files are nowhere, unreadable, or not the named data set.
    """
    root = find_root(info, split, data_root=data_root, download=download)
    files = [root / name for name in info.raw_files(split)]

    def read(scratch: Path) -> RawGraph:
        for name in info.raw_files(split):
            link(root / name, scratch / name)
        return _read(info, split, scratch, files)

    return prepared_once(info, root / info.folder, files, read)


def download(info: DatasetInfo, split: str) -> None:
    """Let PyG download the raw files; they enter the cache folder when all are there."""
    with download_folder() as scratch:
        _dataset(info, split, scratch)
        folder = Path(info.raw_files(split)[0]).parent
        enter_cache(scratch / folder, str(folder))


def _dataset(info: DatasetInfo, split: str, root: Path) -> Any:
    collection, _, name = info.folder.partition("/")
    with quietly():
        if info.kind == "planetoid":
            form = "geom-gcn" if split == "geom-gcn" else "public"
            return Planetoid(str(root / collection), name, split=form)
        return _CLASSES[info.kind](str(root / collection), name)


def _read(info: DatasetInfo, split: str, root: Path, files: list[Path]) -> RawGraph:
    try:
        for file in files:
            if file.suffix == ".npz":  # before PyG, which would leave a broken one open
                _probe(file)
        raw = from_data(_dataset(info, split, root)[0], name=info.name)
        if info.kind == "planetoid":
            _check_test_index(info, files)
    except Exception as error:  # a broken pickle can raise anything
        raise DataError(
            f"{_first_broken(files)}: the data set '{info.name}' cannot be read and may be"
            f" truncated ({str(error) or type(error).__name__}); copy or download it again."
        ) from error
    x = raw.x
    if np.count_nonzero(x) < _STORE_SPARSE_BELOW * x.size:
        x = sp.csr_matrix(x)
    return replace(raw, x=x, edge_weight=None)


def _first_broken(files: list[Path]) -> Path:
    """The file that cannot be read by itself, else the text file, else the folder of all."""
    for file in files:
        try:
            _probe(file)
        except Exception:  # as above
            return file
    return next((file for file in files if file.name.endswith("test.index")), files[0].parent)


def _probe(file: Path) -> None:
    if file.suffix == ".npz":
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            for key in archive.files:
                archive[key]
    elif not file.name.endswith("test.index"):
        _, prefix, part = file.name.split(".", 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read_file(str(file.parent), prefix, part)


def _check_test_index(info: DatasetInfo, files: list[Path]) -> None:
    """Planetoid's list of test nodes is text: cut short, it would be read without complaint."""
    by_part = {file.name.split(".", 2)[-1]: file for file in files}
    test, others = by_part["test.index"], by_part["allx"]
    index = read_txt_array(str(test), dtype=torch.long)
    prefix = info.folder.rpartition("/")[2]
    num_others = read_file(str(others.parent), prefix, "allx").size(0)
    if index.unique().numel() != _PLANETOID_TEST_NODES or index.min() < num_others:
        raise ValueError(
            f"{test.name} must list {_PLANETOID_TEST_NODES} nodes from {num_others} on"
        )
