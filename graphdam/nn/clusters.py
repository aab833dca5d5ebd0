"""Batches of clusters, as in Cluster-GCN."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.errors import SettingsError
from graphdam.nn.adjacency import Adjacency
from graphdam.nn.encoder import Encoder
from graphdam.nn.partition import metis, require_metis
from graphdam.nn.subgraphs import Subgraph, induced

Cut: TypeAlias = Callable[[Tensor, int, int], Tensor]
"""From edges, the number of nodes and that of clusters to the cluster of every node, int64 [N]."""


class Clusters:
    """Cuts a graph into clusters by METIS, and deals them to the steps of an epoch.

    Args:
        edge_index: int64 [2, E].
        num_nodes: N.
        num_clusters: the clusters that METIS makes.
        cut: who cuts in METIS's place, the leader of several processes say.

    Raises:
        SettingsError: more clusters than nodes, or no METIS and nothing in its place.
    """

    def __init__(
        self, edge_index: Tensor, num_nodes: int, *, num_clusters: int, cut: Cut | None = None
    ) -> None:
        if num_clusters > num_nodes:
            raise SettingsError(
                f"num_clusters={num_clusters:,} is more than the graph's {num_nodes:,} nodes: take "
                f"at most as many."
            )
        if num_clusters > 1 and cut is None:
            require_metis()
        self.edge_index, self.num_nodes = edge_index, num_nodes
        self.num_clusters, self.cut = num_clusters, cut

    @cached_property
    def clusters(self) -> list[Tensor]:
        """The nodes of every cluster that has some, made when first needed."""
        cluster = (self.cut or metis)(self.edge_index, self.num_nodes, self.num_clusters)
        nodes = torch.argsort(cluster, stable=True)
        sizes = torch.bincount(cluster, minlength=self.num_clusters)
        return [each for each in torch.split(nodes, sizes.tolist()) if each.numel()]

    def dealt(self, num_steps: int, *, rank: int = 0, num_ranks: int = 1) -> Sequence[Tensor]:
        """For every step the numbers of its clusters, int64: each once, in a new order.

        Raises:
            SettingsError: METIS has left too few clusters with nodes.
        """
        shares = num_steps * num_ranks
        if len(self.clusters) < shares:
            raise SettingsError(
                f"METIS put all nodes into {len(self.clusters)} of num_clusters="
                f"{self.num_clusters}, and an epoch has {num_steps} steps of {num_ranks} "
                f"process{'' if num_ranks == 1 else 'es'}: take a larger batch_size."
            )
        return torch.randperm(len(self.clusters)).tensor_split(shares)[rank::num_ranks]

    def nodes_of(self, chosen: Tensor) -> Tensor:
        """The nodes of these clusters, in rising order."""
        return torch.cat([self.clusters[number] for number in chosen.tolist()]).sort().values


class ClusterSampling(Clusters):
    r"""Cuts out of a graph, for every step of an epoch, the clusters that it is dealt.

    A step reads some clusters together, with the edges within and between them. It is prepared as
    a graph of its own: its messages are normalised by the degrees that its nodes have in it, as in
    `"Cluster-GCN: An Efficient Algorithm for Training Deep and Large Graph Convolutional Networks"
    <https://arxiv.org/abs/1905.07953>`_, and an encoder computes on it what it computes on a batch
    of PyG's `ClusterLoader`. (The paper's :math:`(D + I)^{-1} (A + I)` is for its own model; here
    each encoder keeps its own normalisation.) Entries of the whole graph's adjacency would leave
    out what cut edges send, and make every sum smaller; what is left is normalised anew instead.
    Outputs do not meet those of the whole graph on average, as cut edges are not drawn at random.

    Every node is in exactly one step of an epoch, so that its importance is the number of steps,
    times that of processes, and the losses of an epoch's steps have the mean over all nodes.

    Args:
        edge_index: int64 [2, E].
        edge_weight: [E], or None.
        num_nodes: N.
        encoder: whose kind of adjacency is prepared.
        num_clusters, cut: see `Clusters`.

    Raises:
        SettingsError: see `Clusters`.
    """

    def __init__(
        self,
        edge_index: Tensor,
        edge_weight: Tensor | None,
        num_nodes: int,
        *,
        encoder: Encoder,
        num_clusters: int,
        cut: Cut | None = None,
    ) -> None:
        super().__init__(edge_index, num_nodes, num_clusters=num_clusters, cut=cut)
        self.edge_weight, self.encoder = edge_weight, encoder

    @cached_property
    def _edges(self) -> CSRMatrix:
        """Entry (i, j): the weight of the edge from node j to node i."""
        source, target = self.edge_index.cpu()
        weight = torch.ones(source.numel()) if self.edge_weight is None else self.edge_weight.cpu()
        return CSRMatrix.from_coo(target, source, weight, (self.num_nodes, self.num_nodes))

    def epoch(self, num_steps: int, *, rank: int = 0, num_ranks: int = 1) -> Iterator[Subgraph]:
        """See `SubgraphSampling` and `Clusters.dealt`."""
        dealt = self.dealt(num_steps, rank=rank, num_ranks=num_ranks)
        importance = float(num_steps * num_ranks)
        return (self.subgraph(chosen, importance=importance) for chosen in dealt)

    def subgraph(self, chosen: Tensor, *, importance: float = 1.0) -> Subgraph:
        """These clusters as a graph, int64 numbers of `clusters`."""
        nodes = self.nodes_of(chosen)
        row, column, entry = induced(self._edges, nodes)
        weight = None if self.edge_weight is None else self._edges.value[entry]
        adjacency: Adjacency = self.encoder.prepare(
            torch.stack([column, row]), weight, num_nodes=nodes.numel()
        )
        of_each = torch.full((nodes.numel(),), importance)
        return Subgraph(nodes, adjacency.to(self.edge_index.device), of_each)
