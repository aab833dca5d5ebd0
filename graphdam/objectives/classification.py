"""Classification of what is read in batches: images, or whole graphs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import TypeVar

from graphdam.data.graph import SplitName
from graphdam.evaluation.scores import accuracy
from graphdam.objectives.classes import divergence, same_for_all
from graphdam.objectives.objective import Evaluation, Objective
from graphdam.objectives.prepared_batches import PreparedClasses

M = TypeVar("M", bound=nn.Module)
C = TypeVar("C", bound=PreparedClasses)


class Classification(Objective[M, C]):
    r"""Cross-entropy of a step's items; the student imitates its teacher on the same items.

    .. math::
        L = -\frac{1}{B} \sum_i \log \mathrm{softmax}(z_i)_{y_i}, \qquad
        \frac{1}{B} \sum_i \mathrm{KL}(\mathrm{softmax}(t_i) \,\Vert\, \mathrm{softmax}(z_i))

    with the student's outputs z, its teacher's t and B images, or graphs, a step.
    """

    metric = "accuracy"

    def outputs(self, encoder: M, prepared: C) -> Tensor:
        return prepared.outputs(encoder)

    def loss(self, encoder: M, prepared: C, outputs: Tensor) -> Tensor:
        del encoder
        return F.cross_entropy(prepared.rows(outputs, "train"), prepared.labels("train"))

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        return divergence(outputs, taught)

    def uninformed(self, taught: Tensor) -> Tensor:
        return same_for_all(taught)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: C, split: SplitName) -> Evaluation:
        rows, y = prepared.rows(outputs, split), prepared.labels(split)
        return Evaluation(accuracy(rows, y), float(F.cross_entropy(rows, y)))
