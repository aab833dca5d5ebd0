"""What a system of `graphdam.baselines` does around the steps of the shared loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from graphdam.baselines import (
    PruningLoop,
    SparseAttention,
    WeightMasks,
    add_irrelevance_gradient,
)
from graphdam.objectives import Evaluation
from graphdam.training.settings import Settings


class System:
    """The hooks of a learner's loop; this system does nothing in them.

    Attributes:
        is_masking: whether it moves weights behind the optimiser's back.
    """

    is_masking: ClassVar[bool] = False

    @property
    def sparsity(self) -> float:
        """The share of weights that are masked."""
        return 0.0

    def parameters(self) -> list[nn.Parameter]:
        """What is learnt beside the model."""
        return []

    def begin_epoch(self, epoch: int) -> None:
        """An epoch begins."""

    def before_step(self) -> None:
        """The loss has been differentiated; the optimiser has not moved yet."""

    def after_step(self) -> None:
        """The optimiser has moved."""

    @property
    def wants_look(self) -> bool:
        """Whether validation should be looked at now, whether or not the epoch has ended."""
        return False

    def is_eligible(self, val: Evaluation) -> bool:
        """Whether the model, as it is, may be the one that is kept."""
        del val
        return True

    @property
    def merit(self) -> float:
        """What is asked of eligible models before validation: the higher, the better."""
        return 0.0

    def look(self, val: Evaluation) -> None:
        """What validation says; called after the model has been considered."""

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must hold."""
        return {}

    def values(self) -> dict[str, Any]:
        """The same in plain values."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor], values: dict[str, Any]) -> None:
        """Go on from there."""

    def notes(self) -> list[str]:
        """What a reader of the result should know."""
        return []


class Irrelevance(System):
    """The penalty on irrelevant weights, and the loop that prunes them.

    The model that is kept is the sparsest one at or above the lower bound.
    """

    is_masking = True

    def __init__(self, settings: Settings, model: nn.Module, num_batches: int) -> None:
        self.settings = settings
        self.masks = WeightMasks(model)
        self.every = max(1, settings.epochs * num_batches // settings.prune_looks)
        dense_steps = settings.prune_begin * settings.epochs * num_batches
        self.loop = PruningLoop(
            dense_looks=max(1, round(dense_steps / self.every)),
            tolerance=settings.bound_tolerance,
            lower_bound=settings.lower_bound,
            decay_steps=self.every,
            patience=settings.prune_patience,
        )
        self.since_look = 0

    @property
    def sparsity(self) -> float:
        return self.masks.sparsity

    def before_step(self) -> None:
        strength = self.settings.sparsity_weight * self.loop.share_of_strength
        if strength > 0:
            add_irrelevance_gradient(
                self.masks.weights.values(),
                strength=strength,
                sensitivity=self.settings.sensitivity,
            )

    def after_step(self) -> None:
        self.masks.apply()
        self.loop.end_step()
        self.since_look += 1

    @property
    def wants_look(self) -> bool:
        return self.since_look >= self.every

    def is_eligible(self, val: Evaluation) -> bool:
        return self.loop.is_dense or val.score >= self.loop.bound

    @property
    def merit(self) -> float:
        return self.masks.sparsity

    def look(self, val: Evaluation) -> None:
        if not self.wants_look:
            return
        self.since_look = 0
        if self.loop.look(val.score) == "prune" and self.masks.num_left > 0:
            self.masks.prune(self.settings.prune_step)

    def tensors(self) -> dict[str, Tensor]:
        return dict(self.masks.masks)

    def values(self) -> dict[str, Any]:
        return {"loop": self.loop.values(), "since_look": self.since_look}

    def restore(self, tensors: Mapping[str, Tensor], values: dict[str, Any]) -> None:
        self.masks.load(tensors)
        self.loop.restore(values["loop"])
        self.since_look = values["since_look"]

    def notes(self) -> list[str]:
        if self.loop.has_stopped:
            return []
        return ["the epochs ended before pruning did: more of them may leave fewer weights"]


class Aswl(System):
    """Layer-wise attention to the pruning ratios; they rest from `ratio_end` on.

    The penalty rewards sparsity below `target_sparsity` and punishes it above, so that λ decides
    how firmly the target is held and the loss decides which layers give way. Only models with
    resting ratios may be kept.
    """

    is_masking = True

    def __init__(self, settings: Settings, model: nn.Module) -> None:
        self.settings = settings
        self.attention = SparseAttention(model, initial_ratio=settings.initial_ratio)
        self.rests = False

    @property
    def sparsity(self) -> float:
        return self.attention.sparsity

    def parameters(self) -> list[nn.Parameter]:
        return [self.attention.scores]

    def begin_epoch(self, epoch: int) -> None:
        last = self.settings.epochs - 1
        self.rests = epoch >= min(last, round(self.settings.ratio_end * self.settings.epochs))

    def before_step(self) -> None:
        is_short = self.attention.sparsity < self.settings.target_sparsity
        weight = self.settings.sparsity_weight * (1 if is_short else -1)
        self.attention.begin_step(weight, is_learning=not self.rests)

    def after_step(self) -> None:
        self.attention.end_step()

    def is_eligible(self, val: Evaluation) -> bool:
        del val
        return self.rests

    def tensors(self) -> dict[str, Tensor]:
        return self.attention.tensors()

    def values(self) -> dict[str, Any]:
        return {"steps": self.attention.steps}

    def restore(self, tensors: Mapping[str, Tensor], values: dict[str, Any]) -> None:
        self.attention.restore(tensors, steps=values["steps"])

    def notes(self) -> list[str]:
        if self.attention.sparsity >= self.settings.target_sparsity - 0.005:
            return []
        return [
            f"the ratios came to a sparsity of {100 * self.attention.sparsity:.1f} % and not to "
            f"target_sparsity={self.settings.target_sparsity:g}: raise sparsity_weight, ratio_lr "
            f"or epochs"
        ]


def system_of(settings: Settings, model: nn.Module, num_batches: int) -> System:
    """The system of a run's settings around a model that is about to be trained.

    Args:
        settings: see `Settings`.
        model: without gates, where there is a system.
        num_batches: the steps of an epoch.
    """
    match settings.system:
        case "irrelevance":
            return Irrelevance(settings, model, num_batches)
        case "aswl":
            return Aswl(settings, model)
    return System()
