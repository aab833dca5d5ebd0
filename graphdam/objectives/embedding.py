"""What objectives that learn an embedding without labels have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdam.data import Graph
from graphdam.data.graph import SplitName
from graphdam.errors import SettingsError
from graphdam.evaluation.clustering import clustering_nmi
from graphdam.evaluation.embedding import Normalization
from graphdam.evaluation.probe import linear_probe
from graphdam.evaluation.ridge import ridge_scores
from graphdam.evaluation.roc_auc_probe import roc_auc_probe
from graphdam.evaluation.scores import accuracy, mean_roc_auc
from graphdam.nn import Encoder
from graphdam.objectives.objective import Evaluation, Objective
from graphdam.objectives.prepared import PreparedGraph

RIDGE = 1e-3
"""Added to the squares of an embedding's columns, as a share of their mean."""


class EmbeddingObjective(Objective):
    r"""An objective whose encoder's output is an embedding Z, learnt without labels.

    A student is to explain the embedding of its teacher through the best linear decoder: see
    `missed_variance`. A score on a part of the split is what a probe fitted on the training nodes
    scores there: epochs are compared by a ridge regression (`ridge_scores`), results are reported
    by `linear_probe` or, for yes-or-no labels, `roc_auc_probe`. Labels decide nothing but which
    epoch is kept.

    Args:
        graph: labels and splits.
        options: what else a subclass takes after graph and encoder, kept for its teacher.
    """

    normalization: ClassVar[Normalization] = "standardize"
    """How the probe and the clustering put the embedding's rows on one scale."""

    evaluates_as_scored = False  # a ridge regression is kinder to wide embeddings than the probe

    def __init__(self, graph: Graph, **options: Any) -> None:
        super().__init__()
        self.graph = graph
        self.metric = graph.metric
        self.options = options

    def for_teacher(self, teacher: Encoder) -> EmbeddingObjective:
        """The same objective, with the same options, on another encoder."""
        other = type(self)(self.graph, teacher, **self.options)  # type: ignore[call-arg]
        return other.to(next(teacher.parameters()).device)

    def outputs(self, encoder: Encoder, prepared: PreparedGraph) -> Tensor:
        return encoder(prepared.x, prepared.adjacency)  # type: ignore[no-any-return]

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        return missed_variance(outputs, taught)

    def uninformed(self, taught: Tensor) -> Tensor:
        return taught.new_zeros(len(taught), 1)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: PreparedGraph, split: SplitName) -> Evaluation:
        graph = prepared.graph
        mask = graph.mask(split)
        scores, y = ridge_scores(outputs, graph.y, graph.mask("train"), mask), graph.y[mask]
        if graph.task == "multilabel":
            return Evaluation(mean_roc_auc(scores, y), float(F.mse_loss(scores, y.to(scores))))
        loss = float(F.mse_loss(scores, F.one_hot(y, scores.size(1)).to(scores)))
        if graph.task == "binary":
            return Evaluation(mean_roc_auc(scores[:, 1:], y.view(-1, 1)), loss)
        return Evaluation(accuracy(scores, y), loss)

    def score_outputs(
        self, outputs: Tensor, prepared: PreparedGraph, *splits: SplitName
    ) -> list[dict[str, float]]:
        """What one linear probe of the embedding scores on validation and test.

        Raises:
            SettingsError: the training nodes are asked for, which the probe is fitted on.
        """
        if "train" in splits:
            raise SettingsError(
                "A probe is fitted on the training nodes, so it has no score there: ask for 'val' "
                "or 'test'."
            )
        graph = prepared.graph
        masks = graph.splits[graph.split_index]._asdict()
        if graph.task != "multiclass":
            areas = roc_auc_probe(outputs, graph.y, **masks, normalize=self.normalization)
            found = {
                "val": {"roc_auc": areas.val_roc_auc},
                "test": {"roc_auc": areas.test_roc_auc},
            }
        else:
            probe = linear_probe(outputs, graph.y, **masks, normalize=self.normalization)
            found = {
                "val": {"accuracy": probe.val_accuracy, "macro_f1": probe.val_macro_f1},
                "test": {"accuracy": probe.test_accuracy, "macro_f1": probe.test_macro_f1},
            }
        return [found[each] for each in splits]

    def further(self, outputs: Tensor, prepared: PreparedGraph) -> dict[str, float]:
        return cluster_scores(outputs, prepared.graph, normalize=self.normalization)


def cluster_scores(
    z: Tensor, graph: Graph, *, normalize: Normalization = "standardize"
) -> dict[str, float]:
    """How far the clusters of an embedding are the classes of its nodes: `clustering_nmi`."""
    if graph.task != "multiclass":
        return {}
    return {"nmi": clustering_nmi(z, graph.y, normalize=normalize, seed=0)}


def missed_variance(z: Tensor, taught: Tensor) -> Tensor:
    r"""The share of a teacher's variance that no linear map of a student's embedding explains.

    .. math::
        \frac{\lVert Z A - T \rVert_F^2}{\lVert T \rVert_F^2}, \qquad
        A = (Z^\top Z + \rho I)^{-1} Z^\top T, \qquad
        \rho = 10^{-3} \cdot \frac{1}{D} \lVert Z \rVert_F^2

    with the embeddings Z [N, D] of the student and T of its teacher, both less their mean rows. The
    decoder A is the best one but for the ridge, which keeps it finite where columns are closed or
    alike. It is found anew at every call and held fixed by the gradient: where a decoder is the
    best, moving it contributes nothing.

    Never less than what the first D principal components of T miss, since Z A has no larger rank;
    1 for an embedding that says nothing; the same for every multiple of Z.

    Args:
        z: the student's embedding [N, D].
        taught: the teacher's [N, D'], without gradient.

    >>> taught = torch.tensor([[1.0, 2.0], [-1.0, 0.0], [0.0, 1.0]])
    >>> float(missed_variance(torch.ones(3, 1), taught))
    1.0
    """
    z = z - z.mean(0)
    gram, shared = z.t() @ z, z.t() @ taught  # centred too, since the columns of Z sum to 0
    limits = torch.finfo(gram.dtype)
    with torch.no_grad():
        ridge = RIDGE * gram.diagonal().mean() + limits.tiny
        decoder = torch.linalg.solve(gram + ridge * torch.eye(len(gram)).to(gram), shared)
        size = torch.linalg.vector_norm(taught).square()
        variance = size - len(taught) * taught.mean(0).square().sum()
        variance = variance.clamp(min=float(limits.eps * size + limits.tiny))
    # ‖ZA − T‖², multiplied out: nothing as large as T is made on the way
    explained = 2 * (shared * decoder).sum() - (gram * (decoder @ decoder.t())).sum()
    missed: Tensor = 1 - explained / variance
    return missed
