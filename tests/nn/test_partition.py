"""Does METIS cut a graph where it is thin, and is it missed in so many words?"""

from __future__ import annotations

import sys
from itertools import permutations

import pytest
import torch
from sampler import needs_metis, stripes
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import ClusterData

from graphdam.errors import SettingsError
from graphdam.nn import partition
from graphdam.nn.partition import metis, require_metis


def two_cliques() -> Tensor:
    """Of five nodes each, 0 … 4 and 5 … 9, and one edge from 4 to 5."""
    pairs = [pair for start in (0, 5) for pair in permutations(range(start, start + 5), 2)]
    return torch.tensor([*pairs, (4, 5)]).t()


@needs_metis
def test_it_cuts_where_least_is_cut() -> None:
    cluster = metis(two_cliques(), 10, 2)
    assert cluster.tolist() in ([0] * 5 + [1] * 5, [1] * 5 + [0] * 5)


@needs_metis
def test_loops_repeated_edges_and_nodes_without_edges_are_no_matter() -> None:
    edges = two_cliques()
    more = torch.cat([edges, edges[:, :9], torch.tensor([[3, 11], [3, 11]])], dim=1)
    cluster = metis(more, 12, 3)
    assert cluster.dtype == torch.int64
    assert cluster.shape == (12,)
    assert set(cluster.tolist()) == {0, 1, 2}
    assert torch.equal(cluster, metis(more.flip(1), 12, 3))


def test_one_cluster_is_all() -> None:
    assert metis(two_cliques(), 10, 1).tolist() == [0] * 10


def test_what_pyg_has_cut_is_told_node_by_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ClusterData` gives an order of nodes, and where each cluster begins in it."""

    def cut(self: ClusterData, edge_index: Tensor, num_nodes: int) -> Tensor:
        return stripes(edge_index, num_nodes, self.num_parts)

    monkeypatch.setattr(ClusterData, "_metis", cut)
    assert metis(two_cliques(), 10, 3).tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    data = ClusterData(Data(edge_index=two_cliques(), num_nodes=10), 3, log=False)
    assert data[1].num_nodes == 3


def test_without_metis_it_says_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "_pyg_has_metis", lambda: False)
    monkeypatch.setitem(sys.modules, "pymetis", None)
    with pytest.raises(SettingsError) as caught:
        require_metis()
    assert str(caught.value) == (
        "loader='cluster' cuts a graph by METIS, which is in pyg-lib, in torch-sparse where that "
        "was built with it, and in pymetis, and none of them is installed: install one (pip "
        "install pymetis), or take loader='neighbor'."
    )
