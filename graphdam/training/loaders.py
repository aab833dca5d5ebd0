"""The batches of a graph that a run's settings ask for."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from graphdam.errors import SettingsError
from graphdam.nn import ClusterSampling, Encoder, SubgraphSampling, WalkSampling
from graphdam.nn.clusters import Cut
from graphdam.nn.partition import metis, require_metis
from graphdam.objectives import PreparedLayers, PreparedNodes, PreparedSubgraphs
from graphdam.training.batching import learns_from_all
from graphdam.training.settings import Settings
from graphdam.training.team import Team


def in_batches(
    settings: Settings, layers: PreparedLayers, encoder: Encoder, batch_size: int, team: Team
) -> PreparedNodes | PreparedSubgraphs:
    """A prepared graph whose steps read batches.

    Args:
        settings: name the loader.
        layers: the whole graph, prepared for the encoder.
        encoder: the one that learns from it, or one of its kind.
        batch_size: nodes a step, those of all processes together.
        team: who shares the steps.

    Raises:
        SettingsError: what is needed is not installed, or the graph is too small for the settings.
    """
    if settings.loader == "neighbor":
        return PreparedNodes.of(
            layers,
            neighbors=settings.fan_out,
            batch_size=batch_size,
            learns_from_all=learns_from_all(settings),
            rank=team.rank,
            num_ranks=team.size,
        )
    sampling: SubgraphSampling
    if settings.loader == "cluster":
        sampling = _clusters(settings, layers, encoder, batch_size, team)
    else:
        sampling = WalkSampling(
            layers.adjacency,
            num_nodes=-(-batch_size // team.size),
            walk_length=settings.steps_of_walk,
        )
    return PreparedSubgraphs.of(
        layers, sampling, batch_size=batch_size, rank=team.rank, num_ranks=team.size
    )


def _clusters(
    settings: Settings, layers: PreparedLayers, encoder: Encoder, batch_size: int, team: Team
) -> ClusterSampling:
    graph = layers.graph
    number = num_clusters(settings, graph.num_nodes, batch_size, num_ranks=team.size)
    return ClusterSampling(
        graph.edge_index,
        graph.edge_weight,
        graph.num_nodes,
        encoder=encoder,
        num_clusters=number,
        cut=None if team.size == 1 or number == 1 else _leaders_cut(team),
    )


def num_clusters(settings: Settings, num_nodes: int, batch_size: int, *, num_ranks: int = 1) -> int:
    """How many clusters a graph is cut into.

    Args:
        settings: may say it.
        num_nodes: of the graph.
        batch_size: nodes a step, those of all processes together.
        num_ranks: how many processes share every step.

    Raises:
        SettingsError: fewer than there are steps.
    """
    least = -(-num_nodes // batch_size) * num_ranks
    number = settings.clusters_of(num_nodes, least=least)
    if number < least:
        of_processes = f" for {num_ranks} processes" if num_ranks > 1 else ""
        raise SettingsError(
            f"num_clusters={number:,} cannot be dealt to the {least // num_ranks:,} steps of "
            f"batch_size={batch_size}{of_processes}: take at least {least:,}, or larger batches."
        )
    return number


def _leaders_cut(team: Team) -> Cut:
    """Processes with other versions of METIS would cut otherwise, and deal other clusters."""
    if team.leads:
        require_metis()
    return partial(_cut_by_leader, team)


def _cut_by_leader(team: Team, edge_index: Tensor, num_nodes: int, num_clusters: int) -> Tensor:
    own = b""
    if team.leads:
        own = metis(edge_index, num_nodes, num_clusters).numpy().tobytes()
    return torch.frombuffer(bytearray(team.shared(own)), dtype=torch.int64)
