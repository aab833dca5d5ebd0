"""What graphs, images, points and ratings each do in their way; all the rest is the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic

from torch import nn
from typing_extensions import Self, TypeVar

from graphdam.data import TrainingData
from graphdam.evaluation.cost import num_parameters
from graphdam.objectives import Objective, PrefixScore, Prepared
from graphdam.training.settings import Settings

M = TypeVar("M", bound=nn.Module)
P = TypeVar("P", bound=Prepared)


class Task(ABC, Generic[M, P]):
    """Settings and the data that they are about.

    Attributes:
        settings: see `Settings`.
        items_a_call: what an inference is timed with: how many images, or pairs; empty where it
            reads a whole graph.
    """

    settings: Settings
    items_a_call: ClassVar[dict[str, int]] = {}

    @property
    @abstractmethod
    def data(self) -> TrainingData:
        """What is trained on."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Of the data."""

    @property
    @abstractmethod
    def split_name(self) -> str:
        """Of the kind of split."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What the data calls its classes, where it does."""
        return None

    def at_split(self, seed: int) -> Self:
        """With the split of a seed, where there are several."""
        del seed
        return self

    def build(self) -> M:
        """The model that the run is about: gated, unless its settings know no gate."""
        return self.build_wide() if self.settings.gate is None else self.build_gated()

    @abstractmethod
    def build_wide(self) -> M:
        """The wide model without gates: the teacher, or what the `wide` recipe trains."""

    @abstractmethod
    def build_gated(self) -> M:
        """The gated model at its start width."""

    @abstractmethod
    def build_objective(self, model: M, *, seed: int) -> Objective[M, P]:
        """What the model is trained to do."""

    @abstractmethod
    def prepare(self, model: M, objective: Objective[M, P]) -> P:
        """The data as a finished model reads it."""

    def prepare_training(self, model: M, objective: Objective[M, P]) -> P:
        """The data as it is trained on."""
        return self.prepare(model, objective)

    def same_split(self, seed: int, other: int) -> bool:
        """Whether two seeds learn from, choose by and are tested on the same parts of the data."""
        del seed, other
        return True

    def adopt(self, model: M) -> None:
        """Make a model that reads the data as it is read it as it is trained on."""
        del model

    def take_up(self, model: M) -> None:
        """Make a model ready to be trained."""
        del model

    def hand_back(self, model: M) -> None:
        """Make a trained model read the data as it is."""
        del model

    @abstractmethod
    def deviation(self, model: M, compact: M, prepared: P) -> float:
        """How far the outputs of both lie apart on the data, in units of the largest."""

    def is_rounding(self, model: M, prepared: P) -> bool:
        """Whether a large deviation is of single precision alone: in double there is none."""
        del model, prepared
        return False

    @abstractmethod
    def multiply_adds(self, model: M, prepared: P) -> int:
        """What one inference costs: of a graph, of one image, or of one rating."""

    def cost(self, model: M, prepared: P) -> dict[str, int]:
        """The size and the cost of a model without gates, as records name them."""
        return {
            "parameters": num_parameters(model),
            "multiply_adds": self.multiply_adds(model, prepared),
        }

    def further(self, model: M, prepared: P) -> dict[str, float]:
        """Scores on the test part that the outputs of a finished model do not tell, by name."""
        del model, prepared
        return {}

    def prefixes(
        self, compact: M, objective: Objective[M, P], prepared: P
    ) -> list[PrefixScore] | None:
        """What the compact model scores cut to its first channels, where that is found out."""
        del compact, objective, prepared
        return None

    @abstractmethod
    def inference(self, model: M) -> Callable[[], Any]:
        """One inference, to be timed."""

    @property
    def evaluator(self) -> str | None:
        """Whose evaluator makes the scores of the record, where it is not ours."""
        return None

    @property
    def comes_in_batches(self) -> bool:
        """Whether several processes can share a step's seed nodes."""
        return False

    @property
    def reading(self) -> str:
        """How the data is read, and why, where there was a choice; empty elsewhere."""
        return ""

    def notes(self) -> list[str]:
        """What a reader of the result should know about the data."""
        return []
