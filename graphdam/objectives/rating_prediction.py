"""Prediction of ratings."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdam.data.enclosing import Enclosing
from graphdam.data.graph import SplitName
from graphdam.evaluation.scores import mean_absolute_error, root_mean_squared_error
from graphdam.nn import IGMC
from graphdam.objectives.objective import Evaluation, Objective
from graphdam.objectives.prepared_ratings import PreparedRatings


class RatingPrediction(Objective[IGMC, PreparedRatings]):
    r"""Squared error of a step's ratings; the student imitates its teacher on the same pairs.

    .. math::
        L = \frac{1}{B} \sum_i (\hat r_i - r_i)^2
            + \gamma \sum_l \sum_r \lVert W^{(l)}_{r+1} - W^{(l)}_r \rVert_F^2, \qquad
        \frac{1}{B} \sum_i (\hat r_i - t_i)^2

    with predictions :math:`\hat r`, ratings r, the teacher's predictions t, and B pairs a step.
    A score is the error with its sign turned, so that higher is better; records tell the error.

    Args:
        mean: the rating of a pair of which nothing is known.
        adjacent_rating_weight: γ.
    """

    metric = "rmse"

    def __init__(self, *, mean: float, adjacent_rating_weight: float) -> None:
        super().__init__()
        self.mean = mean
        self.adjacent_rating_weight = adjacent_rating_weight

    def outputs(self, encoder: IGMC, prepared: PreparedRatings) -> Tensor:
        return predict(encoder, prepared.inputs(), mean=self.mean)

    def loss(self, encoder: IGMC, prepared: PreparedRatings, outputs: Tensor) -> Tensor:
        loss = F.mse_loss(prepared.rows(outputs, "train"), prepared.values("train"))
        if self.adjacent_rating_weight > 0:
            loss = loss + self.adjacent_rating_weight * encoder.adjacent_rating_penalty()
        return loss

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        return F.mse_loss(outputs, taught)

    def uninformed(self, taught: Tensor) -> Tensor:
        return taught.mean().expand_as(taught)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: PreparedRatings, split: SplitName) -> Evaluation:
        rows, values = prepared.rows(outputs, split), prepared.values(split)
        error = root_mean_squared_error(rows, values)
        return Evaluation(-error, error**2)

    def reported(self, score: float) -> float:
        return -score

    def standard_error(self, score: float, count: int) -> float:
        """That of a root mean square of normal errors, which real ones are nearly."""
        return -score / math.sqrt(2 * count)

    @torch.no_grad()
    def score_outputs(
        self, outputs: Tensor, prepared: PreparedRatings, *splits: SplitName
    ) -> list[dict[str, float]]:
        return [self._errors(outputs, prepared, split) for split in splits]

    def _errors(
        self, outputs: Tensor, prepared: PreparedRatings, split: SplitName
    ) -> dict[str, float]:
        """All of a part, and pairs that training knows both ends of apart from the others."""
        rows, values = prepared.rows(outputs, split), prepared.values(split)
        warm = prepared.is_warm(split)
        errors = {
            "rmse": root_mean_squared_error(rows, values),
            "mae": mean_absolute_error(rows, values),
        }
        if bool(warm.any()) and not bool(warm.all()):
            errors["rmse_warm"] = root_mean_squared_error(rows[warm], values[warm])
            errors["rmse_unseen"] = root_mean_squared_error(rows[~warm], values[~warm])
        return errors


def predict(model: IGMC, subgraphs: Iterable[Enclosing], *, mean: float) -> Tensor:
    """A rating for every pair; `mean` where nothing around a pair is known."""
    return torch.cat([torch.where(each.is_alone, mean, model(each)) for each in subgraphs])
