"""Node classification: one label, yes or no, or several labels a node."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdam.data import Graph
from graphdam.data.graph import SplitName, Task
from graphdam.evaluation.ogb import ogb_score
from graphdam.evaluation.scores import accuracy, mean_roc_auc
from graphdam.nn import Encoder
from graphdam.objectives.classes import (
    divergence,
    divergences,
    outcomes_apart,
    same_for_all,
    same_outcomes_for_all,
)
from graphdam.objectives.objective import Evaluation, Objective
from graphdam.objectives.prepared import PreparedGraph


class NodeClassification(Objective):
    r"""Cross-entropy on the labelled training nodes.

    .. math::
        L = -\frac{1}{|T|} \sum_{i \in T} \log \mathrm{softmax}(z_i)_{y_i}

    and the mean of binary cross-entropies for `binary` (one output a node) and `multilabel`
    graphs. The student imitates its teacher on all nodes, which needs no labels:

    .. math::
        \frac{1}{N} \sum_i \mathrm{KL}(\mathrm{softmax}(t_i) \,\Vert\, \mathrm{softmax}(z_i))

    (for binary outputs the same with two outcomes each; see `divergence`). On a subgraph whose
    nodes count unlike (`PreparedGraph.importance`), both are sums with these weights, divided by
    the whole graph's `|T|` and N: on average they are the means above.

    Args:
        graph: decides the loss, the score (accuracy, or ROC-AUC where classes are few and
            uneven), and the number of outputs.
        feature_dropout: probability with which an input feature is dropped in training.
    """

    def __init__(self, graph: Graph, *, feature_dropout: float = 0.0) -> None:
        super().__init__()
        self.task: Task = graph.task
        self.metric = graph.metric
        self.feature_dropout = feature_dropout

    def outputs(self, encoder: Encoder, prepared: PreparedGraph) -> Tensor:
        return prepared.outputs(encoder, feature_dropout=self.feature_dropout)

    def loss(self, encoder: Encoder, prepared: PreparedGraph, outputs: Tensor) -> Tensor:
        del encoder
        y, mask = prepared.y, prepared.mask("train")
        if prepared.importance is None:
            return self._loss_on(outputs, y, mask)
        counted = prepared.importance[mask] * self._losses_on(outputs, y, mask)
        return counted.sum() / prepared.graph.mask("train").sum()

    def task_share(self, prepared: PreparedGraph) -> float:
        return float(prepared.mask("train").float().mean())

    def _loss_on(self, outputs: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        if self.task == "multiclass":
            return F.cross_entropy(outputs[mask], y[mask])
        target = y[mask].to(outputs.dtype).view(-1, outputs.size(1))
        return F.binary_cross_entropy_with_logits(outputs[mask], target)

    def _losses_on(self, outputs: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """Of each node [M]; `_loss_on` is their mean."""
        if self.task == "multiclass":
            return F.cross_entropy(outputs[mask], y[mask], reduction="none")
        target = y[mask].to(outputs.dtype).view(-1, outputs.size(1))
        losses = F.binary_cross_entropy_with_logits(outputs[mask], target, reduction="none")
        return losses.mean(-1)

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        if self.task == "multiclass":
            return divergence(outputs, taught)
        return outcomes_apart(outputs, taught).mean()

    def imitation_in(self, prepared: PreparedGraph, outputs: Tensor, taught: Tensor) -> Tensor:
        if prepared.importance is None:
            return self.imitation(outputs, taught)
        if self.task == "multiclass":
            of_each = divergences(outputs, taught)
        else:
            of_each = outcomes_apart(outputs, taught).mean(-1)
        return (prepared.importance * of_each).sum() / prepared.graph.num_nodes

    def uninformed(self, taught: Tensor) -> Tensor:
        if self.task == "multiclass":
            return same_for_all(taught)
        return same_outcomes_for_all(taught)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: PreparedGraph, split: SplitName) -> Evaluation:
        y, mask = prepared.y, prepared.mask(split)
        loss = float(self._loss_on(outputs, y, mask))
        return Evaluation(_score(prepared.graph, outputs[mask], y[mask]), loss)


def _score(graph: Graph, outputs: Tensor, y: Tensor) -> float:
    if graph.evaluator is not None:
        return ogb_score(graph.evaluator, outputs, y)
    if graph.task == "multiclass":
        return accuracy(outputs, y)
    return mean_roc_auc(outputs, y.view(-1, outputs.size(1)))
