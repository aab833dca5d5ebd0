"""Whether a run reads its graph whole or in batches, and why."""

from __future__ import annotations

from dataclasses import dataclass

from graphdam.data import Graph
from graphdam.nn.layerwise import BLOCK_ROWS
from graphdam.training.settings import Settings


@dataclass(frozen=True)
class Batching:
    """How a graph is read.

    Attributes:
        batch_size: seed nodes a step; None where every step reads the whole graph.
        reason: why, in a few words.
        block_rows: nodes of a block of `layerwise`.
    """

    batch_size: int | None
    reason: str
    block_rows: int = BLOCK_ROWS


def choose_batching(settings: Settings, graph: Graph) -> Batching:
    """What the settings ask for, or what fits into their memory budget."""
    if settings.batch_size is not None:
        return Batching(settings.batch_size, "as batch_size asks")
    return Batching(None, "the whole graph is read in every step")
