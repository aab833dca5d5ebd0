"""A graph cut into clusters by METIS, wherever that is installed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import ClusterData
from torch_geometric.utils import remove_self_loops, to_undirected

from graphdam.errors import SettingsError


def metis(edge_index: Tensor, num_nodes: int, num_clusters: int) -> Tensor:
    """The cluster of every node, int64 [N]: about equally many each, and few edges between them.

    PyG's `ClusterData` asks pyg-lib or torch-sparse; where neither holds METIS (torch-sparse does
    if it was built with it), pymetis is asked. The same graph is always cut in the same way by
    the same one of them. Directions, weights and self-loops are not looked at. METIS may leave
    clusters empty where few nodes are to make many. From `"A Fast and High Quality Multilevel
    Scheme for Partitioning Irregular Graphs" <https://doi.org/10.1137/S1064827595287997>`_.

    Args:
        edge_index: int64 [2, E].
        num_nodes: N.
        num_clusters: at most N.

    Raises:
        SettingsError: see `require_metis`.
    """
    if num_clusters == 1:
        return torch.zeros(num_nodes, dtype=torch.int64)
    require_metis()
    edges, _ = remove_self_loops(edge_index.cpu())
    edges = to_undirected(edges, num_nodes=num_nodes)
    if _pyg_has_metis():
        return _by_pyg(edges, num_nodes, num_clusters)
    return _by_pymetis(edges, num_nodes, num_clusters)


def require_metis() -> None:
    """Refuse to begin where nothing can cut a graph.

    Raises:
        SettingsError: naming the packages that can.
    """
    if _pyg_has_metis() or _has_pymetis():
        return
    raise SettingsError(
        "loader='cluster' cuts a graph by METIS, which is in pyg-lib, in torch-sparse where that "
        "was built with it, and in pymetis, and none of them is installed: install one (pip "
        "install pymetis), or take loader='neighbor'."
    )


def _by_pyg(edges: Tensor, num_nodes: int, num_clusters: int) -> Tensor:
    data = ClusterData(Data(edge_index=edges, num_nodes=num_nodes), num_clusters, log=False)
    sizes = data.partition.partptr.diff()
    cluster = torch.empty(num_nodes, dtype=torch.int64)
    cluster[data.partition.node_perm] = torch.repeat_interleave(sizes)
    return cluster


def _by_pymetis(edges: Tensor, num_nodes: int, num_clusters: int) -> Tensor:
    import pymetis

    row, column = edges  # sorted by row, as to_undirected leaves them
    pointer = torch.searchsorted(row.contiguous(), torch.arange(num_nodes + 1))
    neighbours = pymetis.CSRAdjacency(pointer.numpy(), column.numpy())
    _, cluster = pymetis.part_graph(num_clusters, neighbours)
    return torch.tensor(cluster, dtype=torch.int64)


def _pyg_has_metis() -> bool:
    """Whether PyG can cut two nodes apart: torch-sparse says only when asked."""
    try:
        _by_pyg(torch.tensor([[0, 1], [1, 0]]), 2, 2)
    except ImportError:
        return False
    return True


def _has_pymetis() -> bool:
    try:
        from pymetis import CSRAdjacency  # noqa: F401, since 2025.2
    except ImportError:
        return False
    return True
