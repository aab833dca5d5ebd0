"""Encoders made smaller: compact, truncated, or turned into PyG's stock models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import models as stock

import graphdam.nn.tracing_rules  # noqa: F401  (registers the rules of graph layers)
from graphdam.compaction import (
    ChannelGroup,
    CompactionPlan,
    apply_plan,
    num_outputs,
    plan_compaction,
)
from graphdam.errors import SettingsError
from graphdam.gates import Gate
from graphdam.nn.stack import ConvStack

StackType = TypeVar("StackType", bound=ConvStack)


def plan(encoder: ConvStack, keep: Mapping[str, Tensor] | None = None) -> CompactionPlan:
    """What `compact` will do; `keep` as there."""
    return plan_compaction(encoder, encoder.channel_groups(), keep=keep)


def compact(encoder: StackType, keep: Mapping[str, Tensor] | None = None) -> StackType:
    """A plain encoder of the kept widths with the sliced layers' parameters."""
    sliced = apply_plan(encoder, plan(encoder, keep))
    sizes = [num_outputs(conv) for conv in sliced.convs]  # type: ignore[union-attr]
    config: dict[str, Any] = {
        **encoder.config,
        "hidden_channels": sizes[: len(encoder.hidden_channels)],
        "gate": None,
        "gate_output": False,
        "gate_kwargs": None,
    }
    if encoder.jk_mode is not None:
        config["out_channels"] = sliced.lin.out_features  # type: ignore[union-attr]
    elif config["out_channels"] is not None:
        config["out_channels"] = sizes[-1]
    if encoder.jk_mode == "lstm":
        config["lstm_channels"] = sliced.jk.lstm.hidden_size  # type: ignore[union-attr]
    small = type(encoder)(**config)
    # A norm given as an object knows only the width that it was made for.
    small.norms = sliced.norms  # type: ignore[assignment]
    first = next(encoder.parameters())
    small.to(device=first.device, dtype=first.dtype)
    small.load_state_dict(sliced.state_dict())
    return small.train(encoder.training)


def truncate(encoder: StackType, width: int | Sequence[int]) -> StackType:
    """A plain encoder that keeps the most important channels of every layer.

    Raises:
        SettingsError: a width below 1 or above the present one, or another number of them.
    """
    present = encoder.widths
    wanted = [width] * len(present) if isinstance(width, int) else list(width)
    if len(wanted) != len(present) or any(
        not 1 <= new <= old for new, old in zip(wanted, present, strict=False)
    ):
        raise SettingsError(
            f"truncate takes one width between 1 and the present one for each layer; the layers "
            f"have {present}, received {width!r}."
        )
    keep = {}
    groups = encoder.channel_groups()
    for group, new in zip(groups, _widths_by_group(encoder, wanted), strict=True):
        if new % group.repeats:
            raise SettingsError(
                f"A layer with {group.repeats} heads side by side can only be cut to a multiple "
                f"of {group.repeats} channels; received {new}."
            )
        keep[group.name] = _ranking(encoder, group)[: new // group.repeats]
    return compact(encoder, keep)


def _ranking(encoder: ConvStack, group: ChannelGroup) -> Tensor:
    """A group's channels, the most important first; without a gate in the order they stand."""
    if group.gate is None:
        return torch.arange(group.num_channels)
    gate: Gate = encoder.get_submodule(group.gate)  # type: ignore[assignment]
    return gate.ranking()


def _widths_by_group(encoder: ConvStack, wanted: Sequence[int]) -> list[int]:
    """One width a channel group; layers that share one must be cut alike."""
    groups = encoder.channel_groups()
    if len(groups) == len(wanted):
        return list(wanted)
    tied = wanted[: len(encoder.hidden_channels)]
    if len(set(tied)) > 1:
        raise SettingsError(
            f"jk='{encoder.jk_mode}' ties the hidden layers, so they must be cut to one width; "
            f"received {list(tied)}."
        )
    return [tied[0], *wanted[len(tied) :]]


def to_pyg(encoder: ConvStack) -> nn.Module:
    """A stock `torch_geometric.nn` model with the outputs of the encoder: see `stock_model`."""
    return stock_model(encoder)[0]


def stock_model(encoder: ConvStack) -> tuple[nn.Module, dict[str, Any]]:
    """A stock `torch_geometric.nn` model with the outputs of the encoder, and its arguments.

    Raises:
        SettingsError: the output embedding has heads side by side and another width than the
            hidden layers, which the stock model cannot be told.
    """
    small = compact(encoder)
    if small.act_output:
        small = _with_identity_readout(small)
    widest = max(small.hidden_channels, default=small.out_channels)
    if small.jk_mode == "lstm":
        widest = max(widest, 2)  # PyG sizes the LSTM by it, and refuses the size 0
    config = {**small.config, "hidden_channels": widest}
    if config["out_channels"] is None and small.hidden_channels[-1] != widest:
        if small.output_repeats(small.num_layers - 1) > 1:
            raise SettingsError(
                f"PyG's GAT averages the heads of an output whose width {small.out_channels} "
                f"differs from the hidden width {widest}: use gate_output=False, or heads=1."
            )
        config["out_channels"] = small.out_channels
    padded = _pad(small, type(encoder)(**config))
    for name in (
        "gate",
        "gate_output",
        "act_output",
        "gate_kwargs",
        "output_is_embedding",
        "lstm_channels",
    ):
        del config[name]
    model: nn.Module = getattr(stock, type(encoder).__name__)(**config)
    if small.jk_mode == "lstm":
        model.jk = padded.jk
    first = next(small.parameters())
    model.to(device=first.device, dtype=first.dtype)
    model.load_state_dict(padded.state_dict())
    return model.train(encoder.training), config


@torch.no_grad()
def _with_identity_readout(encoder: StackType) -> StackType:
    """The same function with a last linear layer that changes nothing.

    PyG's stock models apply norm and activation after the last convolution if such a layer reads
    it (`jk="last"`), and not otherwise.
    """
    width = encoder.out_channels
    config = {**encoder.config, "act_output": False, "jk": "last", "out_channels": width}
    read = type(encoder)(**config)
    first = next(encoder.parameters())
    read.to(device=first.device, dtype=first.dtype)
    eye = torch.eye(width, dtype=first.dtype, device=first.device)
    bias = torch.zeros_like(eye[0])
    read.load_state_dict({**encoder.state_dict(), "lin.weight": eye, "lin.bias": bias})
    return read.train(encoder.training)


@torch.no_grad()
def _pad(small: ConvStack, wide: ConvStack) -> ConvStack:
    """`wide` with the parameters of `small` where slicing would take them from, 0 elsewhere.

    A padded channel may hold anything: the weights that read it are zero. Where each parameter
    belongs is found by slicing a model whose parameters are their own positions.
    """
    wide.double()
    for value in wide.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.arange(value.numel(), dtype=value.dtype).view_as(value))
    keep = {
        of_wide.name: torch.arange(of_small.num_channels)
        for of_wide, of_small in zip(wide.channel_groups(), small.channel_groups(), strict=False)
    }
    positions = apply_plan(wide, plan(wide, keep)).state_dict()
    target = wide.to(next(small.parameters()).device).state_dict()
    for name, value in small.state_dict().items():
        if value.is_floating_point():
            target[name].zero_()
            target[name].view(-1)[positions[name].long().view(-1)] = value.double().view(-1)
        else:
            target[name].copy_(value)
    return wide.to(next(small.parameters()).dtype)
