"""Gates for somebody's own model, found by tracing it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from torch import nn

from graphdam.compaction.gated import GatedModel
from graphdam.compaction.tracing.layout import Layout, TracedGroup, lay_out
from graphdam.compaction.tracing.tracer import BY_HAND
from graphdam.compaction.tracing.walk import walk
from graphdam.compaction.trial import failing_groups
from graphdam.errors import InexactError, SettingsError
from graphdam.gates import Gate, make_gate


def attach_gates(
    model: nn.Module,
    example_inputs: Any,
    *,
    gate: str | Callable[[int], Gate] = "dam",
    gate_kwargs: Mapping[str, Any] | None = None,
    min_width: int = 1,
    skip: Sequence[str] = (),
    only: Sequence[str] | None = None,
    inexact: Literal["refuse", "leave"] = "refuse",
) -> GatedModel:
    """A copy of a model in which every channel that can be removed exactly has a gate.

    The model is traced with `torch.fx` and run once on the example. Channels that are added or
    multiplied together, as those of a residual stream, share one gate; those that the model puts
    out have none. Before it is returned, the model is tried: half of the channels closed and
    compacted must give the outputs of the gated model.

    PyG's layers are known once `graphdam.nn` is imported, as `graphdam.attach_gates` does.

    The gated model is trained like the given one, its penalty added to the loss, and `compact`
    makes a smaller model of the given one's class.

    Args:
        model: GNN, MLP, CNN or another model; not changed, and sharing nothing with what is
            returned.
        example_inputs: what the model is called with: its one argument, as a tensor or PyG's
            `Data`, or a tuple of several. Two entries a batch are enough.
        gate: "dam", "l1", "l0", or a function of the number of channels.
        gate_kwargs: further arguments of the gates.
        min_width: channels of each group that stay open whatever is learnt, where `gate` is a
            name. With 0, branches may vanish beside a residual path; where every way leads through
            a group, one stays.
        skip: paths of modules that keep all channels that they read or write. They are not looked
            into, so they may do anything.
        only: paths of layers whose outputs are to be gated; by default all.
        inexact: what to do about channels that cannot be removed exactly: refuse, naming the layer
            and what stands in the way, or leave them without a gate.

    Raises:
        InexactError: the model cannot be traced; channels cannot be removed exactly and `inexact`
            is "refuse"; a layer in `only` cannot be gated, or nothing at all can.
        SettingsError: an unknown gate, a negative `min_width`, or a path that names no module.

    >>> import torch
    >>> from graphdam.gates import parameter_groups
    >>> net = nn.Sequential(
    ...     nn.Conv2d(1, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
    ...     nn.Flatten(), nn.Linear(32 * 4, 64), nn.ReLU(), nn.Linear(64, 10),
    ... )
    >>> images, labels = torch.randn(16, 1, 12, 12), torch.arange(16) % 10
    >>> gated = attach_gates(net, images[:2], gate_kwargs={"initial_offset": -2.0})
    >>> print(gated.layout)
    channels  written by  carried by  read by
    32        0           1           5
    64        5           –           7
    >>> groups = parameter_groups(gated, lr=0.01, gate_lr=0.05)
    >>> optimiser = torch.optim.Adam(groups)
    >>> for _ in range(10):
    ...     optimiser.zero_grad()
    ...     loss = nn.functional.cross_entropy(gated(images), labels) + 0.5 * gated.penalty()
    ...     loss.backward()
    ...     optimiser.step()
    >>> small = gated.compact()
    >>> [small[0].out_channels, small[5].in_features, small[5].out_features] == [
    ...     gated.widths[0], 4 * gated.widths[0], gated.widths[1]]
    True
    >>> from graphdam import deviation
    >>> deviation(gated, small, images, relative=True) < 1e-5
    True
    """
    if inexact not in ("refuse", "leave"):
        raise SettingsError(f"inexact is 'refuse' or 'leave', received {inexact!r}.")
    if min_width < 0:
        raise SettingsError(f"min_width is 0 or more, received {min_width}.")
    alone = not isinstance(example_inputs, (tuple, list))
    inputs = (example_inputs,) if alone else tuple(example_inputs)
    _check_paths(model, skip=skip, only=only or ())
    wide = copy.deepcopy(model).eval()
    records = walk(wide, inputs, skip)
    layout = lay_out(records)
    if only is not None:
        chosen = [group for group in layout.groups if set(only) & set(group.producers)]
        found = {path for group in chosen for path in group.producers}
        _refuse_unfound(layout, [path for path in only if path not in found])
        layout = lay_out(records, only=chosen)
    elif inexact == "refuse":
        _refuse_obstacles(layout)
    failed = failing_groups(wide, layout, inputs) if layout.groups else {}
    if failed and inexact == "leave":
        layout = lay_out(records, only=[g for g in layout.groups if g.name not in failed])
        failed = failing_groups(wide, layout, inputs) if layout.groups else {}
    if failed:
        told = "; ".join(f"without some of '{name}' it {what}" for name, what in failed.items())
        raise InexactError(
            f"{type(model).__name__} depends on the number of its channels, as where a size is "
            f"written as a number or entries are drawn at random in evaluation: {told}. {BY_HAND}"
        )
    if not layout.groups:
        raise InexactError(
            f"No channels of {type(model).__name__} can be gated: a gate needs a layer that writes "
            f"at least two channels and a layer that reads them. {_told(layout)}".rstrip()
        )
    make = _maker(gate, gate_kwargs or {}, min_width)
    return GatedModel(copy.deepcopy(model), layout, make)


def _maker(
    gate: str | Callable[[int], Gate], arguments: Mapping[str, Any], min_width: int
) -> Callable[[TracedGroup], Gate]:
    def make(group: TracedGroup) -> Gate:
        if isinstance(gate, str):
            at_least = max(1, min(min_width, group.num_channels))
            made = make_gate(gate, group.num_channels, {"min_width": at_least, **arguments})
        else:
            made = gate(group.num_channels, **arguments)
        if min_width == 0 and group.can_vanish and "min_width" not in arguments:
            made.allow_closing()
        return made

    return make


def _check_paths(model: nn.Module, **paths: Sequence[str]) -> None:
    known = {path for path, _ in model.named_modules(remove_duplicate=False) if path}
    for argument, given in paths.items():
        if isinstance(given, str):
            raise SettingsError(f"{argument} is a sequence of paths, received {given!r} alone.")
        for path in given:
            if path not in known:
                raise SettingsError(
                    f"{argument} names the module '{path}', which {type(model).__name__} does not "
                    f"have: use its paths in named_modules()."
                )


def _refuse_unfound(layout: Layout, paths: Sequence[str]) -> None:
    for path in paths:
        why = [reason.text for reason in layout.obstacles.get(path, [])]
        told = (
            "; ".join(why) or "it is no layer that writes two channels or more for others to read"
        )
        raise InexactError(f"What '{path}' writes cannot be gated: {told}.")


def _refuse_obstacles(layout: Layout) -> None:
    told = _told(layout)
    if told:
        raise InexactError(
            f"{told} To leave such channels ungated, pass inexact='leave'. {BY_HAND}"
        )


def _told(layout: Layout) -> str:
    """One sentence for every layer whose channels stay though nobody would expect it."""
    sentences = []
    for path, reasons in layout.obstacles.items():
        why = [reason.text for reason in reasons if not reason.expected]
        if why:
            sentences.append(
                f"The channels that '{path}' writes cannot be removed exactly: {'; '.join(why)}."
            )
    return " ".join(sentences)
