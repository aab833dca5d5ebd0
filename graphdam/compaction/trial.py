"""Whether channels can really be removed: close some, compact, and compare.

Rules say what every operation does to channels; a model's own code may still depend on their
number. So each model is tried once before anybody trains it.
"""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from graphdam.compaction.gated import GatedModel
from graphdam.compaction.tracing.layout import Layout
from graphdam.gates import Gate

EXACT = {torch.float64: 1e-9, torch.float32: 1e-4}
"""How far apart outputs may lie, in units of the largest, by the precision of the trial."""


def failing_groups(
    model: nn.Module, layout: Layout, example_inputs: tuple[Any, ...]
) -> dict[str, str]:
    """Groups whose channels cannot be removed after all, by name, and what happened.

    Args:
        model: the model in evaluation mode; not changed.
        layout: its groups.
        example_inputs: what it is called with.
    """
    try:
        dtype, rough, inputs = _prepared(model, example_inputs, torch.float64)
    except Exception:  # code that names its own type, or a device without doubles
        dtype, rough, inputs = _prepared(model, example_inputs, torch.float32)
    names = [group.name for group in layout.groups]

    def trouble_without(some: list[str]) -> str | None:
        # Anywhere, and at the end: halves that happen to lose alike would hide a mistake.
        tried = (
            _trial(rough, layout, inputs, some, EXACT[dtype], prefix) for prefix in (False, True)
        )
        return next((trouble for trouble in tried if trouble is not None), None)

    trouble = trouble_without(names)
    if trouble is None:
        return {}
    alone = {name: trouble_without([name]) for name in names}
    found = {name: what for name, what in alone.items() if what is not None}
    return found or dict.fromkeys(names, trouble)


class _TrialGate(Gate):
    """Random values; where it is told to, about half of them are 0."""

    chosen: Tensor

    def __init__(self, num_channels: int, seed: int) -> None:
        super().__init__(num_channels)
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("chosen", torch.rand(num_channels, generator=generator) + 0.5)
        self.anywhere = torch.randperm(num_channels, generator=generator)
        share = 0.3 + 0.4 * float(torch.rand((), generator=generator))
        self.count = max(1, int(share * num_channels))

    def close(self, *, prefix: bool) -> None:
        self.chosen[slice(-self.count, None) if prefix else self.anywhere[: self.count]] = 0

    def values(self) -> Tensor:
        return self.chosen

    def penalty(self) -> Tensor:
        return self.chosen.mean()

    def reset_parameters(self) -> None:
        """Nothing is learnt."""


def _trial(
    model: nn.Module,
    layout: Layout,
    inputs: tuple[Any, ...],
    names: list[str],
    exact: float,
    prefix: bool,
) -> str | None:
    """What goes wrong when the named groups close channels, or None.

    Args:
        model: one that runs on the inputs; not changed.
        layout: its groups.
        inputs: what it is called with.
        names: the groups that close some channels.
        exact: how far apart the outputs may lie.
        prefix: leave the first channels open, as DAM does, and not any.
    """
    rough = copy.deepcopy(model)
    seed = itertools.count()  # groups of one size must not lose alike
    gated = GatedModel(rough, layout, lambda group: _TrialGate(group.num_channels, next(seed)))
    gated.eval()
    for group, gate in zip(layout.groups, gated.gates.values(), strict=True):
        assert isinstance(gate, _TrialGate)
        if group.name in names:
            gate.close(prefix=prefix)
    expected = _run(gated, inputs)
    small = gated.compact()
    try:
        received = _run(small, inputs)
    except Exception as error:
        lines = str(error).strip().splitlines()
        return f"failed ({lines[0].rstrip('.') if lines else type(error).__name__})"
    apart = _distance(expected, received)
    return None if apart <= exact else f"gave outputs that lie {apart:.1g} apart"


def _distance(expected: list[Tensor], received: list[Tensor]) -> float:
    """The largest difference in units of the largest output; infinite where shapes differ."""
    if [a.shape for a in expected] != [b.shape for b in received]:
        return math.inf
    worst = 0.0
    for a, b in zip(expected, received, strict=True):
        if a.numel():
            scale = max(float(a.abs().max()), torch.finfo(torch.float64).tiny)
            apart = float((a - b).abs().max()) / scale
            worst = max(worst, math.inf if math.isnan(apart) else apart)
    return worst


@torch.no_grad()
def _run(model: nn.Module, inputs: tuple[Any, ...]) -> list[Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        out = model(*tree_map(_twin, inputs))
    return [leaf.double() for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]


def _twin(value: Any) -> Any:
    """A copy that the model may write to; a sparse tensor has no storage to be copied deeply."""
    return value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)


def _prepared(
    model: nn.Module, example_inputs: tuple[Any, ...], dtype: torch.dtype
) -> tuple[torch.dtype, nn.Module, tuple[Any, ...]]:
    """A model and inputs of one type, which run."""
    rough, inputs = _shaken(model, dtype), _cast(example_inputs, dtype)
    _run(rough, inputs)
    return dtype, rough, inputs


@torch.no_grad()
def _shaken(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy in which nothing is 0 or 1 by initialisation, which would hide a mistake."""
    rough = copy.deepcopy(model).to(dtype)
    generator = torch.Generator().manual_seed(0)

    def around(value: Tensor, low: float, high: float) -> None:
        drawn = torch.rand(value.shape, generator=generator, dtype=torch.float64)
        value.copy_(drawn * (high - low) + low)

    for parameter in rough.parameters():
        if parameter.dim() < 2 or bool((parameter == parameter.flatten()[:1]).all()):
            around(parameter, 0.3, 1.0)
    for name, buffer in rough.named_buffers():
        if name.endswith("running_mean"):
            around(buffer, -0.5, 0.5)
        elif name.endswith("running_var"):
            around(buffer, 0.5, 1.5)
    return rough


def _cast(value: Any, dtype: torch.dtype) -> Any:
    return tree_map(
        lambda leaf: (
            leaf.to(dtype) if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf
        ),
        value,
    )
