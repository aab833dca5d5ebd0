"""Weights that are held at zero while the others are trained: unstructured pruning."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from graphdam.errors import SettingsError


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """What may be pruned weight by weight: every parameter of two or more axes, by its path.

    These are the matrices, filters and tables of linear layers, convolutions, attention,
    embeddings and graph layers; biases, the factors of norms and the parameters of gates are not.
    A parameter that several layers share comes once.

    Raises:
        SettingsError: a model without any, or one whose parameters have no shape yet.

    >>> [*weights_of(nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 2)))]
    ['0.weight', '2.weight']
    """
    lazy = [name for name, p in model.named_parameters() if nn.parameter.is_lazy(p)]
    if lazy:
        raise SettingsError(
            f"'{lazy[0]}' of this {type(model).__name__} has no shape yet: call the model once "
            f"before its weights are looked at."
        )
    found = {name: p for name, p in model.named_parameters() if p.dim() >= 2}
    if not found:
        raise SettingsError(
            f"This {type(model).__name__} has no weights to prune: a parameter of two or more axes "
            f"is needed, as linear layers and convolutions have."
        )
    return found


def num_nonzero(model: nn.Module) -> int:
    """Parameters of a model that are not zero."""
    return sum(int(parameter.count_nonzero()) for parameter in model.parameters())


def zero_shares(model: nn.Module) -> dict[str, float]:
    """The share of zeros in each of `weights_of`, by its path."""
    return {
        name: 1 - int(weight.count_nonzero()) / weight.numel()
        for name, weight in weights_of(model).items()
    }


class WeightMasks:
    """Which weights of a model are held at zero.

    A masked weight is still stored and still multiplied: the model is neither smaller nor faster.

    Args:
        model: its weights are those of `weights_of`; none is masked at first.

    >>> model = nn.Linear(2, 2, bias=False)
    >>> _ = model.weight.data.copy_(torch.tensor([[0.1, -3.0], [2.0, -0.5]]))
    >>> masks = WeightMasks(model)
    >>> masks.prune(0.5)
    2
    >>> (model.weight.data + 0).tolist(), masks.sparsity
    ([[0.0, -3.0], [2.0, 0.0]], 0.5)
    """

    def __init__(self, model: nn.Module) -> None:
        self.weights = weights_of(model)
        self.masks = {name: torch.ones_like(weight) for name, weight in self.weights.items()}

    @property
    def num_weights(self) -> int:
        return sum(mask.numel() for mask in self.masks.values())

    @property
    def num_left(self) -> int:
        """Weights that are not masked."""
        return sum(int(mask.count_nonzero()) for mask in self.masks.values())

    @property
    def sparsity(self) -> float:
        """The share of weights that are masked."""
        return 1 - self.num_left / self.num_weights

    @torch.no_grad()
    def prune(self, share: float) -> int:
        """Mask this share of the weights that are left, the smallest of all layers together.

        At least one is masked as long as there is one; of equal weights any may be.

        Returns:
            How many were masked.

        Raises:
            SettingsError: a share outside (0, 1].
        """
        if not 0 < share <= 1:
            raise SettingsError(
                f"The share of weights to prune lies above 0 and at most at 1, received {share:g}."
            )
        masks = list(self.masks.values())
        mask = torch.cat([each.flatten() for each in masks])
        left = mask.nonzero().squeeze(-1)
        count = min(left.numel(), max(1, round(share * left.numel())))
        sizes = torch.cat([weight.detach().flatten() for weight in self.weights.values()]).abs()
        smallest = sizes[left].topk(count, largest=False, sorted=False).indices
        mask[left[smallest]] = 0
        for each, part in zip(
            masks, torch.split(mask, [each.numel() for each in masks]), strict=True
        ):
            each.copy_(part.view_as(each))
        self.apply()
        return count

    @torch.no_grad()
    def apply(self) -> None:
        """Put the masked weights at zero, where an optimiser may have moved them."""
        torch._foreach_mul_([w.data for w in self.weights.values()], list(self.masks.values()))

    def keep_under(self, optimiser: torch.optim.Optimizer) -> RemovableHandle:
        """Hold the masked weights at zero after every step of an optimiser.

        Momentum and weight decay move a weight whose gradient is zero.

        Returns:
            Its `remove` lets the weights go.

        Raises:
            SettingsError: the optimiser does not move all of these weights.
        """
        moved = {id(p) for group in optimiser.param_groups for p in group["params"]}
        missing = [name for name, weight in self.weights.items() if id(weight) not in moved]
        if missing:
            raise SettingsError(
                f"The optimiser does not hold '{missing[0]}' ({len(missing)} of "
                f"{len(self.weights)} weights are missing): it was given the parameters of another "
                f"model, or of a part of this one."
            )
        return optimiser.register_step_post_hook(lambda *_: self.apply())

    def load(self, masks: Mapping[str, Tensor]) -> None:
        """Take the masks of another moment over, and apply them."""
        for name, mask in self.masks.items():
            mask.copy_(masks[name])
        self.apply()
