"""What compaction will do, layer by layer, as a value that can be printed before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graphdam.compaction.group import ChannelGroup
from graphdam.compaction.slicing import num_inputs, num_outputs
from graphdam.errors import InexactError
from graphdam.gates import Gate


@dataclass(frozen=True)
class Cut:
    """The channels that survive on one side of a layer, of `total`, and their factors."""

    total: int
    keep: Tensor
    scale: Tensor | None

    def __str__(self) -> str:
        kept = self.keep.numel()
        return str(self.total) if kept == self.total else f"{self.total} → {kept}"


@dataclass(frozen=True)
class LayerPlan:
    """What happens to one layer: None on a side that stays as it is."""

    layer: str
    kind: str
    inputs: Cut | None
    outputs: Cut | None


@dataclass(frozen=True)
class TensorPlan:
    """What a parameter or buffer loses that the model's own code uses: a cut for each axis."""

    tensor: str
    axes: tuple[Cut, ...]


@dataclass(frozen=True)
class CompactionPlan:
    """All cuts of a compaction, in the order of the model's layers.

    Attributes:
        layers: the layers that change.
        widths: kept channels of every group by its name.
        gates: paths of the gates that fall away.
        tensors: parameters and buffers outside layers that change.
    """

    layers: tuple[LayerPlan, ...]
    widths: Mapping[str, int]
    gates: tuple[str, ...]
    tensors: tuple[TensorPlan, ...] = ()

    def __str__(self) -> str:
        rows = [("layer", "type", "inputs", "outputs")]
        rows += [
            (plan.layer, plan.kind, str(plan.inputs or "–"), str(plan.outputs or "–"))
            for plan in self.layers
        ]
        rows += [(plan.tensor, "–", "–", " × ".join(map(str, plan.axes))) for plan in self.tensors]
        size = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, size, strict=True)).rstrip()
            for row in rows
        )


def plan_compaction(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    *,
    keep: Mapping[str, Tensor] | None = None,
) -> CompactionPlan:
    """Decide which inputs and outputs every layer loses and what it absorbs.

    Args:
        model: the model; only read.
        groups: its channel groups.
        keep: the channels to keep by group name, where they are not the gate's open ones. A
            kept channel still takes its gate's value with it.

    Raises:
        InexactError: a group would lose all its channels, a path of it names no layer or no
            gate, a layer has no rule or other channels than the group says, or a gate's values
            would have to go into one of several followers.
    """
    chosen = dict(keep or {})
    outputs: dict[str, _Side] = {}
    inputs: dict[str, _Side] = {}
    widths: dict[str, int] = {}
    gates: list[str] = []
    for group in groups:
        kept, values = _channels(model, group, chosen.pop(group.name, None))
        widths[group.name] = kept.numel()
        if group.gate is not None:
            gates.append(group.gate)
        columns = _repeat_columns(kept, group)
        factors = None if values is None else values[kept].repeat(group.repeats)
        # Where nothing reads the channels, the last to write them takes the factors.
        own = None if group.consumers else factors
        if own is not None and len(group.followers) > 1:
            raise InexactError(
                f"Group '{group.name}' has no consumers and {len(group.followers)} followers "
                f"({', '.join(group.followers)}), and which of them takes the gate's values cannot "
                f"be told: gate the output where one norm alone writes it, or name what reads it."
            )
        for path in group.producers:
            side = outputs.setdefault(path, _Side(_outputs_of(model, path, group)))
            side.replace(0, group, columns, None if group.followers else own)
        for path in group.followers:
            outputs[path] = _Side(group.num_channels * group.repeats)
            outputs[path].replace(0, group, columns, own)
        for consumer in group.consumers:
            layer = _layer(model, consumer.layer, group)
            side = inputs.setdefault(consumer.layer, _Side(num_inputs(layer)))
            side.replace(consumer.start, group, columns, factors, consumer.spread)
    if chosen:
        raise InexactError(
            f"No channel group is called {', '.join(map(repr, chosen))}; the groups are "
            f"{', '.join(repr(group.name) for group in groups)}."
        )
    touched = [path for path, _ in model.named_modules() if path in inputs or path in outputs]
    return CompactionPlan(
        tuple(
            LayerPlan(
                path,
                type(model.get_submodule(path)).__name__,
                inputs[path].cut() if path in inputs else None,
                outputs[path].cut() if path in outputs else None,
            )
            for path in touched
        ),
        widths,
        tuple(dict.fromkeys(gates)),
    )


class _Side:
    """One side of a layer while several groups have their say about it."""

    def __init__(self, total: int) -> None:
        self.support = torch.ones(total, dtype=torch.bool)
        self.scale = torch.ones(total, dtype=torch.float64)
        self.scaled = False

    def replace(
        self,
        start: int,
        group: ChannelGroup,
        columns: Tensor,
        factors: Tensor | None,
        spread: int = 1,
    ) -> None:
        stop = start + group.num_channels * group.repeats * spread
        if stop > self.support.numel():
            wide = f" × {spread}" if spread > 1 else ""
            raise InexactError(
                f"Group '{group.name}' has {group.num_channels} × {group.repeats}{wide} channels "
                f"from {start} on, but a layer of it has only {self.support.numel()}."
            )
        columns = (columns.unsqueeze(1) * spread + torch.arange(spread)).flatten()
        factors = None if factors is None else factors.repeat_interleave(spread)
        self.support[start:stop] = False
        self.support[start + columns] = True
        if factors is not None:
            self.scale[start + columns] = factors
            self.scaled = True

    def cut(self) -> Cut:
        keep = self.support.nonzero().squeeze(-1)
        return Cut(self.support.numel(), keep, self.scale[keep] if self.scaled else None)


def _channels(
    model: nn.Module, group: ChannelGroup, chosen: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """The kept channels of a group, ascending, and its gate's values."""
    gate: Gate | None = None
    if group.gate is not None:
        module = _layer(model, group.gate, group)
        if not isinstance(module, Gate):
            raise InexactError(
                f"Group '{group.name}' names '{group.gate}' as its gate, which is a "
                f"{type(module).__name__}."
            )
        gate = module
    if chosen is None:
        kept = torch.arange(group.num_channels) if gate is None else gate.keep().cpu()
    else:
        kept = torch.unique(chosen.cpu())
    if kept.numel() == 0 or kept[0] < 0 or kept[-1] >= group.num_channels:
        raise InexactError(
            f"Group '{group.name}' would keep {kept.numel()} of its {group.num_channels} "
            f"channels: at least one must stay, and indices lie in 0 … {group.num_channels - 1}."
        )
    if gate is None:
        return kept, None
    with torch.no_grad():
        return kept, gate.final_values().double().cpu()


def _repeat_columns(kept: Tensor, group: ChannelGroup) -> Tensor:
    starts = torch.arange(group.repeats) * group.num_channels
    return (starts.unsqueeze(1) + kept).flatten()


def _layer(model: nn.Module, path: str, group: ChannelGroup) -> nn.Module:
    try:
        return model.get_submodule(path)
    except AttributeError:
        raise InexactError(
            f"Group '{group.name}' names the layer '{path}', which {type(model).__name__} does "
            f"not have."
        ) from None


def _outputs_of(model: nn.Module, path: str, group: ChannelGroup) -> int:
    total = num_outputs(_layer(model, path, group))
    if total != group.num_channels * group.repeats:
        raise InexactError(
            f"Group '{group.name}' has {group.num_channels} × {group.repeats} channels, but its "
            f"producer '{path}' writes {total}."
        )
    return total
