"""What the plain models of images share: checked widths, activations, weights drawn for ReLUs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from graphdam.errors import SettingsError
from graphdam.nn.layers import make_activation


def checked_widths(name: str, widths: Sequence[int], count: int | None = None) -> list[int]:
    """The widths as a list of positive whole numbers, `count` of them where that is fixed.

    Raises:
        SettingsError: another number of widths, or one below 1.

    >>> checked_widths("widths", (20, 50, 500), 3)
    [20, 50, 500]
    """
    given = list(widths)
    if (count is not None and len(given) != count) or any(width < 1 for width in given):
        wanted = "any number of positive widths" if count is None else f"{count} positive widths"
        raise SettingsError(
            f"{name} must be {wanted}, one for each layer whose width is free; received {given}."
        )
    return given


def module_activation(act: str | nn.Module) -> nn.Module:
    """An activation by PyG's name, or a copy of the module given.

    Raises:
        SettingsError: an unknown name, or a function, which cannot be traced as a module is.
    """
    made = make_activation(act, None)
    if not isinstance(made, nn.Module):
        raise SettingsError(
            f"act must be the name of an activation or a module, received {act!r}; torch.nn has"
            " a module for every function."
        )
    return made


def draw_convolutions(model: nn.Module) -> None:
    """Draw the weights of every convolution from N(0, 2 / (k² · out_channels)).

    The law of `"Delving Deep into Rectifiers" <https://arxiv.org/abs/1502.01852>`_ that keeps
    the size of gradients through ReLUs.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
