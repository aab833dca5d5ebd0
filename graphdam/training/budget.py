"""The most that a compact model may cost, and which layer gives way for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch

from graphdam.compaction import ChannelGroup
from graphdam.errors import SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.gates import DAMGate, GeometricSchedule
from graphdam.nn import Encoder
from graphdam.nn.surgery import compact
from graphdam.objectives import PreparedGraph
from graphdam.training.brake import smoothed


class Budget:
    r"""Closes channels until the compact model costs no more than it may.

    What it may cost falls geometrically from the start width's cost to the limit over the epochs
    in which the width moves. Whenever the model costs more, one channel closes, in the layer that
    loses the least by it for what it saves: the least

    .. math::
        \frac{-\partial L / \partial \beta_l}{\mathrm{cost} - \mathrm{cost}_l}

    where :math:`L` is the loss without the penalty, :math:`\beta_l` the offset of layer l's gate
    (the numerator is a moving average: the first-order price of closing, as in `"Pruning
    Convolutional Neural Networks for Resource Efficient Inference"
    <https://arxiv.org/abs/1611.06440>`_), and :math:`\mathrm{cost}_l` the cost with one channel
    less there. Costs are counted on the compacted model itself.

    Args:
        limits: the most of each kind of cost, `parameters` or `multiply_adds`.
        encoder: gated.
        prepared: the graph whose multiply-adds are counted.
        begin: last epoch at the start width's cost.
        end: first epoch within the limits.

    Raises:
        SettingsError: the smallest model that the gates allow costs more.
    """

    def __init__(
        self,
        limits: Mapping[str, int],
        encoder: Encoder,
        prepared: PreparedGraph,
        begin: int,
        end: int,
    ) -> None:
        groups = encoder.channel_groups()
        self.limits = dict(limits)
        self.groups = [group for group in groups if group.gate is not None]
        self.gates: list[DAMGate] = [
            encoder.get_submodule(group.gate)  # type: ignore[misc, arg-type]
            for group in self.groups
        ]
        self.worths = [0.0] * len(self.gates)
        self.has_closed = False

        @cache
        def cost(*widths: int) -> dict[str, int]:
            keep = _keep(groups, self.groups, widths)
            with torch.random.fork_rng([]):  # a new encoder draws weights, which no run must feel
                small = compact(encoder, keep)
            return {
                "parameters": num_parameters(small),
                "multiply_adds": small.multiply_adds(prepared.x, prepared.adjacency),
            }

        self.cost = cost
        self._refuse_impossible()
        start = cost(*(gate.num_channels for gate in self.gates))
        self.allowed = {
            kind: GeometricSchedule(max(start[kind], limit), limit, begin, end)
            for kind, limit in self.limits.items()
        }

    def _refuse_impossible(self) -> None:
        least = [gate.min_width for gate in self.gates]
        cost = self.cost(*least)
        for kind, limit in self.limits.items():
            if cost[kind] > limit:
                widths = [
                    width * group.repeats for width, group in zip(least, self.groups, strict=True)
                ]
                raise SettingsError(
                    f"max_{kind}={limit} cannot be met: the smallest model that min_width allows, "
                    f"of hidden width {', '.join(map(str, widths))}, has {cost[kind]:,} "
                    f"{kind.replace('_', '-')}; allow at least that many, or lower min_width."
                )

    def weigh(self, penalty_weight: float) -> None:
        """Take in what this step's gradient says that each layer's channels are worth.

        Args:
            penalty_weight: λ, whose own pull on the offsets is not the task's.
        """
        pull = penalty_weight / len(self.gates)
        for index, gate in enumerate(self.gates):
            if gate.offset.grad is not None:
                worth = pull - float(gate.offset.grad)
                self.worths[index] = smoothed(self.worths[index], worth)

    def enforce(self, epoch: int) -> None:
        """Close channels until the model costs what it may in this epoch."""
        widths = [gate.width for gate in self.gates]
        while (kind := self._exceeded(widths, epoch)) is not None:
            index = self._cheapest(widths, kind)
            widths[index] -= 1
            self.has_closed = True
            self.gates[index].set_offset(self.gates[index].offset_of(widths[index]))

    def values(self) -> dict[str, Any]:
        """What a checkpoint must hold of it."""
        return {"worths": self.worths, "has_closed": self.has_closed}

    def restore(self, values: dict[str, Any]) -> None:
        self.worths, self.has_closed = values["worths"], values["has_closed"]

    def _exceeded(self, widths: Sequence[int], epoch: int) -> str | None:
        """The kind of cost that is furthest above what it may be, if any is."""
        cost = self.cost(*widths)
        over = {kind: cost[kind] / schedule.at(epoch) for kind, schedule in self.allowed.items()}
        worst = max(over, key=over.__getitem__)
        return worst if over[worst] > 1 else None

    def _cheapest(self, widths: Sequence[int], kind: str) -> int:
        """The gate that loses least by closing a channel for what that saves."""
        now = self.cost(*widths)[kind]

        def price(index: int) -> tuple[float, int]:
            fewer = [width - (each == index) for each, width in enumerate(widths)]
            saved = now - self.cost(*fewer)[kind]
            return self.worths[index] / saved, -saved

        open_ones = [
            index for index, gate in enumerate(self.gates) if widths[index] > gate.min_width
        ]
        return min(open_ones, key=price)


def _keep(
    groups: Sequence[ChannelGroup], gated: Sequence[ChannelGroup], widths: Sequence[int]
) -> dict[str, torch.Tensor]:
    """The prefix of every gated group, and the whole of the others."""
    keep = {group.name: torch.arange(group.num_channels) for group in groups}
    for group, width in zip(gated, widths, strict=True):
        keep[group.name] = torch.arange(width)
    return keep
