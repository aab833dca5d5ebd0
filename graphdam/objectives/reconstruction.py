"""Reconstruction: an autoencoder rebuilds its inputs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdam.data.graph import SplitName
from graphdam.nn import ImageModel
from graphdam.objectives.objective import Evaluation, Objective
from graphdam.objectives.prepared_rows import PreparedRows


class Reconstruction(Objective[ImageModel, PreparedRows]):
    r"""The mean squared error of what is rebuilt; the student imitates its teacher's rebuilding.

    .. math::
        L = \frac{1}{B D} \sum_i \lVert \hat x_i - x_i \rVert^2, \qquad
        \frac{1}{B D} \sum_i \lVert \hat x_i - t_i \rVert^2

    with the student's outputs :math:`\hat x`, its teacher's t, and B rows of D numbers a step. The
    score is the explained variance, :math:`1 - L / V` with the variance V of the training rows, or
    0 where that is negative; L itself, `mse`, is told beside it.
    """

    metric = "explained_variance"

    def outputs(self, encoder: ImageModel, prepared: PreparedRows) -> Tensor:
        return torch.cat([encoder(x) for x in prepared.inputs()])

    def loss(self, encoder: ImageModel, prepared: PreparedRows, outputs: Tensor) -> Tensor:
        del encoder
        return F.mse_loss(prepared.rows(outputs, "train"), prepared.targets("train"))

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        return F.mse_loss(outputs, taught)

    def disagreement(self, outputs: Tensor, taught: Tensor) -> Tensor:
        """The share of the variance of the teacher's outputs that the student misses."""
        return F.mse_loss(outputs, taught) / F.mse_loss(self.uninformed(taught), taught)

    def uninformed(self, taught: Tensor) -> Tensor:
        return taught.mean(0, keepdim=True).expand_as(taught)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: PreparedRows, split: SplitName) -> Evaluation:
        error = float(F.mse_loss(prepared.rows(outputs, split), prepared.targets(split)))
        return Evaluation(max(0.0, 1 - error / prepared.variance), error)

    def score_outputs(
        self, outputs: Tensor, prepared: PreparedRows, *splits: SplitName
    ) -> list[dict[str, float]]:
        found = [self.evaluate(outputs, prepared, each) for each in splits]
        return [{self.metric: each.score, "mse": each.loss} for each in found]
