"""How much the embedding of a graph depends on the seed that its encoder was trained under."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from graphdam.data import Graph
from graphdam.evaluation.stability import stability
from graphdam.nn import Encoder
from graphdam.objectives.prepared import prepare_graph


@torch.no_grad()
def embeddings_alike(encoders: Iterable[Encoder], graph: Graph) -> float | None:
    """How alike the embeddings are that several encoders make of one graph: `stability`.

    Args:
        encoders: two or more, in evaluation mode.
        graph: what they embed, the whole of it.

    Returns:
        A number in [0, 1]; None where an embedding collapsed, and is the same for all nodes.
    """
    embeddings = []
    for encoder in encoders:
        prepared = prepare_graph(encoder, graph)
        embeddings.append(encoder.embed(prepared.x, prepared.adjacency))
    if any((z == z[0]).all() for z in embeddings):
        return None
    return stability(embeddings)
