"""A set of small graphs, each with a class or with other targets, ready for training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphdam.data.graph import SplitName
from graphdam.data.graph_targets import GraphsTask, require_known, targets_of
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
        x: [n, F].
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
    """Small graphs with their targets and one split, all of them in a few tensors.

    Make it with `GraphSet.of`.

    Attributes:
        name: what the user calls the set.
        x: [N, F], the features of the nodes of all graphs, one graph after the other.
        edge_index: int64 [2, E], likewise; nodes are counted through all graphs.
        further: what is said of edges, by name (`edge_weight`, `edge_attr`): [E] or [E, D].
        node_pointer: int64 [G + 1], where the nodes of each graph begin.
        edge_pointer: int64 [G + 1], likewise.
        y: int64 [G], the class of every graph; or float32 [G, T], NaN where not known.
        num_classes: number of classes; 0 where graphs have other targets.
        train: int64 indices of the graphs that are learnt from.
        val: those that are chosen on.
        test: those that are tested on.
        task: what `y` is.
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
    task: GraphsTask = "multiclass"

    @classmethod
    def of(
        cls,
        graphs: Sequence[Data],
        *,
        task: GraphsTask = "multiclass",
        split: Sequence[Sequence[int]] | None = None,
        categorical: bool = False,
        seed: int = 0,
        name: str = "graphs",
    ) -> GraphSet:
        """A PyG data set or a list of `Data`, checked and put together.

        Args:
            graphs: each with `x` [n, F], `edge_index`, `y`; `edge_weight` or `edge_attr` where
                all have it.
            task: what `y` is: one class (`multiclass`), yes or no to each of several questions
                (`multilabel`: 0, 1 or NaN), or numbers (`regression`: NaN where not known).
            split: which graphs are learnt from, chosen on and tested on: three sequences of
                indices. A tenth, of every class, is chosen on and a tenth tested on if None.
            categorical: keep whole numbers among features of nodes and edges as they are, for
                models that look them up in an `Embedding`; made float32 otherwise.
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
        y = targets_of(whole, task, name)
        counts = torch.tensor([graph.num_edges for graph in whole])
        if split is not None:
            parts = _given(split, len(whole), name)
        else:
            parts = _drawn(y if task == "multiclass" else None, len(whole), seed, name)
        if task != "multiclass":
            require_known(y, parts, name)

        def read(values: Tensor) -> Tensor:
            is_whole = not (values.is_floating_point() or values.dtype == torch.bool)
            return values.long() if categorical and is_whole else values.float()

        return cls(
            name=name,
            x=read(collated.x),
            edge_index=collated.edge_index.long(),
            further={key: read(collated[key]) for key in OF_EDGES if key in collated},
            node_pointer=collated.ptr,
            edge_pointer=torch.cat([counts.new_zeros(1), counts.cumsum(0)]),
            y=y,
            num_classes=int(y.max()) + 1 if task == "multiclass" else 0,
            train=parts[0],
            val=parts[1],
            test=parts[2],
            task=task,
        )

    @property
    def num_graphs(self) -> int:
        return len(self.y)

    @property
    def num_features(self) -> int:
        return self.x.size(1)

    @property
    def out_channels(self) -> int:
        """Outputs that a model needs: one a class, or one a target."""
        return self.num_classes if self.task == "multiclass" else self.y.size(1)

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
    x, edge_index = graph.x, graph.edge_index
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


def _drawn(y: Tensor | None, count: int, seed: int, name: str) -> tuple[Tensor, ...]:
    """A tenth, of every class, to choose on, a tenth to test on, one graph at least."""
    generator = np.random.default_rng(seed)
    parts: tuple[list[Any], ...] = ([], [], [])
    classes = np.zeros(count, dtype=np.int64) if y is None else y.numpy()
    for of_class in np.unique(classes):
        order = generator.permutation(np.flatnonzero(classes == of_class))
        held = max(1, round(HELD_OUT * len(order)))
        if len(order) < 3:
            which = name if y is None else f"Class {int(of_class)} of {name}"
            raise DataError(
                f"{which} has {len(order)} graphs, and a split takes 3: give one of your own as "
                f"split=(train, val, test)."
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
