"""GNNs as people write them with PyG, small: what `attach_gates` is tried on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch_geometric.nn as gnn
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.nn import global_add_pool
from torch_geometric.utils import add_self_loops, degree, dropout_edge, scatter

NODES, FEATURES, CLASSES, EDGE_FEATURES = 14, 6, 3, 4


class Stack(nn.Module):
    """Convolutions of one kind, each with a norm and an activation, the last without."""

    def __init__(self, *convs: nn.Module, norm: Callable[[int], nn.Module] | None = None) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)
        sizes: list[Any] = [conv.out_channels for conv in convs[:-1]]
        self.norms = nn.ModuleList(norm(size) if norm else nn.Identity() for size in sizes)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=False):
            x = F.relu(norm(conv(x, edge_index)))
            x = F.dropout(x, p=0.5, training=self.training)
        return self.convs[-1](x, edge_index)  # type: ignore[no-any-return]


class Residual(nn.Module):
    """A linear map in, sums along the way, all layers side by side at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(FEATURES, 8)
        self.convs = nn.ModuleList([gnn.GCNConv(8, 8), gnn.SAGEConv(8, 8, aggr="max")])
        self.norms = nn.ModuleList([gnn.BatchNorm(8), gnn.GraphNorm(8)])
        self.decode = gnn.Linear(24, CLASSES)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        edge_index = add_self_loops(edge_index, num_nodes=x.size(0))[0]
        states = [self.encode(x)]
        for conv, norm in zip(self.convs, self.norms, strict=True):
            states.append(states[-1] + F.elu(norm(conv(states[-1], edge_index))))
        return self.decode(torch.cat(states, dim=-1)).log_softmax(-1)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Heads side by side, then their mean, over edges with features."""

    def __init__(self, kind: type[nn.Module], **kwargs: Any) -> None:
        super().__init__()
        residual = {} if kind is gnn.TransformerConv else {"residual": True}
        self.first = kind(FEATURES, 5, heads=3, edge_dim=EDGE_FEATURES, **kwargs)
        self.second = kind(15, 7, heads=2, concat=False, **residual, **kwargs)
        self.third = kind(7, CLASSES, heads=2, concat=False)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        x = F.elu(self.first(x, edge_index, edge_attr))
        x = F.elu(self.second(x, edge_index))
        return self.third(x, edge_index)  # type: ignore[no-any-return]


class OfGraphs(nn.Module):
    """GIN with an MLP in every layer, and three ways of pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.first = gnn.GINConv(self.mlp(FEATURES, 9, 8), train_eps=True)
        self.second = gnn.GINConv(self.mlp(8, 7, 6))
        self.mean = gnn.MeanAggregation()
        self.head = nn.Linear(18, CLASSES)

    @staticmethod
    def mlp(*sizes: int) -> nn.Module:
        first, hidden, last = sizes
        norm = nn.BatchNorm1d(hidden)
        return nn.Sequential(
            nn.Linear(first, hidden), norm, nn.ReLU(), nn.Linear(hidden, last), nn.ReLU()
        )

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        x = self.second(self.first(x, edge_index), edge_index)
        pooled = [global_add_pool(x, batch), gnn.global_max_pool(x, batch), self.mean(x, batch)]
        return self.head(torch.cat(pooled, dim=1))  # type: ignore[no-any-return]


class Molecules(nn.Module):
    """Atoms and bonds embedded, GINE over both, added up by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.bonds = nn.Linear(EDGE_FEATURES, 8)
        self.first = gnn.GINEConv(nn.Linear(FEATURES, 8), edge_dim=EDGE_FEATURES)
        self.second = gnn.GINEConv(gnn.MLP([8, 10, 9], norm="batch_norm"))
        self.head = nn.Linear(9, CLASSES)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        x = F.relu(self.first(x, edge_index, edge_attr=edge_attr))
        x = self.second(x=x, edge_index=edge_index, edge_attr=F.relu(self.bonds(edge_attr)))
        return self.head(x)  # type: ignore[no-any-return]


class Points(nn.Module):
    """EdgeConv, whose module reads a node beside its difference from a neighbour."""

    def __init__(self) -> None:
        super().__init__()
        self.first = gnn.EdgeConv(nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 7)))
        self.second = gnn.EdgeConv(nn.Sequential(nn.Linear(14, 8), nn.ReLU(), nn.Linear(8, 6)))
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.head(self.second(self.first(x, edge_index), edge_index))  # type: ignore[no-any-return]


class Predicts(nn.Module):
    """A perceptron whose outputs are propagated, in a `Data` of PyG, with sums by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = gnn.Linear(FEATURES, 9), nn.Linear(18, 8)
        self.propagate = gnn.APPNP(K=3, alpha=0.1)
        self.simple = gnn.SimpleConv(aggr="mean", combine_root="sum")
        self.light = gnn.LGConv()
        self.last = nn.Linear(8, CLASSES)

    def forward(self, data: Data) -> Tensor:
        edge_index, _ = dropout_edge(data.edge_index, p=0.3, training=self.training)
        row, col = data.edge_index
        x = F.relu(self.first(data.x))
        mean = scatter(x[row], col, dim=0, dim_size=x.size(0), reduce="mean")
        x = torch.cat([x / (1 + degree(col, x.size(0))).unsqueeze(-1), mean], dim=-1)
        x = self.simple(F.relu(self.second(x)), edge_index)
        return self.last(self.propagate(self.light(x, edge_index), edge_index))  # type: ignore[no-any-return]


class Relational(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = gnn.RGCNConv(FEATURES, 9, num_relations=2, num_bases=2)
        self.second = gnn.RGCNConv(9, CLASSES, num_relations=2)

    def forward(self, x: Tensor, edge_index: Tensor, edge_type: Tensor) -> Tensor:
        return self.second(F.relu(self.first(x, edge_index, edge_type)), edge_index, edge_type)  # type: ignore[no-any-return]


class Sampled(nn.Module):
    """Layers of a sampled neighbourhood: nodes read from more nodes than there will be."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.first, self.second = kind(FEATURES, 9), kind(9, CLASSES)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.relu(self.first(x, edge_index))
        inner = x[: x.size(0) // 2]
        keep = edge_index[:, edge_index[1] < x.size(0) // 2]
        return self.second((x, inner), keep)  # type: ignore[no-any-return]


KINDS = ["paper", "author"]
RELATIONS = [("paper", "cites", "paper"), ("author", "writes", "paper"), ("paper", "by", "author")]


class TwoKinds(nn.Module):
    """Papers and authors by `HeteroConv`, what reaches a paper from both added up."""

    def __init__(self) -> None:
        super().__init__()
        self.first = gnn.HeteroConv({each: self.layer(each, 9) for each in RELATIONS}, aggr="sum")
        self.second = gnn.HeteroConv({each: self.layer(each, 8, 9) for each in RELATIONS})
        self.head = nn.Linear(8, CLASSES)

    @staticmethod
    def layer(relation: tuple[str, str, str], out: int, size: int = FEATURES) -> nn.Module:
        kinds = {
            "cites": lambda: gnn.GCNConv(size, out),
            "writes": lambda: gnn.GATConv((size, size), out, add_self_loops=False, residual=True),
            "by": lambda: gnn.GraphConv((size, size), out),
        }
        return kinds[relation[1]]()  # type: ignore[no-any-return]

    def forward(self, x_dict: dict[str, Tensor], edge_index_dict: dict[Any, Tensor]) -> Tensor:
        x_dict = self.first(x_dict, edge_index_dict)
        x_dict = {kind: F.relu(x) for kind, x in x_dict.items()}
        return self.head(self.second(x_dict, edge_index_dict)["paper"])  # type: ignore[no-any-return]


class Inner(nn.Module):
    """For one kind of nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = gnn.SAGEConv((FEATURES, FEATURES), 9)
        self.second = gnn.GATv2Conv((9, 9), CLASSES, add_self_loops=False)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.second(F.relu(self.first(x, edge_index)), edge_index)  # type: ignore[no-any-return]


class Converted(nn.Module):
    """The same for papers and authors, by PyG's `to_hetero`."""

    def __init__(self) -> None:
        super().__init__()
        self.net = gnn.to_hetero(Inner(), (KINDS, RELATIONS), aggr="sum")

    def forward(self, x_dict: dict[str, Tensor], edge_index_dict: dict[Any, Tensor]) -> Tensor:
        return self.net(x_dict, edge_index_dict)["paper"]  # type: ignore[no-any-return]


def chain(kind: type[nn.Module], **kwargs: Any) -> Callable[[], nn.Module]:
    norms: dict[Any, Any] = {gnn.GCNConv: gnn.BatchNorm, gnn.TAGConv: gnn.InstanceNorm}
    return lambda: Stack(
        kind(FEATURES, 9, **kwargs),
        kind(9, 8, **kwargs),
        kind(8, CLASSES, **kwargs),
        norm=norms.get(kind),
    )


def stock(kind: type[nn.Module], **kwargs: Any) -> Callable[[], nn.Module]:
    return lambda: kind(FEATURES, 8, num_layers=3, out_channels=CLASSES, **kwargs)


def listed() -> nn.Module:
    """PyG's `Sequential`, which takes any arguments."""
    layers: list[Any] = [
        (gnn.GATConv(FEATURES, 5, heads=2), "x, edge_index -> x"),
        nn.ELU(),
        (gnn.GCNConv(10, 8), "x, edge_index -> y"),
        (nn.Linear(10, 8), "x -> x"),
        (lambda x, y: x + y, "x, y -> x"),
        nn.Linear(8, CLASSES),
    ]
    return gnn.Sequential("x, edge_index", layers)  # type: ignore[no-any-return]


GNNS: dict[str, tuple[Callable[[], nn.Module], list[int]]] = {
    "gcn": (chain(gnn.GCNConv), [9, 8]),
    "graphsage": (chain(gnn.SAGEConv), [9, 8]),
    "graph": (chain(gnn.GraphConv), [9, 8]),
    "tag": (chain(gnn.TAGConv), [9, 8]),
    "sgc": (chain(gnn.SGConv, K=2), [9, 8]),
    "ssgc": (chain(gnn.SSGConv, alpha=0.2), [9, 8]),
    "chebyshev": (chain(gnn.ChebConv, K=3), [9, 8]),
    "cluster-gcn": (chain(gnn.ClusterGCNConv), [9, 8]),
    "le": (chain(gnn.LEConv), [9, 8]),
    "gated": (chain(gnn.ResGatedGraphConv), [9, 8]),
    "residual": (Residual, [8]),
    "gat": (lambda: Attention(gnn.GATConv), [5, 7]),
    "gatv2": (lambda: Attention(gnn.GATv2Conv), [5, 7]),
    "gatv2-shared": (lambda: Attention(gnn.GATv2Conv, share_weights=True), [5, 7]),
    "transformer": (lambda: Attention(gnn.TransformerConv), [5, 7]),
    "of-graphs": (OfGraphs, [9, 8, 7, 6]),
    "molecules": (Molecules, [8, 10, 9]),
    "points": (Points, [9, 7, 8, 6]),
    "predicts": (Predicts, [9, 8]),
    "relational": (Relational, [9]),
    "stock-gcn": (stock(gnn.GCN, norm="batch_norm"), [8, 8]),
    "stock-gat": (stock(gnn.GAT, heads=2), [4, 4]),
    "stock-gin": (stock(gnn.GIN), [8, 8, 8, 8, 3]),
    "stock-graphsage": (stock(gnn.GraphSAGE, jk="cat"), [8, 8, 8]),
    "stock-jumps": (stock(gnn.GraphSAGE, jk="max"), [8]),
    "listed": (listed, [5, 8]),
    "two-kinds": (TwoKinds, [9, 9, 8]),
    "converted": (Converted, [9, 9]),
    "sampled": (lambda: Sampled(gnn.SAGEConv), [9]),
    "sampled-graph": (lambda: Sampled(gnn.GraphConv), [9]),
    "sampled-gatv2": (lambda: Sampled(gnn.GATv2Conv), [9]),
}
"""Each model, and the sizes of the groups of channels that can be removed from it."""


def gnn_example(name: str, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Any, ...]:
    """What the model is called with: a graph without self-loops in which every node has edges."""
    generator = torch.Generator().manual_seed(seed)
    around = torch.arange(NODES)
    further = (around + torch.randint(2, NODES - 1, (NODES,), generator=generator)) % NODES
    source = torch.cat([around, (around + 1) % NODES, around])
    edge_index = torch.stack([source, torch.cat([(around + 1) % NODES, around, further])])
    x = torch.randn(NODES, FEATURES, generator=generator, dtype=dtype)
    attributes = torch.randn(edge_index.size(1), EDGE_FEATURES, generator=generator, dtype=dtype)
    match name:
        case "gat" | "gatv2" | "gatv2-shared" | "transformer" | "molecules":
            return x, edge_index, attributes
        case "of-graphs":
            return x, edge_index, around // 5
        case "relational":
            return x, edge_index, torch.arange(edge_index.size(1)) % 2
        case "two-kinds" | "converted":
            authors = torch.randn(NODES, FEATURES, generator=generator, dtype=dtype)
            x_dict = {"paper": x, "author": authors}
            return x_dict, {each: edge_index.roll(at, 1) for at, each in enumerate(RELATIONS)}
        case "predicts":
            return (Data(x=x, edge_index=edge_index),)
    return x, edge_index
