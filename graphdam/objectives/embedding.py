"""What objectives that learn an embedding without labels have in common."""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdam.data import Graph
from graphdam.data.graph import SplitName
from graphdam.evaluation.probe import linear_probe
from graphdam.evaluation.ridge import ridge_scores
from graphdam.evaluation.roc_auc_probe import roc_auc_probe
from graphdam.evaluation.scores import accuracy, mean_roc_auc
from graphdam.nn import Encoder
from graphdam.objectives.objective import Evaluation, Objective, PreparedGraph


RIDGE = 1e-3
"""Added to the squares of an embedding's columns, as a share of their mean."""


class EmbeddingObjective(Objective):
    r"""An objective whose encoder's output is an embedding Z, learnt without labels.

    A student reconstructs the embedding T of its teacher through a linear decoder, which is dropped
    at the end:

    .. math::
        \frac{\lVert Z A + b - T \rVert_F^2}{\lVert T - \bar t \rVert_F^2}

    with the mean row :math:`\bar t`: the share of the teacher's variance that is missed.

    Epochs are compared by a ridge regression on the labelled nodes (`ridge_scores`), results are
    reported by `linear_probe`: labels decide nothing but which epoch is kept.

    Args:
        graph: labels and splits.
        encoder: what is to be trained; its output is the embedding.
        taught_channels: width of the teacher's embedding, where there is a teacher.
    """

    def __init__(
        self, graph: Graph, encoder: Encoder, *, taught_channels: int | None = None
    ) -> None:
        super().__init__()
        self.graph = graph
        self.metric = graph.metric
        self.decoder: nn.Linear | None = None
        if taught_channels is not None:
            self.decoder = nn.Linear(encoder.out_channels, taught_channels)

    @abstractmethod
    def for_teacher(self, teacher: Encoder) -> Objective:
        """The same objective on another encoder."""

    def outputs(self, encoder: Encoder, prepared: PreparedGraph) -> Tensor:
        return encoder(prepared.x, prepared.adjacency)  # type: ignore[no-any-return]

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        return missed_variance(outputs, taught)

    def uninformed(self, taught: Tensor) -> Tensor:
        return taught.mean(0, keepdim=True).expand_as(taught)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: PreparedGraph, split: SplitName) -> Evaluation:
        graph = prepared.graph
        mask = graph.mask(split)
        scores, y = ridge_scores(outputs, graph.y, graph.mask("train"))[mask], graph.y[mask]
        if graph.task == "multilabel":
            return Evaluation(mean_roc_auc(scores, y), float(F.mse_loss(scores, y.to(scores))))
        loss = float(F.mse_loss(scores, F.one_hot(y, scores.size(1)).to(scores)))
        if graph.task == "binary":
            return Evaluation(mean_roc_auc(scores[:, 1:], y.view(-1, 1)), loss)
        return Evaluation(accuracy(scores, y), loss)

    @torch.no_grad()
    def score(
        self, encoder: Encoder, prepared: PreparedGraph, split: SplitName
    ) -> dict[str, float]:
        """What a linear probe of the embedding scores on validation or test."""
        z = self.outputs(encoder.eval(), prepared)
        graph = prepared.graph
        masks = graph.splits[graph.split_index]._asdict()
        if graph.task != "multiclass":
            found = roc_auc_probe(z, graph.y, **masks)
            return {"roc_auc": found.test_roc_auc if split == "test" else found.val_roc_auc}
        probe = linear_probe(z, graph.y, **masks)
        if split == "test":
            return {"accuracy": probe.test_accuracy, "macro_f1": probe.test_macro_f1}
        return {"accuracy": probe.val_accuracy, "macro_f1": probe.val_macro_f1}


def missed_variance(z: Tensor, taught: Tensor) -> Tensor:
    """See `EmbeddingObjective`; the gradient is that at the best decoder, which is held fixed."""
    z, taught = z - z.mean(0), taught - taught.mean(0)
    with torch.no_grad():
        gram = z.t() @ z
        gram.diagonal().add_(RIDGE * gram.diagonal().mean() + torch.finfo(gram.dtype).tiny)
        decoder = torch.linalg.solve(gram, z.t() @ taught)
        variance = taught.square().sum().clamp(min=torch.finfo(gram.dtype).tiny)
    return (z @ decoder - taught).square().sum() / variance
