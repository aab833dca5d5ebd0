"""A graph with labels or links to predict, ready for training: what every data set becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.data.held_out import HeldOut, HeldOutLinks
from graphdam.errors import DataError

Task = Literal["multiclass", "binary", "multilabel", "links"]
SplitName = Literal["train", "val", "test"]

_ROWS = 2**18  # of features that are read at a time, where they may lie on disk


class Split(NamedTuple):
    """Which nodes are learnt from, chosen on, and tested on: three boolean tensors [N]."""

    train: Tensor
    val: Tensor
    test: Tensor


@dataclass(frozen=True)
class Graph:
    """One attributed graph with labelled nodes and one or more splits, or with links to predict.

    Attributes:
        name: what the user calls it (`cora`, or the stem of the user's file).
        x: node features [N, F], dense float32 or, where few entries are non-zero, `CSRMatrix`.
        edge_index: int64 [2, E], sources above targets; every edge of an undirected graph stands
            in both directions; no edge stands twice.
        edge_weight: float32 [E] or None (all ones).
        y: int64 [N] class of every node (`multiclass`, `binary`), −1 where unknown; or float32
            [N, T] with entries 0 and 1 (`multilabel`).
        num_classes: number of classes, or T; 0 where no node has a label.
        task: decides the loss and the score; `links` where those are what is to be predicted.
        split_name: the kind of split as a reader would name it, e.g. `public`.
        splits: the splits of that kind; run number i uses split i modulo their number. None where
            nothing but links is split.
        split_index: the split in use.
        evaluator: the OGB set whose evaluator decides the score of classes, or of the links that
            the set holds out; None for ours.
        features_on_disk: whether `x` is mapped from a file, and read from there as needed.
        links: the held-out links of a set whose edges are the training links; else None.
        node_ids: what its source calls the nodes; None where they are numbered as the rows are.
        class_names: what its source calls the classes; None where they are numbers.
    """

    name: str
    x: Tensor | CSRMatrix
    edge_index: Tensor
    edge_weight: Tensor | None
    y: Tensor
    num_classes: int
    task: Task
    split_name: str
    splits: tuple[Split, ...]
    split_index: int = 0
    evaluator: str | None = None
    features_on_disk: bool = False
    links: HeldOutLinks | None = None
    node_ids: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None

    @property
    def num_nodes(self) -> int:
        return self.x.size(0)

    @property
    def num_features(self) -> int:
        return self.x.size(1)

    @property
    def num_edges(self) -> int:
        """Directed edges: an undirected edge counts twice."""
        return self.edge_index.size(1)

    @property
    def out_channels(self) -> int:
        """Outputs a classifier needs: one score a class or a task, a single one if binary."""
        return 1 if self.task == "binary" else self.num_classes

    @property
    def metric(self) -> str:
        """The score that this graph's task is reported in."""
        return "accuracy" if self.task == "multiclass" else "roc_auc"

    @property
    def num_feature_entries(self) -> int:
        """Entries that a product with the features touches: the non-zeros where sparse."""
        return self.x.num_entries if isinstance(self.x, CSRMatrix) else self.x.numel()

    @property
    def feature_norm(self) -> float:
        """How long a node's features are: the root mean square, over nodes, of their L2 norm."""
        entries = self.x.value if isinstance(self.x, CSRMatrix) else self.x
        rows = torch.split(entries, _ROWS)
        total = torch.stack([each.double().square().sum() for each in rows]).sum()
        return float((total / self.num_nodes).sqrt())

    def mask(self, split: SplitName) -> Tensor:
        """The nodes of one part of the split in use: bool [N]."""
        return getattr(self.splits[self.split_index], split)  # type: ignore[no-any-return]

    def at_split(self, index: int) -> Graph:
        """The same graph under split `index` modulo the number of splits."""
        return replace(self, split_index=index % max(1, len(self.splits)))

    def with_classes(self, names: tuple[str, ...]) -> Graph:
        """The same graph with its classes numbered as these names are.

        Raises:
            DataError: a class of the graph is not among them.
        """
        number = {name: index for index, name in enumerate(names)}
        for name in self.class_names or ():
            if name not in number:
                raise DataError(
                    f"{self.name} has the class '{name}', and the model tells {', '.join(names)}: "
                    f"leave its label empty, or train on a graph that has it."
                )
        place = torch.tensor([number[name] for name in self.class_names or ()] + [-1])
        y = place.to(self.y.device)[self.y]  # the last place is that of the unknown, −1
        return replace(self, y=y, num_classes=len(names), class_names=names)

    def rows_of(self, ids: Sequence[str]) -> Tensor:
        """The rows of the nodes that are called so: int64 [len(ids)].

        Raises:
            DataError: there is no such node.
        """
        known = map(str, range(self.num_nodes)) if self.node_ids is None else self.node_ids
        row = {name: index for index, name in enumerate(known)}
        for name in ids:
            if name not in row:
                numbered = f"numbered 0 to {self.num_nodes - 1}" if self.node_ids is None else ""
                raise DataError(
                    f"{self.name} has no node '{name}': its nodes are "
                    f"{numbered or 'called ' + ', '.join((self.node_ids or ())[:3]) + ', …'}."
                )
        return torch.tensor([row[name] for name in ids], dtype=torch.int64)

    def with_scaled_features(self, factor: float) -> Graph:
        """The same graph with every feature multiplied by one number."""
        if isinstance(self.x, CSRMatrix):
            return replace(self, x=self.x.with_values(self.x.value * factor))
        return replace(self, x=self.x * factor)

    def dense_x(self) -> Tensor:
        return self.x.to_dense() if isinstance(self.x, CSRMatrix) else self.x

    def to(self, device: torch.device | str) -> Graph:
        """On another device."""

        def at(part: HeldOut) -> HeldOut:
            return HeldOut(*(pairs.to(device) for pairs in part))

        return replace(
            self,
            x=self.x.to(device),
            edge_index=self.edge_index.to(device),
            edge_weight=None if self.edge_weight is None else self.edge_weight.to(device),
            y=self.y.to(device),
            splits=tuple(Split(*(mask.to(device) for mask in split)) for split in self.splits),
            links=None if self.links is None else HeldOutLinks(*(at(part) for part in self.links)),
        )
