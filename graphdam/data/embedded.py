"""Graphs that come with the installed packages: no file is read, nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphdam.data.raw import Array, RawGraph

NUM_NEIGHBOURS = 10


def digits() -> RawGraph:
    """scikit-learn's 1,797 handwritten digits, each joined to its 10 nearest neighbours.

    Features are the 8 × 8 pixels divided by 16, distances Euclidean over pixels; an edge stands
    in both directions if either digit has the other among its neighbours.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    edges = nearest_neighbours(pixels, NUM_NEIGHBOURS)
    return RawGraph("digits", "digits", pixels / 16, edges, None, labels, undirected=True)


def nearest_neighbours(pixels: Array, k: int) -> Array:
    """Edges [2, N k] from every row of whole numbers to its `k` nearest others.

    Of equally near rows the first are taken. Squared distances of whole numbers are exact in
    float64, so the graph is the same everywhere.
    """
    count = len(pixels)
    square = (pixels**2).sum(axis=1)
    distance = square[:, None] + square[None, :] - 2 * (pixels @ pixels.T)
    order = distance.astype(np.int64) * count + np.arange(count)
    np.fill_diagonal(order, np.iinfo(np.int64).max)
    nearest = np.sort(np.argpartition(order, k, axis=1)[:, :k], axis=1)
    return np.stack([np.repeat(np.arange(count), k), nearest.ravel()])


def karate() -> RawGraph:
    """Zachary's karate club: 34 members, one-hot features, four communities as classes.

    The classes are those of `"Semi-supervised Classification with Graph Convolutional Networks"
    <https://arxiv.org/abs/1609.02907>`_, as PyG gives them.
    """
    from torch_geometric.datasets import KarateClub

    data = KarateClub()[0]
    return RawGraph(
        "karate",
        "karate",
        data.x.numpy(),
        data.edge_index.numpy(),
        None,
        data.y.numpy(),
        undirected=True,
    )


def sbm(
    *,
    num_blocks: int = 5,
    block_size: int = 160,
    p_within: float = 0.03,
    p_between: float = 0.004,
    words_per_block: int = 20,
    p_topic: float = 0.15,
    p_other: float = 0.05,
    seed: int = 0,
) -> RawGraph:
    """A seeded stochastic block model whose nodes use words of their block a little more often.

    Two nodes are joined with probability `p_within` in one block and `p_between` otherwise. A
    node uses each word of its own block's topic with probability `p_topic` and any other word
    with `p_other`: features are 0 and 1.
    """
    generator = np.random.default_rng(seed)
    y = np.repeat(np.arange(num_blocks), block_size)
    joined = np.where(y[:, None] == y[None, :], p_within, p_between)
    drawn = np.triu(generator.random((len(y), len(y))) < joined, k=1)
    topic = np.repeat(np.arange(num_blocks), words_per_block)
    uses = np.where(y[:, None] == topic[None, :], p_topic, p_other)
    x = (generator.random((len(y), len(topic))) < uses).astype(np.float32)
    return RawGraph("sbm", "sbm", x, np.stack(np.nonzero(drawn)), None, y, undirected=True)


EMBEDDED: dict[str, Callable[[], RawGraph]] = {"digits": digits, "karate": karate, "sbm": sbm}
