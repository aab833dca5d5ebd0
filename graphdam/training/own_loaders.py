"""The batches of a graph that somebody's own model is to read."""

from __future__ import annotations

from torch import nn
from torch_geometric.nn import MessagePassing

from graphdam.errors import SettingsError
from graphdam.nn import Clusters, NeighborDraws
from graphdam.objectives import (
    PreparedClusters,
    PreparedEdges,
    PreparedNeighborhoods,
    PreparedParts,
)
from graphdam.training.batching import learns_from_all
from graphdam.training.loaders import num_clusters
from graphdam.training.settings import Settings


def in_parts(settings: Settings, whole: PreparedEdges, net: nn.Module) -> PreparedParts:
    """A prepared graph whose steps read batches of `settings.batch_size` nodes.

    Args:
        settings: name the loader.
        whole: the graph.
        net: the model, whose layers are counted.

    Raises:
        SettingsError: what is needed is not installed, the graph is too small for the settings,
            or how far the model reads is not known.
    """
    graph, size = whole.graph, settings.batch_size
    assert size is not None
    parts: PreparedParts
    if settings.loader == "cluster":
        number = num_clusters(settings, graph.num_nodes, size)
        clusters = Clusters(graph.edge_index, graph.num_nodes, num_clusters=number)
        parts = PreparedClusters(**vars(whole), batch_size=size, clusters=clusters)
    else:
        source, target = graph.edge_index.cpu()
        draws = NeighborDraws(source, target, graph.num_nodes, hops(settings, net))
        parts = PreparedNeighborhoods(
            **vars(whole), batch_size=size, draws=draws, learns_from_all=learns_from_all(settings)
        )
    parts.require_training_nodes()
    return parts


def hops(settings: Settings, net: nn.Module) -> tuple[int, ...]:
    """How many neighbours are drawn for a node, first for the seeds: a number for each layer.

    Raises:
        SettingsError: there are other numbers than layers, or none that can be counted.
    """
    count = sum(isinstance(module, MessagePassing) for module in net.modules())
    given, name = settings.neighbors, type(net).__name__
    if count == 0 and (given is None or len(given) == 1):
        raise SettingsError(
            f"No layer of {name} is a MessagePassing of PyG's, so that it is not known how many "
            f"hops of neighbours it reads: give neighbors a number for each, and num_layers as "
            f"many, or take loader='cluster'."
        )
    if count and given is not None and len(given) not in (1, count):
        told = ",".join(map(str, given))
        raise SettingsError(
            f"neighbors={told} is of {len(given)} hops, and {name} has {count} layers that read "
            f"neighbours: give one number, or {count} and num_layers={count}."
        )
    return settings.model_copy(update={"num_layers": count or len(given or ())}).fan_out
