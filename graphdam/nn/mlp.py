"""A multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from graphdam.nn.image_parts import checked_widths, module_activation


class MLP(nn.Module):
    r"""Linear layers with an activation and dropout between them.

    .. math::
        H^{(l+1)} = \mathrm{dropout}(\sigma(H^{(l)} W^{(l)} + b^{(l)}))

    and the last layer alone, without activation. 784-300-100-10 on MNIST is LeNet-300-100 of
    `"Gradient-based learning applied to document recognition"
    <https://doi.org/10.1109/5.726791>`_ with ReLUs, which pruning papers start from:

    =========  ==========  ==========
    layer      outputs     parameters
    =========  ==========  ==========
    linear     300         235,500
    linear     100         30,100
    linear     10          1,010
    =========  ==========  ==========

    266,610 in all. It holds no gates: `graphdam.attach_gates` gives it some.

    Args:
        in_channels: numbers of one input; for images C · H · W.
        hidden_channels: the width of every hidden layer; empty for a linear model.
        out_channels: outputs, one a class.
        act: an activation by PyG's name, a module (copied for every layer), or None.
        dropout: probability that a hidden channel is set to zero in training.

    Shapes: `x` [N, …] with `in_channels` numbers a row → [N, out_channels].

    Raises:
        SettingsError: a width below 1, an unknown activation.

    >>> import torch
    >>> MLP(784, [300, 100], 10)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        out_channels: int,
        act: str | nn.Module | None = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [in_channels, *checked_widths("hidden_channels", hidden_channels)]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, width in pairwise(widths):
            layers.append(nn.Linear(before, width))
            if act is not None:
                layers.append(module_activation(act))
            if dropout > 0:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], out_channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out
