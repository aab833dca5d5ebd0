"""The hard concrete gate: every channel is open with a probability that is learnt."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from graphdam.gates.gate import Gate, check_min_width, first_of, gate_dtype

LOW, HIGH = -0.1, 1.1
"""The interval to which a sample in (0, 1) is stretched before it is clamped."""

TEMPERATURE = 2 / 3

HELD_OPEN = 0.0
"""The log a below which a channel that is held open does not fall: a value of one half."""

FREE = math.log(0.01)
"""The log a below which the penalty lets go of any channel: one sample in 21 still opens it."""


class HardConcreteGate(Gate):
    r"""The L0 gate of `"Learning Sparse Neural Networks through L0 Regularization"
    <https://arxiv.org/abs/1712.01312>`_.

    In training channel j is multiplied by a random value, in evaluation by a fixed one:

    .. math::
        s_j &= \sigma\left((\log u_j - \log(1 - u_j) + \log a_j) / T\right), \qquad
        g_j = \min(1, \max(0, 1.2 \, s_j - 0.1)) \\
        \hat g_j &= \min(1, \max(0, 1.2 \, \sigma(\log a_j) - 0.1))

    with a learnable :math:`\log a_j`, :math:`u_j` uniform on (0, 1) and T = 2/3. A channel counts
    as open iff its fixed value is positive, :math:`a_j > 1/11`. The penalty is the expected share
    of channels that a sample opens, so layers of any width can be compared:

    .. math::
        \frac1n \sum_j P(g_j > 0) = \frac1n \sum_j \sigma(\log a_j - T \log(0.1 / 1.1))

    Departures from the paper: all :math:`\log a_j` start equal, where it adds a little noise; the
    penalty is a mean and not a sum, and does not press a channel below :math:`a_j = 0.01`, where
    the authors' code clamps the parameter, since from far below no gradient leads back; and the
    `min_width` channels with the largest :math:`\log a_j` take their fixed value in training too,
    with :math:`\log a_j` at least 0: no sample and no result is a layer without channels. Below 0
    the penalty lets go of them, while the task's gradient still reaches them (straight through).

    `values` draws from torch's global generator at every call, in training. Where one gate acts
    at several places of a forward pass they must see one sample: see `Gate.draw_sample`, which
    graphdam's encoders call.

    Args:
        num_channels: n.
        dim: the channel dimension of the input.
        initial_open: P(g > 0) at the start, for every channel. Above 0.31 (exactly
            1 / (1 + ∛11)): below it a channel's fixed value is 0.
        min_width: channels that stay open whatever is learnt, at least 1.

    >>> gate = HardConcreteGate(3).eval()
    >>> with torch.no_grad():
    ...     _ = gate.log_alpha.copy_(torch.tensor([-4.0, math.log(3.0), 9.0]))
    >>> gate.width, gate.keep().tolist()
    (2, [1, 2])
    >>> gate.values()
    tensor([0.0000, 0.8000, 1.0000], grad_fn=<ClampBackward1>)
    """

    uniform: Tensor | None

    def __init__(
        self, num_channels: int, *, dim: int = -1, initial_open: float = 0.9, min_width: int = 1
    ) -> None:
        super().__init__(num_channels, dim=dim)
        lowest = _probability_open(torch.tensor(math.log(-LOW / HIGH))).item()
        if not lowest < initial_open < 1:
            raise ValueError(
                f"initial_open must lie between {lowest:.2f}, below which every channel would "
                f"start closed, and 1, which no finite log a reaches; received {initial_open}."
            )
        check_min_width(min_width, num_channels)
        self.initial_open = initial_open
        self.min_width = min_width
        self.log_alpha = nn.Parameter(torch.empty(num_channels, dtype=gate_dtype()))
        self.register_buffer("uniform", None, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        odds = self.initial_open / (1 - self.initial_open)
        nn.init.constant_(self.log_alpha, math.log(odds) + TEMPERATURE * math.log(-LOW / HIGH))

    def draw_sample(self) -> None:
        self.uniform = torch.rand_like(self.log_alpha) if self.training else None

    def values(self) -> Tensor:
        if not self.training:
            return self.final_values()
        uniform = torch.rand_like(self.log_alpha) if self.uniform is None else self.uniform
        sample = torch.sigmoid((torch.logit(uniform) + self.log_alpha) / TEMPERATURE)
        return torch.where(self._held(), self.final_values(), _stretch(sample))

    def final_values(self) -> Tensor:
        free = self.log_alpha.detach()
        raised = torch.where(self._held(), free.clamp(min=HELD_OPEN), free)
        # straight through: adds 0 and the gradient of log a
        return _stretch(torch.sigmoid(raised + (self.log_alpha - free)))

    def penalty(self) -> Tensor:
        """The mean probability of being open, constant in channels that it has let go of."""
        lowest = torch.full_like(self.log_alpha, FREE).masked_fill(self._held(), HELD_OPEN)
        return _probability_open(self.log_alpha.clamp(min=lowest)).mean()

    def ranking(self) -> Tensor:
        return self.log_alpha.detach().argsort(descending=True, stable=True)

    def _held(self) -> Tensor:
        return first_of(self.ranking(), self.min_width)


def _stretch(share: Tensor) -> Tensor:
    return (share * (HIGH - LOW) + LOW).clamp(0, 1)


def _probability_open(log_alpha: Tensor) -> Tensor:
    return torch.sigmoid(log_alpha - TEMPERATURE * math.log(-LOW / HIGH))
