"""Attention-based simultaneous sparse structure and weight learning: a ratio for each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdam.baselines.masks import weights_of
from graphdam.errors import SettingsError


class SparseAttention:
    r"""A reading of the abstract of `"Attention-based Simultaneous Sparse Structure and Weight
    Learning" <https://arxiv.org/abs/2111.02399>`_.

    Only that abstract could be read, and no code is public. It says: unstructured pruning from
    random initialisation; a layer-wise attention that gives each layer's pruning ratio; the weights
    of the dense and of the sparse network are both tracked. This is our reading of it:

    .. math::
        p_l = \sigma(s_l), \qquad
        \hat w = w \, [\,|w| \ge t_l\,], \qquad
        \mathrm{penalty} = \frac{\sum_l n_l (1 - p_l)}{\sum_l n_l}

    with a learnt score :math:`s_l` for each layer of :math:`n_l` weights, its pruning ratio
    :math:`p_l`, and the threshold :math:`t_l` below which the share :math:`p_l` of the layer's
    dense weights w lies. The network computes with the sparse weights :math:`\hat w`; the gradient
    of the loss at them moves the dense ones (straight through), so a weight that was cut may come
    back. A ratio has a gradient too: to raise it sets the weights at the threshold to 0, so

    .. math::
        \frac{\partial L}{\partial p_l} \approx
        - \frac1\delta \sum_{j \in \text{window}} \frac{\partial L}{\partial \hat w_j} w_j

    over the weights whose rank lies within δ/2 of :math:`p_l`. The penalty is the expected share of
    weights that stay.

    The model holds the sparse weights at all times but in the optimiser's step::

        loss.backward()
        attention.begin_step(penalty_weight)  # gradients of the scores; the dense weights
        optimiser.step()                      # of the model and of attention.scores
        attention.end_step()                  # the sparse weights

    Args:
        model: its weights are those of `weights_of`.
        initial_ratio: every p at the start, between 0 and 1.
        window: δ.
        refresh: steps after which the thresholds are found anew.

    >>> model = nn.Linear(4, 5)
    >>> attention = SparseAttention(model, initial_ratio=0.5)
    >>> int(model.weight.count_nonzero()), round(attention.ratios()["weight"], 3)
    (10, 0.5)
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        initial_ratio: float = 0.1,
        window: float = 0.05,
        refresh: int = 10,
    ) -> None:
        for name, value in (("initial_ratio", initial_ratio), ("window", window)):
            if not 0 < value < 1:
                raise SettingsError(f"{name} lies between 0 and 1, received {value:g}.")
        if refresh < 1:
            raise SettingsError(f"refresh is 1 or more, received {refresh}.")
        self.weights = weights_of(model)
        self.window = window
        self.refresh = refresh
        first = next(iter(self.weights.values())).detach()
        self.scores = nn.Parameter(first.new_full((len(self.weights),), initial_ratio).logit())
        self.dense = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self.bounds = first.new_zeros(len(self.weights), 3)
        self.limits: list[list[float]] = []  # the largest numbers below the bounds
        self.steps = 0
        self._rank()
        self._cut()

    @property
    def num_weights(self) -> int:
        return sum(weight.numel() for weight in self.weights.values())

    def ratios(self) -> dict[str, float]:
        """p of every layer, by the path of its weights."""
        return dict(zip(self.weights, self.scores.detach().sigmoid().tolist(), strict=True))

    def penalty(self) -> Tensor:
        """The share of weights that stay, as the ratios have it: a scalar."""
        sizes = self.scores.new_tensor([weight.numel() for weight in self.weights.values()])
        return (sizes * (1 - self.scores.sigmoid())).sum() / self.num_weights

    @property
    def sparsity(self) -> float:
        """The share of weights that are cut."""
        return 1 - float(self.penalty().detach())

    @torch.no_grad()
    def begin_step(self, penalty_weight: float, *, is_learning: bool = True) -> None:
        """Give the scores their gradient, and put the dense weights in the model.

        Args:
            penalty_weight: λ of the penalty.
            is_learning: whether the ratios move; else the scores have no gradient.
        """
        self.scores.grad = self._gradient(penalty_weight) if is_learning else None
        for name, weight in self.weights.items():
            weight.copy_(self.dense[name])

    @torch.no_grad()
    def end_step(self) -> None:
        """Take the moved dense weights over, and put the sparse ones in the model."""
        for name, weight in self.weights.items():
            self.dense[name].copy_(weight)
        self.steps += 1
        if self.steps % self.refresh == 0:
            self._rank()
        self._cut()

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must hold beside the model."""
        dense = {f"dense/{name}": weight for name, weight in self.dense.items()}
        return {**dense, "scores": self.scores.detach(), "bounds": self.bounds}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], *, steps: int) -> None:
        """Go on from such tensors; the model has its own sparse weights back already."""
        for name, weight in self.dense.items():
            weight.copy_(tensors[f"dense/{name}"])
        self.scores.data.copy_(tensors["scores"])
        self.bounds.copy_(tensors["bounds"])
        self._limit()
        self.steps = steps

    def _gradient(self, penalty_weight: float) -> Tensor:
        felt = []
        for (name, weight), (low, _, high) in zip(self.weights.items(), self.limits, strict=True):
            if weight.grad is None:
                felt.append(weight.new_zeros(()))
                continue
            dense = self.dense[name]
            inside = F.hardshrink(dense, low) - F.hardshrink(dense, high)  # the others are 0
            felt.append(-(weight.grad * inside).sum() / self.window)
        sizes = self.scores.new_tensor([weight.numel() for weight in self.weights.values()])
        ratios = self.scores.sigmoid()
        to_ratios = torch.stack(felt) - penalty_weight * sizes / self.num_weights
        return to_ratios * ratios * (1 - ratios)

    def _rank(self) -> None:
        """Find every layer's threshold, and where the window around it begins and ends."""
        for row, dense, ratio in zip(
            self.bounds, self.dense.values(), self.ratios().values(), strict=True
        ):
            half = self.window / 2
            row.copy_(_smallest_kept(dense.abs().flatten(), (ratio - half, ratio, ratio + half)))
        self._limit()

    def _limit(self) -> None:
        self.limits = [
            torch.nextafter(row.to(dense), row.new_tensor(-torch.inf).to(dense)).tolist()
            for row, dense in zip(self.bounds, self.dense.values(), strict=True)
        ]

    def _cut(self) -> None:
        with torch.no_grad():
            for (name, weight), (_, below, _) in zip(
                self.weights.items(), self.limits, strict=True
            ):
                weight.copy_(F.hardshrink(self.dense[name], below))


def _smallest_kept(size: Tensor, shares: Sequence[float]) -> Tensor:
    """The values below which these shares lie; 0 where none does, more than all where all do.

    >>> _smallest_kept(torch.tensor([3.0, 0.0, 1.0, 2.0]), (-0.1, 0.5, 1.0))
    tensor([0., 2., inf])
    """
    total = size.numel()
    counts = [min(max(round(share * total), 0), total) for share in shares]
    # the shorter end, sorted: most of the order is of no use
    if 2 * min(counts) > total:
        order = size.topk(total - min(counts)).values.flip(0)
        first = min(counts)
    else:
        order = size.topk(min(max(counts) + 1, total), largest=False).values
        first = 0
    order = torch.cat([order, order.new_tensor([torch.inf])])
    return order[torch.tensor([count - first for count in counts], device=size.device)]
