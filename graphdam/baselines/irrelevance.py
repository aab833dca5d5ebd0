"""Irrelevance-weighted regularisation: weights that the loss does not feel decay."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphdam.errors import SettingsError, TrainingError


def irrelevance(gradient: Tensor, *, sensitivity: float = 1.0) -> Tensor:
    r"""How little the loss feels each weight: :math:`I = e^{-|\partial L / \partial w| / \alpha}`.

    Args:
        gradient: of the loss with respect to the weights; no gradient flows into it.
        sensitivity: α, the size of a gradient that counts as felt.

    >>> irrelevance(torch.tensor([0.0, 1.0])).tolist()
    [1.0, 0.3678794503211975]
    """
    return gradient.detach().abs().div(-sensitivity).exp_()


def irrelevance_penalty(
    weights: Iterable[Tensor],
    gradients: Iterable[Tensor],
    *,
    strength: float,
    sensitivity: float = 1.0,
) -> Tensor:
    r"""The penalty of `"Regularization-based Pruning of Irrelevant Weights in Deep Neural
    Architectures" <https://arxiv.org/abs/2204.04977>`_, a scalar.

    .. math::
        R = \gamma \sum_w I(w) \, w^2, \qquad I(w) = e^{-|\partial L / \partial w| / \alpha}

    with the strength γ and the sensitivity α. I is a constant to the gradient of R. Its gradient
    has a closed form, which `add_irrelevance_gradient` adds without a second backward pass.

    Args:
        weights: w.
        gradients: of the loss L, one for each.
        strength: γ.
        sensitivity: α.
    """
    terms = [
        (irrelevance(gradient, sensitivity=sensitivity) * weight.square()).sum()
        for weight, gradient in zip(weights, gradients, strict=True)
    ]
    return strength * torch.stack(terms).sum()


@torch.no_grad()
def add_irrelevance_gradient(
    weights: Iterable[nn.Parameter], *, strength: float, sensitivity: float = 1.0
) -> None:
    r"""Add to each weight's gradient of the loss that of the penalty: :math:`2 \gamma I(w) w`.

    What a backward pass through `irrelevance_penalty` would add, in one pass over the weights.
    Call it between `loss.backward()` and the optimiser's step; weights without a gradient (which
    the loss did not read) are left as they are.

    >>> weight = nn.Parameter(torch.tensor([3.0]))
    >>> weight.grad = torch.tensor([0.0])
    >>> add_irrelevance_gradient([weight], strength=0.5)
    >>> weight.grad
    tensor([3.])
    """
    for weight in weights:
        if weight.grad is not None:
            size = irrelevance(weight.grad, sensitivity=sensitivity)
            weight.grad.addcmul_(size, weight, value=2 * strength)


Verdict = Literal["train", "prune", "stop"]


@dataclass
class PruningLoop:
    r"""When to prune and when to stop: the loop around the penalty, look by look.

    The dense model is trained for `dense_looks`. From there on the weights are pruned whenever
    validation has come back to the lower bound; γ falls linearly to 0 in the steps after a
    pruning and stays there until the next one. The loop stops when validation has not come back
    within `patience` looks.

    Departures from the paper: the bound may follow from the best score of the dense model itself,
    and the penalty's decay starts anew in the dense phase and after each pruning alike.

    Args:
        dense_looks: how many looks at validation the dense model is trained for, at least 1.
        tolerance: how far below the dense model's best score the bound lies.
        lower_bound: the bound itself, where it is not to follow from that score.
        decay_steps: steps in which γ falls to 0.
        patience: looks after a pruning within which validation must come back.

    >>> loop = PruningLoop(dense_looks=1, tolerance=0.1, decay_steps=4, patience=2)
    >>> [loop.look(score) for score in (0.9, 0.85, 0.7, 0.6)]
    ['prune', 'prune', 'train', 'stop']
    >>> round(loop.bound, 6)
    0.8
    """

    dense_looks: int
    tolerance: float
    decay_steps: int
    patience: int
    lower_bound: float | None = None
    looks: int = field(default=0, init=False)
    since: int = field(default=0, init=False)
    steps: int = field(default=0, init=False)
    dense_score: float = field(default=-math.inf, init=False)
    has_stopped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        for name in ("dense_looks", "decay_steps", "patience"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is 1 or more, received {getattr(self, name)}.")
        if self.tolerance < 0:
            raise SettingsError(f"tolerance is 0 or more, received {self.tolerance:g}.")

    @property
    def bound(self) -> float:
        """What validation must reach for the weights to be pruned further."""
        return self.dense_score - self.tolerance if self.lower_bound is None else self.lower_bound

    @property
    def is_dense(self) -> bool:
        """Whether nothing has been pruned yet."""
        return self.looks < self.dense_looks

    @property
    def share_of_strength(self) -> float:
        """What γ is multiplied by in the next step."""
        return 0.0 if self.has_stopped else max(0.0, 1 - self.steps / self.decay_steps)

    def end_step(self) -> None:
        """Count a step of the optimiser."""
        self.steps += 1

    def look(self, score: float) -> Verdict:
        """What follows from a look at validation.

        Raises:
            TrainingError: the lower bound lies above all that the dense model reached, so that
                nothing could ever be pruned.
        """
        self.looks += 1
        if self.looks <= self.dense_looks:
            self.dense_score = max(self.dense_score, score)
            if self.looks < self.dense_looks:
                return "train"
            self._require_reachable()
            return self._prune()
        if self.has_stopped:
            return "train"
        self.since += 1
        if score >= self.bound:
            return self._prune()
        self.has_stopped = self.since >= self.patience
        return "stop" if self.has_stopped else "train"

    def values(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return asdict(self)

    def restore(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def _prune(self) -> Verdict:
        self.since = self.steps = 0
        return "prune"

    def _require_reachable(self) -> None:
        if self.bound > self.dense_score:
            raise TrainingError(
                f"The lower bound {self.bound:g} lies above the {self.dense_score:g} that the "
                f"dense model reached on validation in {self.dense_looks} looks, so nothing could "
                f"ever be pruned: lower it, or train the dense model for longer."
            )
