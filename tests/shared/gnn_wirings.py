"""GNNs wired at random: convolutions of every kind, norms, sums, messages by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch_geometric.nn as gnn
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.utils import scatter

CLASSES, FEATURES = 3, 6

CONVOLUTIONS: tuple[Callable[[int, int], nn.Module], ...] = (
    gnn.GCNConv,
    gnn.SAGEConv,
    gnn.GraphConv,
    gnn.TAGConv,
    gnn.LEConv,
    gnn.ClusterGCNConv,
    gnn.ResGatedGraphConv,
    lambda width, out: gnn.SAGEConv(width, out, aggr="max", root_weight=False),
    lambda width, out: gnn.ChebConv(width, out, K=2),
    lambda width, out: gnn.SGConv(width, out, K=2),
    lambda width, out: gnn.GATConv(width, out // 2, heads=2),
    lambda width, out: gnn.GATConv(width, out, heads=3, concat=False, residual=True),
    lambda width, out: gnn.TransformerConv(width, out // 2, heads=2),
    lambda width, out: gnn.GATv2Conv(width, out // 2, heads=2, share_weights=True),
    lambda width, out: gnn.GINConv(
        nn.Sequential(nn.Linear(width, 5), nn.BatchNorm1d(5), nn.ReLU(), gnn.Linear(5, out))
    ),
    lambda width, out: gnn.EdgeConv(nn.Sequential(nn.Linear(2 * width, out), nn.Tanh())),
)
NORMS: tuple[Callable[[int], nn.Module], ...] = (
    gnn.BatchNorm,
    gnn.GraphNorm,
    gnn.InstanceNorm,
    nn.BatchNorm1d,
    lambda width: gnn.MeanSubtractionNorm(),
)
STEPS = ("conv", "conv", "conv", "norm", "act", "add", "add", "cat", "messages", "graph", "linear")


class GraphWiring(nn.Module):
    """A program of random steps over the nodes of two graphs, each reading what earlier ones wrote.

    Args:
        seed: what everything is drawn from.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._generator = torch.Generator().manual_seed(seed)
        self.parts = nn.ModuleList()
        self.program: list[tuple[str, int, int, int]] = []
        self.widths = [FEATURES]
        self._add("conv", 0, 0)
        for _ in range(self._draw(3, 9)):
            self._add(STEPS[self._draw(0, len(STEPS))], self._recent(), self._recent())
        self.head = nn.Linear(self.widths[-1], CLASSES)
        self.of_graphs = self._draw(0, 2) == 0

    def _draw(self, low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=self._generator))

    def _recent(self) -> int:
        return max(1, len(self.widths) - 1 - self._draw(0, 3))

    def _add(self, name: str, one: int, other: int) -> None:
        width = self.widths[one]
        part: nn.Module = nn.Identity()
        out = width
        if name == "conv":
            out = 2 * self._draw(1, 5)
            part = CONVOLUTIONS[self._draw(0, len(CONVOLUTIONS))](width, out)
        elif name == "linear":
            out = 2 * self._draw(1, 5)
            part = gnn.Linear(width, out)
        elif name == "norm":
            part = NORMS[self._draw(0, len(NORMS))](width)
        elif name == "act":
            part = (nn.ReLU(), nn.Sigmoid(), nn.PReLU(width), nn.Dropout())[self._draw(0, 4)]
        elif name == "add":
            same = [at for at in range(1, len(self.widths)) if self.widths[at] == width]
            other = same[self._draw(0, len(same))]
        elif name == "cat":
            out = width + self.widths[other]
            if out > 20:
                return
        self.program.append((name, one, other, len(self.parts)))
        self.parts.append(part)
        self.widths.append(out)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        seen = [x]
        source, target = edge_index
        for name, one, other, part in self.program:
            value, layer = seen[one], self.parts[part]
            if name == "conv":
                value = layer(value, edge_index)
            elif name == "add":
                value = value + seen[other]
            elif name == "cat":
                value = torch.cat([value, seen[other]], dim=-1)
            elif name == "messages":
                sums = scatter(value.index_select(0, source), target, 0, value.size(0), "max")
                value = F.elu(value[target.new_zeros(())] + sums)
            elif name == "graph":
                value = value * gnn.global_mean_pool(value, batch)[batch].sigmoid()
            else:
                value = layer(value)
            seen.append(value)
        last = gnn.global_max_pool(seen[-1], batch) if self.of_graphs else seen[-1]
        return self.head(last)  # type: ignore[no-any-return]
