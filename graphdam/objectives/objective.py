"""What every objective promises: something to descend, something to imitate, something to score."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from graphdam.data import Graph
from graphdam.data.graph import SplitName
from graphdam.nn import Encoder
from graphdam.objectives.prepared import Prepared, PreparedGraph

M = TypeVar("M", bound=nn.Module, default=Encoder)
P = TypeVar("P", bound=Prepared, default=PreparedGraph)


@dataclass(frozen=True)
class Evaluation:
    """One part of a split, scored: higher scores and lower losses are better.

    The score of an error is its negative, see `Objective.reported`.
    """

    score: float
    loss: float


class Objective(nn.Module, ABC, Generic[M, P]):
    """What a model is trained to do: an encoder of graphs, unless another kind is named.

    An objective may own parameters (a decoder, a discriminator); they are trained with the
    encoder and dropped at the end. A student and its teacher are compared by their outputs:
    classes, or embeddings of unequal width.
    """

    metric: str
    """Name of the score: a share in [0, 1], higher is better; or an error, lower is better."""

    evaluates_as_scored: bool = True
    """Whether `evaluate`, asked every epoch, finds what `score` does, so that models of unequal
    width can be compared by it."""

    @abstractmethod
    def outputs(self, encoder: M, prepared: P) -> Tensor:
        """One forward pass on all nodes: what the loss, the imitation and the score start from."""

    @abstractmethod
    def loss(self, encoder: M, prepared: P, outputs: Tensor) -> Tensor:
        """The scalar to descend; it may run the encoder again (on a corrupted graph, say)."""

    def task_share(self, prepared: P) -> float:
        """The share of the nodes that `loss` is a mean over; all of them by default."""
        del prepared
        return 1.0

    def for_teacher(self, teacher: M) -> Objective[M, P]:
        """The same objective for the teacher of this one's encoder; shared if it owns nothing."""
        del teacher
        return self

    def training_graph(self, graph: Graph) -> Graph:
        """The graph that encoders read: the whole one, unless something of it is held out."""
        return graph

    def begin_epoch(self) -> None:
        """Draw what all of an epoch is to be measured on."""

    def after_step(self, encoder: M) -> None:
        """Follow what an optimiser's step has changed."""
        del encoder

    @abstractmethod
    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        """How far a student's outputs lie from its teacher's, label-free: a scalar.

        Args:
            outputs: the student's.
            taught: the teacher's, without gradient.
        """

    def imitation_in(self, prepared: P, outputs: Tensor, taught: Tensor) -> Tensor:
        """The `imitation` that a step descends, whose nodes may count unlike.

        Args:
            prepared: what the outputs are of.
            outputs, taught: see `imitation`.
        """
        del prepared
        return self.imitation(outputs, taught)

    def disagreement(self, outputs: Tensor, taught: Tensor) -> Tensor:
        """How different two encoders' outputs are for their users; by default `imitation`.

        The brake on the width compares a student's with a noisy teacher's.
        """
        return self.imitation(outputs, taught)

    @abstractmethod
    def uninformed(self, taught: Tensor) -> Tensor:
        """The outputs nearest to `taught` among those that say the same of every node.

        Their `disagreement` with `taught` is what a teacher's outputs tell about the nodes, the
        scale for how much of it a student may miss.
        """

    @abstractmethod
    def evaluate(self, outputs: Tensor, prepared: P, split: SplitName) -> Evaluation:
        """Score outputs of an encoder in evaluation mode on one part of the split."""

    def reported(self, score: float) -> float:
        """What records say of a score: itself, or of an error the positive number."""
        return score

    def standard_error(self, score: float, count: int) -> float:
        """How far chance moves a score of so many items: by default that of a share."""
        return math.sqrt(score * (1 - score) / count)

    def num_scored(self, prepared: P, split: SplitName) -> int:
        """How many items a score is about; all of that part by default."""
        return prepared.num_items(split)

    def score(self, encoder: M, prepared: P, split: SplitName) -> dict[str, float]:
        """The encoder's scores on one part of the split, by name."""
        return self.score_outputs(self.quiet_outputs(encoder, prepared), prepared, split)[0]

    def score_outputs(
        self, outputs: Tensor, prepared: P, *splits: SplitName
    ) -> list[dict[str, float]]:
        """The scores of outputs that were made in evaluation mode, `metric` first, a part each."""
        return [{self.metric: self.evaluate(outputs, prepared, each).score} for each in splits]

    def further(self, outputs: Tensor, prepared: P) -> dict[str, float]:
        """What else the outputs say about all nodes, by name; nothing by default."""
        del outputs, prepared
        return {}

    def results(self, outputs: Tensor, prepared: P) -> tuple[dict[str, float], dict[str, float]]:
        """What a record tells of outputs: scores on validation; on test, with `further`."""
        val, test = self.score_outputs(outputs, prepared, "val", "test")
        return val, test | self.further(outputs, prepared)

    @torch.no_grad()
    def quiet_outputs(self, encoder: M, prepared: P) -> Tensor:
        """The outputs in evaluation mode, whichever mode the encoder is left in."""
        training = encoder.training
        encoder.eval()
        try:
            return self.outputs(encoder, prepared)
        finally:
            encoder.train(training)
