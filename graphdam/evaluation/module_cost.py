r"""Multiply-adds of a plain torch model, counted while it reads one example.

A linear layer costs a product for every output and input channel. A convolution costs, for every
output value, :math:`C_\mathrm{in} / g \cdot k_h k_w` products: padding is counted as pixels are.
Biases, norms, activations and pooling are not counted, nor are products of two activations.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from graphdam.errors import GraphDamError

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_COUNTED = (nn.Linear, *_CONVOLUTIONS, *_TRANSPOSED)
_WITHOUT_PRODUCTS = (nn.Embedding, nn.LayerNorm)
"""Layers whose weight has rows and columns, yet is looked up or scales channels."""


def module_multiply_adds(model: nn.Module, *inputs: Any) -> int:
    r"""Multiply-adds of one call of a model of linear layers and convolutions.

    .. math::
        \text{linear: } R \, C_\mathrm{in} C_\mathrm{out} \qquad
        \text{convolution: } N H_\mathrm{out} W_\mathrm{out} \, C_\mathrm{out}
        \, \frac{C_\mathrm{in}}{g} k_h k_w

    with R rows, g groups and a kernel of :math:`k_h \times k_w`; a transposed convolution is
    the same with the input's height and width, and likewise in one or three dimensions. A layer
    that is called twice counts twice. The model is called in `eval` mode and left as it was.

    Args:
        model: any model; layers without a weight matrix cost nothing.
        inputs: what it is called with; one image for the cost of one image.

    Raises:
        GraphDamError: a layer of another kind has a weight matrix, so products would be missed.

    >>> module_multiply_adds(nn.Conv2d(3, 8, kernel_size=5, padding=2), torch.zeros(1, 3, 10, 10))
    60000
    """
    return sum(layer_multiply_adds(model, *inputs).values())


@torch.no_grad()
def matrix_multiply_adds(model: nn.Module, *inputs: Any, **named: Any) -> int:
    """Multiply-adds of the matrix products and convolutions in one call of any model.

    Torch counts its own operations, whatever layers they are in. A graph's messages, sums over
    neighbours and products with a sparse adjacency, are not among them.

    Args:
        model: any model; called in `eval` mode and left as it was.
        inputs, named: what it is called with.

    >>> matrix_multiply_adds(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.zeros(2, 4))
    24
    """
    training = [module for module in model.modules() if module.training]
    try:
        with FlopCounterMode(display=False) as counter:
            model.eval()(*inputs, **named)
    finally:
        for module in training:
            module.training = True
    return int(counter.get_total_flops()) // 2


def layer_multiply_adds(model: nn.Module, *inputs: Any) -> dict[str, int]:
    """The same layer by layer, by module path; those that cost nothing are not in it.

    >>> layer_multiply_adds(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), torch.zeros(2, 4))
    {'0': 24}
    """
    _refuse_uncounted(model)
    counted: dict[str, int] = {}

    def count(path: str, module: nn.Module, received: tuple[Any, ...], output: Tensor) -> None:
        counted[path] = counted.get(path, 0) + _multiply_adds(module, received[0], output)

    hooks = [
        module.register_forward_hook(partial(count, path))
        for path, module in model.named_modules()
        if isinstance(module, _COUNTED)
    ]
    training = [module for module in model.modules() if module.training]
    try:
        with torch.no_grad():
            model.eval()(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module in training:
            module.training = True
    return counted


def _multiply_adds(module: nn.Module, received: Tensor, output: Tensor) -> int:
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    if isinstance(module, _CONVOLUTIONS):
        taps = module.in_channels // module.groups * math.prod(module.kernel_size)
        return output.numel() * taps
    assert isinstance(module, _TRANSPOSED)
    taps = module.out_channels // module.groups * math.prod(module.kernel_size)
    return received.numel() * taps


def _refuse_uncounted(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, _COUNTED + _WITHOUT_PRODUCTS):
            continue
        if any(parameter.ndim > 1 for parameter in module.parameters(recurse=False)):
            raise GraphDamError(
                f"The multiply-adds of {type(module).__name__} (at '{name or 'the top'}') cannot be"
                " counted: linear layers and convolutions can. An encoder of graphs counts its own"
                " by multiply_adds."
            )
