"""One call for any data: a graph by name, file or PyG `Data`; images, points or ratings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from graphdam.data.embedded import EMBEDDED
from graphdam.data.graph import Graph
from graphdam.data.graph_set import GraphSet
from graphdam.data.images import Images, load_images
from graphdam.data.own import choose_split, graph_from_data, graph_from_file, is_path
from graphdam.data.points import Points, load_points
from graphdam.data.prepare import Sparse, prepare
from graphdam.data.rating_registry import is_ratings
from graphdam.data.ratings import Ratings, load_ratings
from graphdam.data.registry import (
    DATASETS,
    DatasetInfo,
    find_dataset,
    is_image_set,
    is_point_set,
)
from graphdam.data.splits import make_splits
from graphdam.data.validate import validate

if TYPE_CHECKING:
    from torch_geometric.data import Data


AnyData: TypeAlias = Graph | Images | Points | Ratings
"""What a run can train on."""

TrainingData: TypeAlias = AnyData | GraphSet
"""What models can be trained on, somebody's own among them."""


def load_data(
    name_or_path: str, *, split: str | None = None, data_root: str | Path | None = None
) -> AnyData:
    """What a run trains on: see `load_graph`, `load_images`, `load_points` and `load_ratings`.

    Raises:
        DataError: see there, and `load_images`. Images and points have one split, which needs no
            name.
    """
    if is_point_set(name_or_path):
        return load_points(name_or_path)
    if is_image_set(name_or_path):
        return load_images(name_or_path, data_root=data_root)
    if is_ratings(name_or_path):
        return load_ratings(name_or_path, split=split, data_root=data_root)
    return load_graph(name_or_path, split=split, data_root=data_root)


def load_graph(
    name_or_path: str | Path | Data,
    *,
    split: str | None = None,
    data_root: str | Path | None = None,
    sparse: Sparse = "auto",
    labelled: bool = True,
) -> Graph:
    """A graph, checked, split and prepared for training.

    Args:
        name_or_path: a data set's name (`graphdam.data.registry.DATASETS`), the path of your own
            graph (`graph_from_file`), or a PyG `Data`. A name wins over a file of that name.
        split: the kind of split (`graphdam.data.registry.SPLITS`); the data set's default
            otherwise.
        data_root: a folder laid out as PyG and OGB lay out their data sets (`planetoid/Cora/raw`);
            it is only read. After it come the variable `GRAPHDAM_DATA`, the cache folder
            (`GRAPHDAM_CACHE`, or the user's) and a download into it.
        sparse: store features as `CSRMatrix` always (`True`), never (`False`) or where that is
            faster (`auto`).
        labelled: whether a graph of your own has labels and a split; without them it is for a
            finished model.

    Raises:
        DataError: an unknown name or split, files that are missing or unreadable, or a graph that
            cannot be trained on.

    >>> graph = load_graph("karate")
    >>> graph.num_nodes, graph.num_edges, graph.num_classes, graph.split_name
    (34, 156, 4, 'seeded')
    """
    if isinstance(name_or_path, str):
        key = name_or_path.strip().lower()
        if key in DATASETS or is_image_set(key) or is_point_set(key) or not is_path(name_or_path):
            info = find_dataset(name_or_path)
            return _load_named(info, split=split, data_root=data_root, sparse=sparse)
    if isinstance(name_or_path, str | Path):
        return graph_from_file(name_or_path, split=split, sparse=sparse, labelled=labelled)
    return graph_from_data(name_or_path, split=split, sparse=sparse, labelled=labelled)


def _load_named(
    info: DatasetInfo, *, split: str | None, data_root: str | Path | None, sparse: Sparse
) -> Graph:
    chosen = choose_split(split, info.splits, info.name)
    if info.kind == "embedded":
        raw = EMBEDDED[info.name]()
    elif info.kind == "ogb":
        from graphdam.data.ogb_sets import read_ogb_set

        raw = read_ogb_set(info, chosen, data_root=data_root)
    else:
        from graphdam.data.pyg_sets import read_pyg_set

        raw = read_pyg_set(info, chosen, data_root=data_root)
    validate(raw)
    graph = prepare(
        raw,
        split_name=chosen,
        splits=() if info.links else make_splits(raw, chosen),
        binary=info.binary,
        bag_of_words=info.bag_of_words,
        sparse=sparse,
    )
    assert graph.num_classes == info.num_classes
    return replace(graph, evaluator=info.name if info.kind == "ogb" else None)
