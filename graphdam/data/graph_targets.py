"""What graphs of a set are to be told: a class, several yes or no, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from graphdam.errors import DataError, unknown_choice

if TYPE_CHECKING:
    from torch_geometric.data import Data

GraphsTask: TypeAlias = Literal["multiclass", "multilabel", "regression"]
"""One class a graph; yes or no to each of several questions; or numbers."""

_SAYS: dict[str, str] = {
    "multiclass": "one class y, a whole number from 0 on",
    "multilabel": "y of 0, 1 or NaN (not known) for each question",
    "regression": "y of finite numbers or NaN (not known)",
}


def targets_of(graphs: Sequence[Data], task: GraphsTask, name: str) -> Tensor:
    """The targets of all graphs: classes int64 [G], or float32 [G, T] with NaN where not known.

    Args:
        graphs: each with `y`.
        task: what `y` is.
        name: what messages call the set.

    Raises:
        DataError: an unknown task, or targets that are not as it says, or not as many in all.
    """
    if task not in get_args(GraphsTask):
        raise DataError(unknown_choice("task", task, get_args(GraphsTask)))
    targets = [torch.as_tensor([] if g.y is None else g.y).double().flatten() for g in graphs]
    for index, (graph, target) in enumerate(zip(graphs, targets, strict=True)):
        if not _is_fitting(target, task):
            told = None if graph.y is None else torch.as_tensor(graph.y).flatten().tolist()[:5]
            others = " or ".join(f"'{each}'" for each in get_args(GraphsTask) if each != task)
            raise DataError(
                f"Graph {index} of {name} needs {_SAYS[task]}, received y={told}; for other "
                f"targets say task={others} of GraphSet.of."
            )
    sizes = {target.numel() for target in targets}
    if len(sizes) > 1:
        raise DataError(
            f"The graphs of {name} have {min(sizes)} to {max(sizes)} targets y: all need as many, "
            f"NaN where one is not known."
        )
    if task == "multiclass":
        return torch.cat(targets).long()
    return torch.stack(targets).float()


def require_known(y: Tensor, parts: Sequence[Tensor], name: str) -> None:
    """Refuse targets that are known of no graph that is learnt from, and parts without any.

    Args:
        y: float [G, T].
        parts: int64 indices of the graphs to learn from, choose on and test on.
        name: what messages call the set.

    Raises:
        DataError: naming the first of them.
    """
    train, *held_out = parts
    unknown = y[train].isnan().all(0).nonzero()
    if unknown.numel():
        raise DataError(
            f"Target {int(unknown[0])} of {name} is known of none of the {train.numel()} graphs to "
            f"learn from: leave it out, or give another split."
        )
    for use, part in zip(("choose", "test"), held_out, strict=True):
        if bool(y[part].isnan().all()):
            raise DataError(
                f"No target of {name} is known of any of the {part.numel()} graphs to {use} on: "
                f"give another split."
            )


def _is_fitting(target: Tensor, task: GraphsTask) -> bool:
    if target.numel() == 0:
        return False
    if task == "multiclass":
        return target.numel() == 1 and bool(target[0] >= 0) and bool(target[0] == target[0].floor())
    known = target[~target.isnan()]
    if task == "multilabel":
        return bool(((known == 0) | (known == 1)).all())
    return bool(known.isfinite().all())
