"""A set of small graphs with a class each, ready for training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphdam.data.graph import SplitName
from graphdam.errors import DataError

if TYPE_CHECKING:
    from torch_geometric.data import Data

OF_EDGES = ("edge_weight", "edge_attr")
"""What a graph may say of its edges."""

HELD_OUT = 0.1
"""The share of a class that is validated on, and that is tested on, where nothing is said."""


@dataclass(frozen=True)
class GraphBatch:
    """Some graphs of a set as one graph of several parts, as PyG's `Batch` is.

    Attributes:
        x: float32 [n, F].
        edge_index: int64 [2, e].
        batch: int64 [n], which graph a node is of.
        further: what is said of edges, by name, [e] or [e, D].
    """

    x: Tensor
    edge_index: Tensor
    batch: Tensor
    further: Mapping[str, Tensor]


@dataclass(frozen=True)
class GraphSet:
    """Small graphs with one class each and one split, all of them in a few tensors.

    Make it with `GraphSet.of`.

    Attributes:
        name: what the user calls the set.
        x: float32 [N, F], the features of the nodes of all graphs, one graph after the other.
        edge_index: int64 [2, E], likewise; nodes are counted through all graphs.
        further: what is said of edges, by name (`edge_weight`, `edge_attr`): [E] or [E, D].
        node_pointer: int64 [G + 1], where the nodes of each graph begin.
        edge_pointer: int64 [G + 1], likewise.
        y: int64 [G] class of every graph.
        num_classes: number of classes.
        train: int64 indices of the graphs that are learnt from.
        val: those that are chosen on.
        test: those that are tested on.
    """

    name: str
    x: Tensor
    edge_index: Tensor
    further: Mapping[str, Tensor]
    node_pointer: Tensor
    edge_pointer: Tensor
    y: Tensor
    num_classes: int
    train: Tensor
    val: Tensor
    test: Tensor

    @classmethod
    def of(
        cls,
        graphs: Sequence[Data],
        *,
        split: Sequence[Sequence[int]] | None = None,
        seed: int = 0,
        name: str = "graphs",
    ) -> GraphSet:
        """A PyG data set or a list of `Data`, checked and put together.

        Args:
            graphs: each with `x` [n, F], `edge_index`, one class `y`; `edge_weight` or `edge_attr`
                where all have it.
            split: which graphs are learnt from, chosen on and tested on: three sequences of
                indices. A tenth of every class is chosen on and a tenth tested on if None.
            seed: of that draw.
            name: what messages call the set.

        Raises:
            DataError: no graphs, one that is not as said above, features that are not finite, or
                parts of the split that are empty or overlap.

        >>> from torch_geometric.data import Data
        >>> edge = torch.tensor([[0, 1], [1, 0]])
        >>> graphs = [Data(x=torch.ones(2, 3), edge_index=edge, y=n % 2) for n in range(40)]
        >>> found = GraphSet.of(graphs)
        >>> found.num_graphs, found.num_classes, found.indices("test").numel()
        (40, 2, 4)
        """
        from torch_geometric.data import Batch

        whole = list(graphs)
        for index, graph in enumerate(whole):
            _require_valid(graph, index, name)
        _require_alike(whole, name)
        collated: Any = Batch.from_data_list([_plain(graph) for graph in whole])
        y = torch.tensor([int(graph.y) for graph in whole])
        counts = torch.tensor([graph.num_edges for graph in whole])
        parts = _drawn(y, seed, name) if split is None else _given(split, len(whole), name)
        return cls(
            name=name,
            x=collated.x.float(),
            edge_index=collated.edge_index.long(),
            further={key: collated[key].float() for key in OF_EDGES if key in collated},
            node_pointer=collated.ptr,
            edge_pointer=torch.cat([counts.new_zeros(1), counts.cumsum(0)]),
            y=y,
            num_classes=int(y.max()) + 1,
            train=parts[0],
            val=parts[1],
            test=parts[2],
        )

    @property
    def num_graphs(self) -> int:
        return self.y.numel()

    @property
    def num_features(self) -> int:
        return self.x.size(1)

    @property
    def out_channels(self) -> int:
        """Outputs a classifier needs: one score a class."""
        return self.num_classes

    def indices(self, split: SplitName) -> Tensor:
        """The graphs of one part of the split: int64."""
        return getattr(self, split)  # type: ignore[no-any-return]

    def take(self, index: Tensor) -> GraphBatch:
        """Some graphs, in the order of their indices [B]."""
        nodes, batch = _ranges(self.node_pointer, index)
        edges, of_graph = _ranges(self.edge_pointer, index)
        sizes = self.node_pointer[index + 1] - self.node_pointer[index]
        moved = sizes.cumsum(0) - sizes - self.node_pointer[index]
        return GraphBatch(
            x=self.x[nodes],
            edge_index=self.edge_index[:, edges] + moved[of_graph],
            batch=batch,
            further={name: values[edges] for name, values in self.further.items()},
        )

    def to(self, device: torch.device | str) -> GraphSet:
        """On another device."""
        moved: dict[str, Any] = {
            each.name: value.to(device)
            for each in fields(self)
            if isinstance(value := getattr(self, each.name), Tensor)
        }
        further = {name: values.to(device) for name, values in self.further.items()}
        return replace(self, further=further, **moved)


def _ranges(pointer: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers from pointer[i] to pointer[i + 1] for every i, and whose each of them is."""
    begin = pointer[index]
    size = pointer[index + 1] - begin
    owner = torch.arange(index.numel(), device=index.device).repeat_interleave(size)
    within = torch.arange(owner.numel(), device=index.device) - (size.cumsum(0) - size)[owner]
    return begin[owner] + within, owner


def _plain(graph: Data) -> Data:
    """What is read of a graph."""
    from torch_geometric.data import Data

    kept = {name: graph[name] for name in ("x", "edge_index", *OF_EDGES) if name in graph}
    return Data(**{name: value for name, value in kept.items() if value is not None})


def _require_valid(graph: Data, index: int, name: str) -> None:
    """Refuse a graph that cannot be learnt from, naming it."""
    of = f"Graph {index} of {name}"
    x, edge_index, y = graph.x, graph.edge_index, graph.y
    if x is None or x.dim() != 2 or 0 in x.shape or not bool(torch.isfinite(x).all()):
        told = "none" if x is None else f"shape {list(x.shape)}"
        raise DataError(
            f"{of} needs finite features x [nodes, features] of at least one node, received {told}."
        )
    if edge_index is None or edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise DataError(f"{of} needs an edge_index [2, edges] (with no edges, [2, 0]).")
    if edge_index.numel() and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < len(x):
        raise DataError(
            f"{of} has {len(x)} nodes, and an edge between nodes {int(edge_index.min())} and "
            f"{int(edge_index.max())}: nodes are counted from 0 in every graph."
        )
    numbers = torch.as_tensor(y if y is not None else []).flatten()
    if numbers.numel() != 1 or float(numbers[0]) != int(numbers[0]) or int(numbers[0]) < 0:
        raise DataError(
            f"{of} needs one class y, a whole number from 0 on, received y="
            f"{None if y is None else numbers.tolist()[:5]}."
        )


def _require_alike(graphs: Sequence[Data], name: str) -> None:
    """Refuse graphs that cannot stand in one tensor."""
    if not graphs:
        raise DataError(f"{name} has no graphs: a list of PyG Data is needed, or a data set.")
    widths = {graph.x.size(1) for graph in graphs if graph.x is not None}
    if len(widths) > 1:
        raise DataError(
            f"The graphs of {name} have {min(widths)} to {max(widths)} features a node: all need "
            f"as many."
        )
    for what in OF_EDGES:
        having = [graph for graph in graphs if graph.get(what) is not None]
        sizes = {tuple(graph[what].shape[1:]) for graph in having}
        if len(sizes) > 1 or len(having) not in (0, len(graphs)):
            raise DataError(
                f"{len(having)} of {len(graphs)} graphs of {name} have {what}, of {len(sizes)} "
                f"widths: all or none need it, of one width."
            )


def _drawn(y: Tensor, seed: int, name: str) -> tuple[Tensor, ...]:
    """A tenth of every class to choose on, a tenth to test on, one graph at least."""
    generator = np.random.default_rng(seed)
    parts: tuple[list[Any], ...] = ([], [], [])
    classes = y.numpy()
    for of_class in np.unique(classes):
        order = generator.permutation(np.flatnonzero(classes == of_class))
        held = max(1, round(HELD_OUT * len(order)))
        if len(order) < 3:
            raise DataError(
                f"Class {int(of_class)} of {name} has {len(order)} graphs, and a split takes 3: "
                f"give one of your own as split=(train, val, test)."
            )
        for part, chosen in zip(parts, np.split(order, [-2 * held, -held]), strict=True):
            part.append(chosen)
    return tuple(torch.from_numpy(np.sort(np.concatenate(part))) for part in parts)


def _given(split: Sequence[Sequence[int]], count: int, name: str) -> tuple[Tensor, ...]:
    parts = tuple(torch.as_tensor(part, dtype=torch.int64).flatten() for part in split)
    together = torch.cat(parts)
    if len(parts) != 3 or any(part.numel() == 0 for part in parts):
        raise DataError(
            f"The split of {name} is three sequences of graphs, to learn from, choose on and test "
            f"on, none of them empty; received {[part.numel() for part in parts]} graphs."
        )
    different = len(set(together.tolist()))
    if different < together.numel() or not (
        0 <= int(together.min()) <= int(together.max()) < count
    ):
        raise DataError(
            f"The split of {name} takes each of the graphs 0 … {count - 1} once at most; received "
            f"{together.numel()} indices from {int(together.min())} to {int(together.max())}, "
            f"{different} of them different."
        )
    return parts
