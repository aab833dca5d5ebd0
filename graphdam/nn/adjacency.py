"""A graph's structure made ready for one kind of layer: normalised once, stored as CSR."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import (
    add_self_loops,
    degree,
    is_torch_sparse_tensor,
    remove_self_loops,
    to_edge_index,
)

from graphdam.data.csr import CSRMatrix
from graphdam.errors import SettingsError


@dataclass(frozen=True)
class Adjacency:
    """What `Encoder.prepare` returns and `Encoder.forward` takes in place of an edge list.

    Attributes:
        kind: how it was made; an encoder refuses an adjacency of another kind.
        matrix: [N, N]; entry (i, j) is the weight of the message from node j to node i. Of a
            sample, [M, N]: the first M of its N nodes receive something.
        hops: of one that reaches some nodes only, the matrix of every layer; see `reaching`.
    """

    kind: str
    matrix: CSRMatrix
    hops: tuple[CSRMatrix, ...] = ()

    @property
    def num_nodes(self) -> int:
        """The nodes whose features are read."""
        return self.matrix.size(1)

    def reaching(self, nodes: Tensor, num_layers: int) -> Adjacency:
        """The messages that the outputs of some nodes depend on, layer by layer.

        The last layer's matrix has a row for each of `nodes`, in their order, and a column for each
        node that sends to one of them; these are the rows of the layer before, and so on. The first
        layer reads all nodes.
        """
        hops: list[CSRMatrix] = []
        for layer in reversed(range(num_layers)):
            row, entry = self.matrix.entries_of(nodes)
            column, senders = self.matrix.column[entry].long(), self.num_nodes
            receivers = nodes.numel()
            if layer > 0:
                nodes, column = torch.unique(column, return_inverse=True)
                senders = nodes.numel()
            value = self.matrix.value[entry]
            hops.insert(0, CSRMatrix.from_coo(row, column, value, (receivers, senders)))
        return replace(self, hops=tuple(hops))

    def at(self, layer: int) -> Adjacency:
        """What a layer multiplies with."""
        return Adjacency(self.kind, self.hops[layer]) if self.hops else self

    @property
    def num_messages(self) -> int:
        """Messages of one layer: edges, added self-loops included."""
        return self.matrix.num_entries

    def check_fits(self, kind: str, num_nodes: int) -> None:
        """Refuse to be used by another kind of encoder or with another number of nodes.

        Raises:
            SettingsError: saying which.
        """
        if self.kind != kind:
            raise SettingsError(
                f"This adjacency was prepared for {self.kind}, but the encoder is {kind}: prepare "
                f"it with this encoder's own prepare()."
            )
        if self.num_nodes != num_nodes:
            raise SettingsError(
                f"The adjacency has {self.num_nodes} nodes and x has {num_nodes} rows: pass "
                f"num_nodes to prepare() where isolated nodes come last."
            )

    def edge_index(self) -> Tensor:
        """The messages as an edge list: int64 [2, num_messages]."""
        return torch.stack([self.matrix.column.long(), self.matrix.row_of_entry()])

    def to(self, target: torch.device | torch.dtype | str) -> Adjacency:
        """On another device, or with entries of another floating-point type."""
        hops = tuple(hop.to(target) for hop in self.hops)
        return replace(self, matrix=self.matrix.to(target), hops=hops)


def edge_list(
    edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int | None
) -> tuple[Tensor, Tensor | None, int]:
    """Plain edges [2, E], weights and number of nodes from whatever holds a graph in PyG.

    The number of nodes is what the caller says, or what an `EdgeIndex` or a sparse matrix says, or
    one more than the highest number among the edges.
    """
    if is_torch_sparse_tensor(edge_index):
        entries, edge_weight = to_edge_index(edge_index)
        # Rows are targets, and edge lists begin with sources.
        return entries.flip(0), edge_weight, edge_index.size(0)
    if num_nodes is None and isinstance(edge_index, EdgeIndex):
        num_nodes = max(
            (size for size in edge_index.sparse_size() if size is not None), default=None
        )
    edges = edge_index.as_subclass(Tensor)
    if num_nodes is None:
        num_nodes = int(edges.max()) + 1 if edges.numel() else 0
    return edges, edge_weight, num_nodes


def normalised_adjacency(
    edge_index: Tensor,
    edge_weight: Tensor | None,
    num_nodes: int,
    *,
    dtype: torch.dtype,
    improved: bool = False,
    self_loops: bool = True,
) -> CSRMatrix:
    r""":math:`\hat D^{-1/2} \hat A \hat D^{-1/2}`, with self-loops added where none stand.

    The normalisation is PyG's own `gcn_norm` on the edge list.
    """
    edges, weight = gcn_norm(
        edge_index, edge_weight, num_nodes, improved, self_loops, "source_to_target", dtype
    )
    return _matrix(edges, weight.to(dtype), num_nodes)


def summed_adjacency(
    edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int, *, dtype: torch.dtype
) -> CSRMatrix:
    """The adjacency as it is, weight 1 where none is given."""
    if edge_weight is None:
        edge_weight = torch.ones(edge_index.size(1), device=edge_index.device)
    return _matrix(edge_index, edge_weight.to(dtype), num_nodes)


def mean_adjacency(edge_index: Tensor, num_nodes: int, *, dtype: torch.dtype) -> CSRMatrix:
    """Every message divided by the number of messages that its target gets."""
    target = edge_index[1]
    count = degree(target, num_nodes, dtype=dtype).clamp(min=1)
    return _matrix(edge_index, 1 / count[target], num_nodes)


def attention_adjacency(
    edge_index: Tensor, num_nodes: int, *, dtype: torch.dtype, self_loops: bool = True
) -> CSRMatrix:
    """The positions over which attention is spread, each node itself among its neighbours."""
    if self_loops:
        edge_index, _ = remove_self_loops(edge_index)
        edge_index, _ = add_self_loops(edge_index, num_nodes=num_nodes)
    return summed_adjacency(edge_index, None, num_nodes, dtype=dtype)


def _matrix(edge_index: Tensor, value: Tensor, num_nodes: int) -> CSRMatrix:
    source, target = edge_index
    return CSRMatrix.from_coo(target, source, value, (num_nodes, num_nodes))
