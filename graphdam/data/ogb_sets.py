"""Named sets of the Open Graph Benchmark, from the raw files as OGB lays them out."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch_geometric.data import download_url, extract_zip

from graphdam.data.ogb_arrays import OGBArrays, read_ogb_arrays
from graphdam.data.ogb_layout import ogb_files_under, ogb_folder
from graphdam.data.ogb_links import link_graph
from graphdam.data.ogb_split import read_ogb_split
from graphdam.data.prepared import download_folder, enter_cache, prepared_once
from graphdam.data.raw import Array, RawGraph
from graphdam.data.registry import DatasetInfo
from graphdam.data.sources import find_root
from graphdam.errors import DataError
from graphdam.evaluation.ogb import import_ogb


def read_ogb_set(info: DatasetInfo, split: str, *, data_root: str | Path | None) -> RawGraph:
    """The graph of a set, with the masks of its split, or the links that it holds out.

    As the baselines of the leaderboards have it, edges stand for both directions in every set;
    `ogbn-mag` is the papers and the citations between them, without the other node types; and the
    proteins of `ogbn-proteins`, which have no features, get those of their edges: the mean over all
    edges of a node. What becomes of links is said by `link_graph`.

    The raw files are only read. The outcome is kept in the cache under a name made of their
    contents. Of what OGB itself has saved (`processed/`) nothing is read: it is pickled.

    Raises:
        DataError: the files are nowhere, incomplete, truncated, or not the named set.
    """

    def wanted(root: Path) -> list[str]:
        files = ogb_files_under(ogb_folder(root, info.folder), info.name, split)
        return [file.relative_to(root).as_posix() for file in files.values()]

    root = find_root(info, split, data_root=data_root, download=download, files=wanted)
    folder = ogb_folder(root, info.folder)
    files = ogb_files_under(folder, info.name, split)

    def read(scratch: Path) -> RawGraph:
        arrays = read_ogb_arrays(files, scratch)
        if info.links:
            return link_graph(info.name, folder, arrays, files)
        return _node_graph(info.name, folder, arrays, files, split)

    return prepared_once(info, folder, list(files.values()), read)


def _node_graph(
    name: str, folder: Path, arrays: OGBArrays, files: Mapping[str, Path], split: str
) -> RawGraph:
    x, edge_index, label = arrays.node_feat, arrays.edge_index, arrays.node_label
    if x is None:
        assert arrays.edge_feat is not None
        x = mean_of_edges(edge_index, arrays.edge_feat, arrays.num_nodes)
    assert label is not None
    masks = read_ogb_split(files, split, arrays.num_nodes)
    x, y = x.astype(np.float32), _labels(label)
    return RawGraph(name, str(folder), x, edge_index, None, y, masks)


def download(info: DatasetInfo, split: str) -> None:
    """Download the set from OGB, without asking; it enters the cache folder when all is there.

    Raises:
        DataError: the archive lacks a file.
        OSError: there is no connection, or it was refused.
    """
    about = published(info.name)
    with download_folder() as scratch:
        extract_zip(download_url(about["url"], str(scratch), log=False), str(scratch), log=False)
        folder = scratch / about["download_name"]
        for file in ogb_files_under(folder, info.name, split).values():
            if not file.is_file():
                raise DataError(f"{about['url']} lacks {file.relative_to(folder).as_posix()}")
        enter_cache(folder, info.folder)


def published(name: str) -> dict[str, str]:
    """What `ogb` says of a set: its address, sizes, release, split and metric."""
    module = "ogb.linkproppred" if name.startswith("ogbl-") else "ogb.nodeproppred"
    library = Path(import_ogb(module).__file__).parent
    with (library / "master.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    column = header.index(name)
    return {row[0]: row[column] for row in rows}


def mean_of_edges(edge_index: Array, edge_feat: Array, num_nodes: int) -> Array:
    r"""Features of nodes that have none: the mean of those of their edges, [N, F].

    .. math::
        x_i = \frac{1}{d_i} \Big( \sum_{e = (i, j)} f_e + \sum_{e = (j, i)} f_e \Big)

    with :math:`f_e` the features [F] of an edge and :math:`d_i` the number of terms; 0 where there
    is none.

    >>> mean_of_edges(np.array([[0, 0], [1, 2]]), np.array([[1.0], [4.0]]), 4).ravel().tolist()
    [2.5, 1.0, 4.0, 0.0]
    """
    degree = np.bincount(edge_index.ravel(), minlength=num_nodes)[:num_nodes]
    columns = [
        sum(np.bincount(ends, values, minlength=num_nodes)[:num_nodes] for ends in edge_index)
        for values in edge_feat.T
    ]
    return np.stack(columns, axis=1) / np.maximum(degree, 1)[:, None]


def _labels(node_label: Array) -> Array:
    """Classes [N], −1 where OGB has no number; or yes-or-no labels [N, T]."""
    y = np.where(np.isnan(node_label), -1, node_label)
    return y[:, 0] if y.shape[1] == 1 else y
