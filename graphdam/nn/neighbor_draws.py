"""Neighbourhoods of some nodes, drawn by PyG's NeighborLoader."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader

from graphdam.errors import SettingsError


@dataclass(frozen=True)
class Neighborhood:
    """Some nodes, the seeds, those that they hear from, and the edges that were drawn.

    Attributes:
        nodes: int64 [N], the seeds first, then hop by hop.
        num_seeds: how many of them are seeds.
        source, target: of every drawn edge, int64 [E], counted among `nodes`.
        edge: which of the edges that were given each of them is, int64 [E].
    """

    nodes: Tensor
    num_seeds: int
    source: Tensor
    target: Tensor
    edge: Tensor


class NeighborDraws:
    """Draws, in every hop, at most so many of a node's neighbours, without replacement.

    Everything random is drawn from torch's global generator. torch-sparse (0.6.18) draws a node's
    neighbours by their place, the last ones too seldom or never (pytorch_sparse#385), so for it
    they change places before an epoch.

    Args:
        source, target: of every edge, int64 [E], on the CPU.
        num_nodes: N.
        neighbors: the most neighbours that are drawn for a node, first for the seeds; −1 for all.

    Raises:
        SettingsError: neither pyg-lib nor torch-sparse is installed.
    """

    def __init__(
        self, source: Tensor, target: Tensor, num_nodes: int, neighbors: Sequence[int]
    ) -> None:
        require_sampler()
        self.source, self.target = source, target
        self.num_nodes, self.neighbors = num_nodes, list(neighbors)
        self._place(torch.argsort(target, stable=True))

    def draw(self, seeds: Sequence[Tensor], *, reorder: bool = True) -> Iterator[Neighborhood]:
        """A neighbourhood for each of these sets of nodes, int64 [B], all different.

        Args:
            seeds: of each neighbourhood.
            reorder: let neighbours change places before, where the sampler needs that.
        """
        if reorder and not torch_geometric.typing.WITH_PYG_LIB:
            shuffled = self.target + torch.rand(self.target.numel(), dtype=torch.float64)
            self._place(torch.argsort(shuffled))
        with warnings.catch_warnings():
            # torch-sparse will do for what is asked of it here
            warnings.filterwarnings("ignore", message="Using 'NeighborSampler' without")
            loader = NeighborLoader(
                self._data,
                self.neighbors,
                batch_sampler=[nodes.tolist() for nodes in seeds],
                is_sorted=True,
            )
        for batch in loader:
            source, target = batch.edge_index
            edge = self._edge[batch.e_id]
            yield Neighborhood(batch.n_id, batch.batch_size, source, target, edge)

    def _place(self, edge: Tensor) -> None:
        """Offer the edges in this order, in which those of a target stand together."""
        self._edge = edge
        edges = torch.stack([self.source[edge], self.target[edge]])
        self._data = Data(edge_index=edges, num_nodes=self.num_nodes)


def require_sampler() -> None:
    """Refuse to begin where nothing can draw a neighbourhood.

    Raises:
        SettingsError: naming the two packages that can.
    """
    if torch_geometric.typing.WITH_PYG_LIB or torch_geometric.typing.WITH_TORCH_SPARSE:
        return
    raise SettingsError(
        "Mini-batches of a graph are drawn by pyg-lib or by torch-sparse, and neither is "
        "installed: install one of them, or train on the whole graph (without batch_size)."
    )
