"""Whether a run reads its graph whole or in batches, and why."""

from __future__ import annotations

from dataclasses import dataclass

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.training.memory_estimate import GIB, bytes_in_batches, bytes_of_whole
from graphdam.training.settings import Settings

LARGEST_BATCH = 1024
"""Seed nodes of a batch whose size only memory limits: more make steps rare, not faster."""

SMALLEST_BATCH = 16
"""Below this a step is mostly calls."""


@dataclass(frozen=True)
class Batching:
    """How a graph is read.

    Attributes:
        batch_size: seed nodes a step; None where every step reads the whole graph.
        reason: why, as a reader should be told; empty where nothing was asked.
    """

    batch_size: int | None
    reason: str = ""


def choose_batching(settings: Settings, graph: Graph) -> Batching:
    """What the settings ask for, or what fits into their memory budget.

    Raises:
        SettingsError: a budget in which no batch fits, with the least that would do.
    """
    budget = settings.memory_budget
    if settings.batch_size is not None:
        reason = f"{_batches(settings, settings.batch_size)}, as batch_size asks"
        if budget is not None:
            _require(settings, graph, settings.batch_size, budget)
        return Batching(settings.batch_size, reason)
    if budget is None:
        return Batching(None)
    whole = bytes_of_whole(settings, graph) / GIB
    if whole <= budget:
        reason = (
            f"the whole graph in every step: about {whole:.1f} GiB, within memory_budget={budget:g}"
        )
        return Batching(None, reason)
    least = _least_batch(settings, graph)
    size = max(least, LARGEST_BATCH)
    while size > least and bytes_in_batches(settings, graph, size) > budget * GIB:
        size = max(least, size // 2)
    needed = _require(settings, graph, size, budget)
    return Batching(
        size,
        f"{_batches(settings, size)} take about {needed:.1f} GiB; the whole graph in every step "
        f"would take about {whole:.1f}, more than memory_budget={budget:g}",
    )


def learns_from_all(settings: Settings) -> bool:
    """Whether steps are about all nodes, since a student imitates its teacher on all of them."""
    return settings.teacher and settings.gate is not None


def _least_batch(settings: Settings, graph: Graph) -> int:
    """Every batch needs a training node, so that a graph with few of them has few batches."""
    labelled = int(graph.mask("train").sum())
    takes_all = learns_from_all(settings) or settings.loader != "neighbor"
    seeds = graph.num_nodes if takes_all else labelled
    return max(-(-seeds // labelled), min(SMALLEST_BATCH, seeds))


def _require(settings: Settings, graph: Graph, batch_size: int, budget: float) -> float:
    """What batches of this size take, in GiB.

    Raises:
        SettingsError: more than the budget.
    """
    needed = bytes_in_batches(settings, graph, batch_size) / GIB
    if needed <= budget:
        return needed
    nodes = "seed nodes" if settings.loader == "neighbor" else "nodes"
    how, least = f"batches of {batch_size:,} {nodes} take", needed
    if settings.batch_size is None and bytes_of_whole(settings, graph) / GIB < needed:
        how, least = "reading it whole takes", bytes_of_whole(settings, graph) / GIB
    raise SettingsError(
        f"memory_budget={budget:g} (GiB) is too small for {graph.name} under these settings: {how} "
        f"about {least + 0.005:.2f}, the least that works; allow that much, or lower "
        f"hidden_channels{'' if settings.batch_size is None else ' or batch_size'}."
    )


def _batches(settings: Settings, size: int) -> str:
    if settings.loader == "cluster":
        number = settings.num_clusters
        of = "whole clusters" if number is None else f"some of {number:,} clusters"
        return f"batches of about {size:,} nodes, {of} by METIS"
    if settings.loader == "saint":
        return f"batches of at most {size:,} nodes, which random walks meet"
    drawn = ", ".join("all" if each == -1 else str(each) for each in settings.fan_out)
    return f"batches of {size:,} seed nodes, {drawn} of their neighbours a hop"
