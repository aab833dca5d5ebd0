"""The DAM gate: one learnable scalar decides how many channels of a layer are open."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from graphdam.gates.gate import Gate, check_min_width, gate_dtype


class DAMGate(Gate):
    r"""The gate of `"Learning Compact Representations of Neural Networks using DiscriminAtive
    Masking (DAM)" <https://arxiv.org/abs/2110.00684>`_.

    .. math::
        g_j = \mathrm{ReLU}(\tanh(\alpha (\mu_j + \beta)))

    with the learnable offset :math:`\beta`, the steepness :math:`\alpha` and fixed positions
    :math:`\mu_j = k (n - 1 - j) / n`, evenly spaced over :math:`[0, k)`. Channel j is open iff
    :math:`\mu_j + \beta > 0`, so the open channels are always the prefix 0 … width − 1, and for
    :math:`-k < \beta \le 0` their number falls linearly with :math:`\beta`, by n/k per unit:
    descending on :math:`\beta` descends on the number of open channels.

    Departures from the paper: index 0 closes last there it closes first (a relabelling of
    channels); :math:`\alpha` may be annealed (`steepness`), so that the surviving channels end
    near 1; and at least `min_width` channels stay open. The last matters because a layer whose
    every channel is closed gets no gradient and never comes back. Below the offset of
    `min_width` the value stands still while the task's gradient still reaches :math:`\beta`
    (straight through), so a layer at its minimum can widen again.

    Args:
        num_channels: n.
        dim: the channel dimension of the input.
        initial_offset: :math:`\beta` at the start; 1 in the authors' code.
        span: k; 5 in the authors' code.
        steepness: :math:`\alpha` at the start; 1 in the authors' code.
        min_width: channels that stay open whatever the offset, at least 1.

    >>> gate = DAMGate(4, initial_offset=-2.0, span=4.0)
    >>> gate.width, gate.keep().tolist()
    (1, [0])
    >>> gate.values()
    tensor([0.7616, 0.0000, 0.0000, 0.0000], grad_fn=<ReluBackward0>)
    """

    positions: Tensor
    steepness: Tensor

    def __init__(
        self,
        num_channels: int,
        *,
        dim: int = -1,
        initial_offset: float = 1.0,
        span: float = 5.0,
        steepness: float = 1.0,
        min_width: int = 1,
    ) -> None:
        super().__init__(num_channels, dim=dim)
        if span <= 0 or steepness <= 0:
            raise ValueError(
                f"A DAM gate needs a positive span and steepness, received span={span} and "
                f"steepness={steepness}."
            )
        check_min_width(min_width, num_channels)
        self.initial_offset = initial_offset
        self.initial_steepness = steepness
        self.span = span
        self.min_width = min_width
        dtype = gate_dtype()
        self.offset = nn.Parameter(torch.empty((), dtype=dtype))
        self.register_buffer("steepness", torch.empty((), dtype=dtype))
        thresholds = [position(index, num_channels, span) for index in range(num_channels)]
        positions = torch.tensor(thresholds[::-1], dtype=dtype)
        self.register_buffer("positions", positions, persistent=False)
        self.is_watched = False
        self._felt: Tensor | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.offset.fill_(self.initial_offset)
            self.steepness.fill_(self.initial_steepness)

    def values(self) -> Tensor:
        # Straight through: the value of the clamped offset with the gradient of the free one.
        clamped = self.offset.detach().clamp(min=self.lowest_offset)
        offset = clamped + (self.offset - self.offset.detach())
        values = torch.relu(torch.tanh(self.steepness * (self.positions + offset)))
        if self.is_watched and values.requires_grad:
            now = values.detach()
            values.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: self._feel(gradient * now)
            )
        return values

    def _feel(self, change: Tensor) -> None:
        self._felt = change if self._felt is None else self._felt + change

    def take_felt(self) -> Tensor | None:
        r"""What losses felt of each channel since this was last asked, where `is_watched`.

        The sum of :math:`g_j \, \partial L / \partial g_j` over backward passes: to first order
        what L loses when channel j closes. Unlike the gradient of the offset it does not vanish
        where the gate is steep.

        Returns:
            [num_channels]; None where no backward pass came by.
        """
        felt, self._felt = self._felt, None
        return felt

    def penalty(self) -> Tensor:
        r"""The offset :math:`\beta`, constant once the layer is at its minimum width."""
        return self.offset.clamp(min=self.lowest_offset)

    @property
    def lowest_offset(self) -> float:
        """The offset below which nothing closes any more."""
        return offset_of_width(self.min_width, self.num_channels, self.span)

    @property
    def width(self) -> int:
        offset = max(float(self.offset.detach()), self.lowest_offset)
        return open_channels(offset, self.num_channels, self.span)

    def keep(self) -> Tensor:
        return torch.arange(self.width, device=self.offset.device)

    def ranking(self) -> Tensor:
        return torch.arange(self.num_channels, device=self.offset.device)

    @property
    def at_minimum(self) -> bool:
        """Whether the minimum width is what holds this gate open."""
        return float(self.offset.detach()) <= self.lowest_offset

    @torch.no_grad()
    def set_offset(self, offset: float) -> None:
        self.offset.fill_(offset)

    @torch.no_grad()
    def set_steepness(self, steepness: float) -> None:
        self.steepness.fill_(steepness)

    def offset_of(self, width: float) -> float:
        """The offset at which `width` channels are open: see `offset_of_width`."""
        return offset_of_width(width, self.num_channels, self.span)


def position(index: int, num_channels: int, span: float) -> float:
    r"""The position that closes as number `index`, :math:`k \cdot index / n`, as float32 holds it.

    The gate stores its positions in float32; the closed form below must compare with the very
    numbers that the gate compares with, or the two part at the thresholds.
    """
    return float(np.float32(span * index / num_channels))


def open_channels(offset: float, num_channels: int, span: float) -> int:
    r"""How many of n channels are open at offset :math:`\beta`, without counting.

    .. math::
        n - \#\{i : k i / n \le -\beta\}
        = n - 1 - \lfloor -\beta n / k \rfloor \quad (-k < \beta \le 0)

    All n for :math:`\beta > 0` and none for :math:`\beta \le -k (n - 1) / n`. The quotient can
    round across a threshold, so the nearest threshold itself is compared.

    >>> [open_channels(offset, 10, 5.0) for offset in (0.1, 0.0, -0.25, -0.5, -5.0)]
    [10, 9, 9, 8, 0]
    """
    if offset > 0:
        return num_channels
    nearest = round(-offset * num_channels / span)
    if nearest >= num_channels:
        return 0
    closed = nearest + (position(nearest, num_channels, span) <= -offset)
    return num_channels - closed


def offset_of_width(width: float, num_channels: int, span: float) -> float:
    r"""The offset at which `width` channels are open: midway between two thresholds.

    .. math::
        \beta = -\frac{k}{n} \left(n - width - \tfrac12\right)

    A fractional width interpolates, for a schedule that closes channels one by one.

    >>> offset_of_width(8, 64, 5.0), open_channels(offset_of_width(8, 64, 5.0), 64, 5.0)
    (-4.3359375, 8)
    """
    return -span / num_channels * (num_channels - width - 0.5)
