"""Which settings are for graphs, for images or for ratings, and what they are where unused.

Points are read as images are.
"""

from __future__ import annotations

from typing import Any

from graphdam.data.registry import DataKind

OBJECTIVES_BY_KIND: dict[DataKind, str] = {
    "images": "image-classification",
    "points": "reconstruction",
    "ratings": "rating-prediction",
}
"""The objective of data that are no graph; an autoencoder of images has that of points."""

A_SET: dict[DataKind, str] = {
    "graphs": "a graph",
    "images": "a set of images",
    "points": "a set of points",
    "ratings": "a set of ratings",
}
"""What messages call one of each kind."""

_GRAPHS: tuple[DataKind, ...] = ("graphs",)
_IMAGES: tuple[DataKind, ...] = ("images",)
_RATINGS: tuple[DataKind, ...] = ("ratings",)

ONLY_FOR: dict[str, tuple[tuple[DataKind, ...], Any]] = {
    "split": (("graphs", "ratings"), None),
    "gate_output": (_GRAPHS, False),
    "nested": (_GRAPHS, False),
    "width_rule": (_GRAPHS, None),
    "embedding_channels": (_GRAPHS, None),
    "num_layers": (_GRAPHS, 2),
    "norm": (_GRAPHS, None),
    "jk": (_GRAPHS, None),
    "heads": (_GRAPHS, 8),
    "v2": (_GRAPHS, False),
    "feature_dropout": (_GRAPHS, 0.0),
    "least_feature_norm": (_GRAPHS, 0.25),
    "hidden_channels": (("graphs", "ratings"), 256),
    "start_width": (("graphs", "ratings"), 256),
    "act": (_GRAPHS, "elu"),
    "neighbors": (_GRAPHS, None),
    "memory_budget": (_GRAPHS, None),
    "loader": (_GRAPHS, "neighbor"),
    "num_clusters": (_GRAPHS, None),
    "walk_length": (_GRAPHS, None),
    "augment": (_IMAGES, False),
    "imitation_shift": (_IMAGES, 0),
    "depth": (_IMAGES, 20),
    "mlp_widths": (_IMAGES, (300, 100)),
    "code_channels": (_IMAGES, 50),
    "encoder_widths": (_IMAGES, (128, 64, 32)),
    "decoder_widths": (_IMAGES, None),
    "decoder": (_IMAGES, "layers"),
    "conv_channels": (_RATINGS, 32),
    "gate_convs": (_RATINGS, False),
    "adjacency_dropout": (_RATINGS, 0.2),
    "adjacent_rating_weight": (_RATINGS, 0.001),
    "max_nodes_per_hop": (_RATINGS, 200),
    "ensemble": (_RATINGS, 1),
}
"""Whom a setting is for, and its value for the others, where it means nothing."""


def unused(kind: DataKind) -> dict[str, Any]:
    """The settings that mean nothing for this kind of data, with the value that they have there.

    >>> unused("graphs")["augment"], "hidden_channels" in unused("ratings")
    (False, False)
    """
    kind = "images" if kind == "points" else kind
    return {name: value for name, (kinds, value) in ONLY_FOR.items() if kind not in kinds}
