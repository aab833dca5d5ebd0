"""The L1 gate: one learnable scale a channel, and the channels with small ones are closed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphdam.gates.gate import Gate, check_min_width, first_of, gate_dtype


class L1Gate(Gate):
    r"""The gate of `"Learning Efficient Convolutional Networks through Network Slimming"
    <https://arxiv.org/abs/1708.06519>`_.

    .. math::
        g_j = |s_j| \; [\,|s_j| > t\,], \qquad
        \mathrm{penalty} = \frac1n \sum_j |s_j|

    with a learnable scale :math:`s_j` for each of the n channels, 1 at the start, and the
    threshold t. The penalty is a mean, so that it starts at 1 in every layer, however wide, and
    layers can be compared. Open channels are wherever the scales are large, not a prefix.

    Departures from the paper: the scale is a factor of its own, at the end of its layer, where
    the paper takes that of a batch norm; channels below the threshold are closed during training
    and not once after it, with the gradient passed straight through, so that the task can open
    them again; the threshold is given and not a percentile of all layers' scales; and the
    `min_width` largest scales stay open, with a value of at least t and no penalty below it.

    A penalty on scales can be evaded by weights that grow as the scales shrink: give the weights
    a decay or the layer a norm. Under Adam a closed scale swings about 0 by up to half the
    learning rate, and more where the task pulls at it: t must lie above that.

    Args:
        num_channels: n.
        dim: the channel dimension of the input.
        threshold: t, above 0 and below 1.
        min_width: channels that stay open whatever their scales, at least 1.

    >>> gate = L1Gate(4, threshold=0.1)
    >>> with torch.no_grad():
    ...     _ = gate.scale.copy_(torch.tensor([0.05, -0.8, 0.5, 0.01]))
    >>> gate.width, gate.keep().tolist()
    (2, [1, 2])
    >>> gate.values()
    tensor([0.0000, 0.8000, 0.5000, 0.0000], grad_fn=<AddBackward0>)
    """

    def __init__(
        self, num_channels: int, *, dim: int = -1, threshold: float = 0.05, min_width: int = 1
    ) -> None:
        super().__init__(num_channels, dim=dim)
        if not 0 < threshold < 1:
            raise ValueError(
                f"The threshold of an L1 gate must lie between 0, where nothing would ever close, "
                f"and 1, where every scale starts; received {threshold}."
            )
        check_min_width(min_width, num_channels)
        self.threshold = threshold
        self.min_width = min_width
        self.scale = nn.Parameter(torch.empty(num_channels, dtype=gate_dtype()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.ones_(self.scale)

    def values(self) -> Tensor:
        size = self.scale.abs()
        free = size.detach()
        value = torch.where(free > self.threshold, free, torch.zeros_like(free))
        value = torch.where(self._held(), free.clamp(min=self.threshold), value)
        return value + (size - free)  # straight through: adds 0 and the gradient of the size

    def penalty(self) -> Tensor:
        """The mean size of the scales; those held open count as t where they are smaller."""
        size = self.scale.abs()
        return torch.where(self._held(), size.clamp(min=self.threshold), size).mean()

    def ranking(self) -> Tensor:
        return self.scale.detach().abs().argsort(descending=True, stable=True)

    def _held(self) -> Tensor:
        return first_of(self.ranking(), self.min_width)
