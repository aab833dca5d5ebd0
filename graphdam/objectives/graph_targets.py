"""What whole graphs are told beside one class: yes or no to several questions, or numbers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdam.data.graph import SplitName
from graphdam.evaluation.scores import mean_roc_auc
from graphdam.objectives.classes import outcomes_apart, same_outcomes_for_all
from graphdam.objectives.objective import Evaluation, Objective
from graphdam.objectives.prepared_graphs import PreparedGraphs

ERROR_OF_MAE = math.sqrt(math.pi / 2 - 1)
"""The standard error of a mean of absolute normal errors, times the root of their number, as a
share of it."""


class Outcomes(Objective[nn.Module, PreparedGraphs]):
    r"""Yes or no to T questions: the mean of binary cross-entropies over all that is known.

    .. math::
        L = -\frac{1}{|K|} \sum_{(i, q) \in K} y_{iq} \log \sigma(z_{iq})
            + (1 - y_{iq}) \log(1 - \sigma(z_{iq}))

    The student imitates its teacher on all questions, `outcomes_apart`. The score is the area under
    the ROC curve, averaged over questions that have both answers, as OGB's is.
    """

    metric = "roc_auc"

    def outputs(self, encoder: nn.Module, prepared: PreparedGraphs) -> Tensor:
        return prepared.outputs(encoder)

    def loss(self, encoder: nn.Module, prepared: PreparedGraphs, outputs: Tensor) -> Tensor:
        del encoder
        return _entropy(prepared.rows(outputs, "train"), prepared.labels("train"))

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        return outcomes_apart(outputs, taught).mean()

    def uninformed(self, taught: Tensor) -> Tensor:
        return same_outcomes_for_all(taught)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: PreparedGraphs, split: SplitName) -> Evaluation:
        rows, y = prepared.rows(outputs, split), prepared.labels(split)
        return Evaluation(mean_roc_auc(rows, y), float(_entropy(rows, y)))


class Regression(Objective[nn.Module, PreparedGraphs]):
    r"""The mean absolute error of T numbers, each in units of its deviation in training.

    .. math::
        L = \frac{1}{|K|} \sum_{(i, q) \in K} \frac{|z_{iq} - y_{iq}|}{\sigma_q}, \qquad
        \frac{1}{B T} \sum_{i, q} \frac{(z_{iq} - t_{iq})^2}{\sigma_q^2}

    over all that is known, K, and what the student learns from its teacher's outputs t on B graphs;
    so that λ and the brake mean the same whatever the unit. The score, `mae`, is in the targets'
    own units, a mean over them.

    Args:
        deviation: :math:`\sigma` [T], of the targets of training.
    """

    metric = "mae"

    def __init__(self, deviation: Tensor) -> None:
        super().__init__()
        self.deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        self.unit = float(self.deviation.mean())

    @classmethod
    def of(cls, y: Tensor) -> Regression:
        """For the targets of training, float [n, T], NaN where not known."""
        known = y.isfinite()
        count = known.sum(0).clamp(min=1)
        mean = y.nan_to_num().sum(0) / count
        return cls((((y - mean).nan_to_num()).square().sum(0) / count).sqrt())

    def outputs(self, encoder: nn.Module, prepared: PreparedGraphs) -> Tensor:
        return prepared.outputs(encoder)

    def loss(self, encoder: nn.Module, prepared: PreparedGraphs, outputs: Tensor) -> Tensor:
        del encoder
        return self._error(prepared.rows(outputs, "train"), prepared.labels("train"))

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        return ((outputs - taught) / self.deviation).square().mean()

    def uninformed(self, taught: Tensor) -> Tensor:
        return taught.mean(0, keepdim=True).expand_as(taught)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: PreparedGraphs, split: SplitName) -> Evaluation:
        rows, y = prepared.rows(outputs, split), prepared.labels(split)
        apart = (rows - y).abs()
        error = float(apart.nanmean(0).nanmean())
        return Evaluation(-error / self.unit, float(self._error(rows, y)))

    def reported(self, score: float) -> float:
        return -score * self.unit

    def standard_error(self, score: float, count: int) -> float:
        """That of a mean of absolute normal errors, which real ones are nearly."""
        return -score * ERROR_OF_MAE / math.sqrt(count)

    def score_outputs(
        self, outputs: Tensor, prepared: PreparedGraphs, *splits: SplitName
    ) -> list[dict[str, float]]:
        found = [self.evaluate(outputs, prepared, each) for each in splits]
        return [{self.metric: self.reported(each.score)} for each in found]

    def _error(self, rows: Tensor, y: Tensor) -> Tensor:
        apart = (rows - y.nan_to_num()).abs() / self.deviation
        return _mean_of(apart, ~y.isnan())


def _entropy(rows: Tensor, y: Tensor) -> Tensor:
    each = F.binary_cross_entropy_with_logits(rows, y.nan_to_num(), reduction="none")
    return _mean_of(each, ~y.isnan())


def _mean_of(each: Tensor, known: Tensor) -> Tensor:
    """The mean over what is known; 0 where nothing is."""
    return (each * known).sum() / known.sum().clamp(min=1)
