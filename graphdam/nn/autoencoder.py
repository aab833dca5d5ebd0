"""An autoencoder of images or points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from graphdam.errors import SettingsError
from graphdam.nn.image_parts import checked_widths, module_activation

CODE = "to_code"
"""The layer that writes the code, and that a gate is for."""


class Autoencoder(nn.Module):
    r"""Linear layers that narrow to a code, and linear layers that rebuild the input from it.

    .. math::
        z = E(x), \qquad \hat x = \sigma_{\mathrm{out}}(D(z))

    with an encoder E and a decoder D, MLPs without an activation at their end; the code z has none
    either. With its defaults it is the autoencoder of MNIST in the code to `"Learning Compact
    Representations of Neural Networks using DiscriminAtive Masking (DAM)"
    <https://arxiv.org/abs/2110.00684>`_, 784-128-64-32-[50]-32-64-128-784 with ReLUs, whose pixels
    lie in −1 … 1 as a tanh at the end does.

    Without hidden layers in encoder and decoder both are linear maps without bias, so that a code
    that loses nothing must be as wide as the matrix of the inputs has rank.

    It holds no gate: `graphdam.attach_gates(net, x, only=["to_code"])` gives its code one.

    Args:
        in_channels: D, numbers of one input; for images C · H · W.
        code_channels: width of the code.
        encoder_channels: hidden widths of the encoder; empty for a linear one.
        decoder_channels: hidden widths of the decoder; None for the encoder's, turned around.
        act: an activation by PyG's name.
        act_out: the activation at the end, likewise; None for none.
        decoder: "layers", or "quadratic": one layer without hidden ones that adds the product of
            two linear maps to a third, :math:`(U z + u) \odot (V z) + W z + b`.

    Shapes: `x` [N, …] with D numbers a row → [N, D]; `embed` → [N, code_channels].

    Raises:
        SettingsError: a width below 1, an unknown activation, a quadratic decoder with layers.

    >>> import torch
    >>> net = Autoencoder(784)
    >>> net(torch.zeros(2, 1, 28, 28)).shape, net.embed(torch.zeros(2, 1, 28, 28)).shape
    (torch.Size([2, 784]), torch.Size([2, 50]))
    """

    def __init__(
        self,
        in_channels: int,
        code_channels: int = 50,
        encoder_channels: Sequence[int] = (128, 64, 32),
        decoder_channels: Sequence[int] | None = None,
        act: str = "relu",
        act_out: str | None = "tanh",
        decoder: Literal["layers", "quadratic"] = "layers",
    ) -> None:
        super().__init__()
        narrowing = checked_widths("encoder_channels", encoder_channels)
        if decoder == "quadratic" and decoder_channels:
            raise SettingsError(
                f"A quadratic decoder is one layer; received decoder_channels "
                f"{list(decoder_channels)}: leave them out, or take decoder='layers'."
            )
        if decoder_channels is None:
            decoder_channels = [] if decoder == "quadratic" else narrowing[::-1]
        widening = checked_widths("decoder_channels", decoder_channels)
        bias = bool(narrowing or widening or decoder == "quadratic")
        layers: list[nn.Module] = [nn.Flatten()]
        for before, width in pairwise([in_channels, *narrowing]):
            layers += [nn.Linear(before, width), module_activation(act)]
        self.encoder = nn.Sequential(*layers)
        [code_channels] = checked_widths("code_channels", [code_channels], 1)
        last = narrowing[-1] if narrowing else in_channels
        self.to_code = nn.Linear(last, code_channels, bias=bias)
        layers = []
        for before, width in pairwise([code_channels, *widening]):
            layers += [nn.Linear(before, width), module_activation(act)]
        last = widening[-1] if widening else code_channels
        end = nn.Linear(last, in_channels, bias=bias) if decoder == "layers" else None
        layers.append(Quadratic(last, in_channels) if end is None else end)
        if act_out is not None:
            layers.append(module_activation(act_out))
        self.decoder = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.to_code(self.encoder(x)))
        return out

    def embed(self, x: Tensor) -> Tensor:
        """The code of every input."""
        z: Tensor = self.to_code(self.encoder(x))
        return z


class Quadratic(nn.Module):
    r"""A quadratic map of few products: :math:`(U z + u) \odot (V z) + W z + b`.

    The layer of the authors' decoder for quadratic data has U = W and u = 0; here no layer is read
    twice.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels)
        self.left = nn.Linear(in_channels, out_channels)
        self.right = nn.Linear(in_channels, out_channels, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.left(z) * self.right(z) + self.linear(z)
        return out
