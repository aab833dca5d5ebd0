"""The parts of a stack: widths by layer, norms, jumping knowledge."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import JumpingKnowledge
from torch_geometric.nn.resolver import activation_resolver, normalization_resolver

from graphdam.errors import SettingsError, unknown_choice
from graphdam.nn.prelu import prelu


def hidden_widths(
    hidden_channels: int | Sequence[int],
    num_layers: int,
    *,
    out_channels: int | None,
    jk: str | None,
) -> list[int]:
    """One width for every layer whose width is free.

    Raises:
        SettingsError: not one positive width a layer, or unequal ones where they are tied.
    """
    if num_layers < 1:
        raise SettingsError(f"num_layers must be at least 1, received {num_layers}.")
    count = num_layers - 1 if out_channels is not None and jk is None else num_layers
    if isinstance(hidden_channels, int):
        widths = [hidden_channels] * count
        given = [hidden_channels]
    else:
        widths = given = [int(width) for width in hidden_channels]
    if len(widths) != count or any(width < 1 for width in given):
        raise SettingsError(
            f"hidden_channels must be one positive number, or a list of {count} (one for each of "
            f"the layers whose width is free); received {hidden_channels!r}."
        )
    if jk in ("max", "lstm") and len(set(widths)) > 1:
        raise SettingsError(
            f"jk='{jk}' compares the layers channel by channel, so all hidden_channels must be "
            f"equal; received {widths}. jk='cat' takes unequal ones."
        )
    return widths


def make_activation(
    act: str | Callable[[Tensor], Tensor] | None, arguments: dict[str, Any] | None
) -> Callable[[Tensor], Tensor] | None:
    """An activation by PyG's name, or a copy of the one given: two encoders share no parameters."""
    if act is None:
        return None
    try:
        return copy.deepcopy(activation_resolver(act, **(arguments or {})))  # type: ignore[no-any-return]
    except (ValueError, TypeError) as error:
        raise SettingsError(_unresolved("act", act, arguments, error)) from None


def activated(act: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
    """What an activation makes of `h`.

    A PReLU of one weight is that of torch, and faster on CPU.
    """
    is_here = h.device.type == "cpu" and not torch.compiler.is_compiling()
    if is_here and isinstance(act, nn.PReLU) and act.num_parameters == 1:
        return prelu(h, act.weight)
    return act(h)


def make_norm(
    norm: str | Callable[..., Tensor] | None, channels: int, arguments: dict[str, Any] | None
) -> nn.Module:
    """A norm over `channels`, by PyG's name or from a callable; `Identity` for None."""
    if norm is None:
        return nn.Identity()
    try:
        layer = normalization_resolver(norm, channels, **(arguments or {}))
    except (ValueError, TypeError) as error:
        raise SettingsError(_unresolved("norm", norm, arguments, error)) from None
    # A norm given as one module serves every layer: each needs parameters of its own.
    return copy.deepcopy(layer)  # type: ignore[no-any-return]


def _unresolved(part: str, name: object, arguments: dict[str, Any] | None, error: Exception) -> str:
    examples = {"act": "'relu', 'elu' or 'tanh'", "norm": "'batch_norm' or 'graph_norm'"}[part]
    if isinstance(error, TypeError):
        return f"{part} {name!r} does not take {arguments}: {error}."
    return f"Unknown {part} {name!r}: use a name of PyG's, such as {examples}, or None."


def make_jumping_knowledge(mode: str, sizes: list[int], lstm_channels: int | None) -> nn.Module:
    """PyG's jumping knowledge, with another size of its LSTM where one is given."""
    if mode not in ("cat", "max", "lstm"):
        raise SettingsError(unknown_choice("jk", mode, ("last", "cat", "max", "lstm")))
    if mode != "lstm" or lstm_channels is None:
        return JumpingKnowledge(mode, sizes[-1], len(sizes))  # type: ignore[no-any-return]
    # PyG derives the LSTM's size from the width; a compact layer keeps the size it was trained at.
    layer = JumpingKnowledge(mode, lstm_channels, len(sizes))
    layer.channels = sizes[-1]
    layer.lstm = nn.LSTM(sizes[-1], lstm_channels, bidirectional=True, batch_first=True)
    layer.att = nn.Linear(2 * lstm_channels, 1)
    return layer  # type: ignore[no-any-return]


def takes_batch(norm: nn.Module) -> bool:
    """Whether a norm wants to know which graph each node belongs to."""
    return (
        not isinstance(norm, nn.Identity) and "batch" in inspect.signature(norm.forward).parameters
    )
