"""Somebody's own model with a gate before every layer that mixes channels."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphdam.compaction.apply import apply_plan
from graphdam.compaction.plan import CompactionPlan, Cut, LayerPlan, TensorPlan
from graphdam.compaction.tracing.layout import STAYS, Layout, TracedGroup
from graphdam.compaction.tracing.ties import Row
from graphdam.errors import InexactError
from graphdam.gates import Gate, width_penalty, widths_of


class GatedModel(nn.Module):
    r"""A model whose channels are gated where they are read: what `attach_gates` returns.

    A layer that mixes channels reads :math:`g \cdot x` instead of :math:`x`, where g are the values
    of its channels' gates. All readers of one group of channels share its gate. What lies between
    a writer and its readers, norms, activations, additions, may turn zeros into anything: a closed
    channel is multiplied by zero after all of it, so nothing of it can leak. An attention layer is
    a reader of its own channels: its linear maps are gated within it too, so that a closed channel
    has no vote.

    Attributes:
        model: the user's model, which reads through the gates; its class and paths are its own.
        gates: one gate for each group; a group's name with "/" for ".".
        layout: which layers write, carry and read each group's channels; prints as a table.
    """

    def __init__(
        self, model: nn.Module, layout: Layout, make_gate: Callable[[TracedGroup], Gate]
    ) -> None:
        super().__init__()
        self.model = model
        self.layout = layout
        self.gates = nn.ModuleDict()
        for group in layout.groups:
            # Straight into the dictionary: a layer may be called `values`, as a method of it is.
            self.gates._modules[group.name.replace(".", "/")] = make_gate(group)
        self.gates.to(next((parameter.device for parameter in model.parameters()), None))
        self.train(model.training)
        for path, (axis, row) in layout.reads.items():
            layer = model.get_submodule(path)
            layer.register_forward_pre_hook(
                _MultiplyInput(self._gates(), row, axis), with_kwargs=True
            )
        for path, row in layout.inside.items():
            layer = model.get_submodule(path)
            layer.register_forward_hook(_MultiplyOutput(self._gates(), row, -1))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        for gate in self._gates():
            gate.draw_sample()  # several readers of one gate must see one sample
        return self.model(*args, **kwargs)

    @property
    def groups(self) -> tuple[TracedGroup, ...]:
        """The groups of channels, one for each gate, in the order of the gates."""
        return self.layout.groups

    @property
    def widths(self) -> list[int]:
        """The number of open channels of every gate."""
        return widths_of(self)

    def penalty(self) -> Tensor:
        """The mean of the gates' penalties, a scalar."""
        return width_penalty(self)

    def plan(self, *, keep: Mapping[str, Tensor] | None = None) -> CompactionPlan:
        """What `compact` will do, layer by layer; it can be printed.

        Args:
            keep: the channels to keep by group name, where they are not the gate's open ones.

        Raises:
            InexactError: an unknown group in `keep`, or one that would lose every channel.
        """
        chosen = dict(keep or {})
        supports, values, widths = [], [], {}
        for group, gate in zip(self.groups, self._gates(), strict=True):
            kept = _checked(chosen.pop(group.name, gate.keep()), group)
            support = torch.zeros(group.num_channels, dtype=torch.bool)
            support[kept] = True
            values.append(gate.final_values().detach().double().cpu() * support)
            # Torch runs no convolution without channels: of a branch that vanished one stays, at 0.
            support[0] |= kept.numel() == 0
            supports.append(support)
            widths[group.name] = kept.numel()
        if chosen:
            raise InexactError(
                f"No channel group is called {', '.join(map(repr, chosen))}; the groups are "
                f"{', '.join(repr(group.name) for group in self.groups)}."
            )
        always = torch.ones(1)
        support, factors = torch.cat([*supports, always.bool()]), torch.cat([*values, always])
        reads, writes = self.layout.reads, self.layout.writes
        layers = [
            _factored(path, self.model.get_submodule(path), factors[torch.from_numpy(row)])
            for path, row in self.layout.inside.items()
        ]
        layers += [
            LayerPlan(
                path,
                type(module).__name__,
                _cut(reads[path][1], support, factors) if path in reads else None,
                _cut(writes[path], support) if path in writes else None,
            )
            for path, module in self.model.named_modules()
            if path in reads or path in writes
        ]
        tensors = [
            TensorPlan(path, tuple(_cut(row, support) for row in rows))
            for path, rows in self.layout.tensors.items()
        ]
        return CompactionPlan(tuple(layers), widths, (), tuple(tensors))

    def compact(self, *, keep: Mapping[str, Tensor] | None = None) -> nn.Module:
        """A plain model of the user's own class without closed channels, with the same outputs.

        A new model; this one is not changed. Nothing of graphdam is left in it. Of a branch whose
        every channel closed one channel stays, read with weights of zero.
        """
        plain = copy.deepcopy(self.model)
        for module in plain.modules():
            for hooks in (module._forward_pre_hooks, module._forward_hooks):
                for key in [key for key, hook in hooks.items() if isinstance(hook, _Multiply)]:
                    del hooks[key]
                    module._forward_pre_hooks_with_kwargs.pop(key, None)
        return apply_plan(plain, self.plan(keep=keep))

    def _gates(self) -> list[Gate]:
        return list(self.gates.values())  # type: ignore[arg-type]


class _Multiply:
    """Multiplies a tensor by the values of its channels' gates."""

    def __init__(self, gates: Sequence[Gate], row: Row, axis: int) -> None:
        starts = np.cumsum([0, *(gate.num_channels for gate in gates)])
        index = np.full_like(row, STAYS)
        self.gates: list[Gate] = []
        count = 0
        for gate, start in zip(gates, starts[:-1], strict=True):
            mine = (row >= start) & (row < start + gate.num_channels)
            if mine.any():
                index[mine] = row[mine] - start + count
                self.gates.append(gate)
                count += gate.num_channels
        self.index = torch.from_numpy(index)
        self.whole = len(self.gates) == 1 and np.array_equal(index, np.arange(count))
        self.axis = axis

    def times(self, x: Any) -> Any:
        """The product, or those of a pair: the two ends of a bipartite graph's messages."""
        if isinstance(x, (tuple, list)):
            return tuple(self.times(part) for part in x)
        if x is None:
            return None
        values = [gate.values() for gate in self.gates]
        factors = values[0]
        if not self.whole:
            self.index = self.index.to(factors.device)
            # STAYS counts from the end, where a 1 stands
            factors = torch.cat([*values, factors.new_ones(1)])[self.index]
        return x * factors.to(x.dtype).view(-1, *[1] * (-self.axis - 1))


class _MultiplyInput(_Multiply):
    """Before a layer: what it is given first."""

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            return (self.times(args[0]), *args[1:]), kwargs
        name = next(iter(inspect.signature(module.forward).parameters))
        return args, {**kwargs, name: self.times(kwargs[name])}


class _MultiplyOutput(_Multiply):
    """After a map within a layer: what it returns."""

    def __call__(self, module: nn.Module, args: tuple[Any, ...], out: Tensor) -> Any:
        return self.times(out)


def _factored(path: str, layer: nn.Module, factors: Tensor) -> LayerPlan:
    """The layer's outputs times factors, all of them kept."""
    count = factors.numel()
    return LayerPlan(
        path, type(layer).__name__, None, Cut(count, torch.arange(count), factors.double())
    )


def _cut(row: Row, support: Tensor, factors: Tensor | None = None) -> Cut:
    index = torch.from_numpy(row)
    keep = support[index].nonzero().squeeze(-1)
    return Cut(row.size, keep, None if factors is None else factors[index[keep]])


def _checked(kept: Tensor, group: TracedGroup) -> Tensor:
    kept = torch.unique(kept.cpu())
    if kept.numel() == 0 and group.can_vanish:
        return kept
    if kept.numel() == 0 or kept[0] < 0 or kept[-1] >= group.num_channels:
        raise InexactError(
            f"Group '{group.name}' would keep {kept.numel()} of its {group.num_channels} "
            f"channels: at least one must stay, and indices lie in 0 … {group.num_channels - 1}."
        )
    return kept
