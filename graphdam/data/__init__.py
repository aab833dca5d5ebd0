"""Graphs, images, points and ratings to train on: named or the user's own, prepared alike.

Names are resolved when they are first used, so that `graphdam.data.registry` can be read without
importing torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphdam.data.csr import CSRMatrix
    from graphdam.data.graph import Graph, Split
    from graphdam.data.graph_set import GraphSet
    from graphdam.data.image_registry import IMAGE_SETS, IMAGE_SPLITS, ImageSetInfo
    from graphdam.data.images import Images, load_images
    from graphdam.data.load import AnyData, TrainingData, load_data, load_graph
    from graphdam.data.own import graph_from_data, graph_from_file
    from graphdam.data.point_registry import POINT_SETS, PointSetInfo
    from graphdam.data.points import Points, load_points
    from graphdam.data.rating_registry import RATING_SETS, RATING_SPLITS, is_ratings
    from graphdam.data.ratings import Ratings, load_ratings
    from graphdam.data.registry import (
        DATASETS,
        SPLITS,
        DatasetInfo,
        find_dataset,
        find_image_set,
        find_point_set,
        is_image_set,
        is_point_set,
        kind_of,
    )
    from graphdam.data.sources import cache_folder

_HOME = {
    "AnyData": "load",
    "CSRMatrix": "csr",
    "DATASETS": "registry",
    "DatasetInfo": "registry",
    "Graph": "graph",
    "GraphSet": "graph_set",
    "IMAGE_SETS": "image_registry",
    "IMAGE_SPLITS": "image_registry",
    "ImageSetInfo": "image_registry",
    "Images": "images",
    "POINT_SETS": "point_registry",
    "PointSetInfo": "point_registry",
    "Points": "points",
    "RATING_SETS": "rating_registry",
    "RATING_SPLITS": "rating_registry",
    "Ratings": "ratings",
    "SPLITS": "registry",
    "Split": "graph",
    "TrainingData": "load",
    "cache_folder": "sources",
    "find_dataset": "registry",
    "find_image_set": "registry",
    "find_point_set": "registry",
    "graph_from_data": "own",
    "graph_from_file": "own",
    "is_image_set": "registry",
    "is_point_set": "registry",
    "load_data": "load",
    "load_graph": "load",
    "load_images": "images",
    "load_points": "points",
    "is_ratings": "rating_registry",
    "kind_of": "registry",
    "load_ratings": "ratings",
}

__all__ = [
    "DATASETS",
    "IMAGE_SETS",
    "IMAGE_SPLITS",
    "POINT_SETS",
    "RATING_SETS",
    "RATING_SPLITS",
    "SPLITS",
    "AnyData",
    "CSRMatrix",
    "DatasetInfo",
    "Graph",
    "GraphSet",
    "ImageSetInfo",
    "Images",
    "PointSetInfo",
    "Points",
    "Ratings",
    "Split",
    "TrainingData",
    "cache_folder",
    "find_dataset",
    "find_image_set",
    "find_point_set",
    "graph_from_data",
    "graph_from_file",
    "is_image_set",
    "is_point_set",
    "is_ratings",
    "kind_of",
    "load_data",
    "load_graph",
    "load_images",
    "load_points",
    "load_ratings",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'graphdam.data' has no attribute '{name}'")
    return getattr(import_module(f"graphdam.data.{_HOME[name]}"), name)
