"""Named data sets that PyG's own classes download and read."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch_geometric.datasets import Amazon, Coauthor, HeterophilousGraphDataset, Planetoid
from torch_geometric.io import read_txt_array
from torch_geometric.io.planetoid import read_file

from graphdam.data.npz_file import read_npz, write_npz
from graphdam.data.pyg_data import from_data
from graphdam.data.raw import RawGraph
from graphdam.data.registry import DatasetInfo
from graphdam.data.sources import CACHE_VARIABLE, cache_folder, find_root
from graphdam.errors import DataError

_CLASSES = {"amazon": Amazon, "coauthor": Coauthor, "heterophilous": HeterophilousGraphDataset}
_FORM = "1"
_PLANETOID_TEST_NODES = 1000
_STORE_SPARSE_BELOW = 0.5
_DOWNLOAD_TIMEOUT = 30.0


def read_pyg_set(info: DatasetInfo, split: str, *, data_root: str | Path | None) -> RawGraph:
    """The graph, with the masks of its published split where it has one.

    The raw files are read by PyG in a temporary folder of links, so that their own folder is
    never written to; the outcome is kept in the cache under a name made of their contents.

    Raises:
        DataError: the files are nowhere, unreadable, or not the named data set.
    """
    root = find_root(info, split, data_root=data_root, download=download)
    files = [root / name for name in info.raw_files(split)]
    prepared = cache_folder() / "prepared" / f"{info.folder.replace('/', '-')}-{_digest(files)}.npz"
    if prepared.is_file():
        with contextlib.suppress(DataError):  # spoilt from outside: made again below
            return _named(read_npz(prepared), info)
    with _scratch_folder() as scratch:
        for name in info.raw_files(split):
            _link(root / name, scratch / name)
        raw = _read(info, split, scratch, files)
        _check_identity(info, raw, root / info.folder)
        written = scratch / "prepared.npz"
        write_npz(written, raw)
        prepared.parent.mkdir(parents=True, exist_ok=True)
        written.replace(prepared)
    return _named(raw, info)


def download(info: DatasetInfo, split: str) -> None:
    """Let PyG download the raw files; they enter the cache folder when all are there."""
    with _scratch_folder() as scratch:
        timeout = socket.getdefaulttimeout()
        socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT)
        try:
            _dataset(info, split, scratch)
        finally:
            socket.setdefaulttimeout(timeout)
        folder = Path(info.raw_files(split)[0]).parent
        target = cache_folder() / folder
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            (scratch / folder).rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process was faster: the files are there
                raise


def _named(raw: RawGraph, info: DatasetInfo) -> RawGraph:
    return RawGraph(
        info.name, info.name, raw.x, raw.edge_index, None, raw.y, raw.masks, undirected=True
    )


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256(_FORM.encode())
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise DataError(f"{file}: the file cannot be read ({error}).") from error
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:24]


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=cache, prefix="scratch-"))
    except OSError as error:
        raise DataError(
            f"{cache}: the cache folder cannot be written to ({error}); name another one by the"
            f" variable {CACHE_VARIABLE}."
        ) from error
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(source.resolve())
    except OSError:  # a system without links
        shutil.copyfile(source, target)


def _dataset(info: DatasetInfo, split: str, root: Path) -> Any:
    collection, _, name = info.folder.partition("/")
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
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


def _check_identity(info: DatasetInfo, raw: RawGraph, folder: Path) -> None:
    found = (*raw.x.shape, int(raw.y.max()) + 1)
    expected = (info.num_nodes, info.num_features, info.num_classes)
    if found != expected:
        raise DataError(
            f"{folder}: these files are not '{info.name}': {expected[0]} nodes, {expected[1]}"
            f" features and {expected[2]} classes were expected, but {found[0]}, {found[1]} and"
            f" {found[2]} found; copy or download them again."
        )
