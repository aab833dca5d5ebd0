"""The most that a compact model may cost, and which layer gives way for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import torch

from graphdam.errors import SettingsError
from graphdam.gates import DAMGate, GeometricSchedule
from graphdam.training.brake import smoothed

Cost: TypeAlias = Callable[..., Mapping[str, int]]
"""From the open channels of every gate to what the compact model costs, by kind of cost."""


class Budget:
    r"""Closes channels until the compact model costs no more than it may.

    What it may cost falls geometrically from the start width's cost to the limit over the epochs
    in which the width moves. Whenever the model costs more, one channel closes, in the layer that
    loses the least by it for what it saves: the least

    .. math::
        \frac{\overline{| g_j \, \partial L / \partial g_j |}}{\mathrm{cost} - \mathrm{cost}_l}

    where :math:`g_j` is the value of layer l's gate for its last open channel j, :math:`L` the loss
    of a step (the numerator is a moving average over steps: the first-order price of closing, as in
    `"Pruning Convolutional Neural Networks for Resource Efficient Inference"
    <https://arxiv.org/abs/1611.06440>`_), and :math:`\mathrm{cost}_l` the cost with one channel
    less there. Costs are counted on the compacted model itself.

    Args:
        limits: the most of each kind of cost, `parameters` or `multiply_adds`.
        gates: of the model.
        cost: what it costs at other widths.
        begin: last epoch at the start width's cost.
        end: first epoch within the limits.
        repeats: how often each gate's channels stand side by side, for messages; once by default.

    Raises:
        SettingsError: the smallest model that the gates allow costs more.
    """

    def __init__(
        self,
        limits: Mapping[str, int],
        gates: Sequence[DAMGate],
        cost: Cost,
        begin: int,
        end: int,
        *,
        repeats: Sequence[int] | None = None,
    ) -> None:
        self.limits = dict(limits)
        self.gates = list(gates)
        self.repeats = list(repeats or [1] * len(gates))
        self.worths = [torch.zeros(gate.num_channels) for gate in self.gates]
        for gate in self.gates:
            gate.is_watched = True
        self.has_closed = False
        self.cost = cache(cost)
        self._refuse_impossible()
        start = self.cost(*(gate.num_channels for gate in self.gates))
        self.allowed = {
            kind: GeometricSchedule(max(start[kind], limit), limit, begin, end)
            for kind, limit in self.limits.items()
        }

    def _refuse_impossible(self) -> None:
        least = [gate.min_width for gate in self.gates]
        cost = self.cost(*least)
        for kind, limit in self.limits.items():
            if cost[kind] > limit:
                widths = [width * times for width, times in zip(least, self.repeats, strict=True)]
                raise SettingsError(
                    f"max_{kind}={limit} cannot be met: the smallest model that min_width allows, "
                    f"of hidden width {', '.join(map(str, widths))}, has {cost[kind]:,} "
                    f"{kind.replace('_', '-')}; allow at least that many, or lower min_width."
                )

    def weigh(self) -> None:
        """Take in what this step's loss says that each layer's channels are worth."""
        for index, gate in enumerate(self.gates):
            felt = gate.take_felt()
            if felt is not None:
                self.worths[index] = smoothed(self.worths[index], felt.abs().cpu())

    def enforce(self, epoch: float) -> None:
        """Close channels until the model costs what it may in this epoch."""
        widths = [gate.width for gate in self.gates]
        while (kind := self._exceeded(widths, epoch)) is not None:
            index = self._cheapest(widths, kind)
            widths[index] -= 1
            self.has_closed = True
            self.gates[index].set_offset(self.gates[index].offset_of(widths[index]))

    def values(self) -> dict[str, Any]:
        """What a checkpoint must hold of it."""
        return {
            "worths": [worth.tolist() for worth in self.worths],
            "has_closed": self.has_closed,
        }

    def restore(self, values: dict[str, Any]) -> None:
        self.worths = [torch.tensor(worth) for worth in values["worths"]]
        self.has_closed = values["has_closed"]

    def _exceeded(self, widths: Sequence[int], epoch: float) -> str | None:
        """The kind of cost that is furthest above what it may be, if any is."""
        cost = self.cost(*widths)
        over = {kind: cost[kind] / schedule.at(epoch) for kind, schedule in self.allowed.items()}
        worst = max(over, key=over.__getitem__)
        return worst if over[worst] > 1 else None

    def _cheapest(self, widths: Sequence[int], kind: str) -> int:
        """The gate that loses least by closing a channel for what that saves.

        The last channel of a branch that may vanish saves nothing: it stays, at zero.
        """
        now, prices = self.cost(*widths)[kind], {}
        for index, gate in enumerate(self.gates):
            if widths[index] > gate.min_width:
                fewer = [width - (each == index) for each, width in enumerate(widths)]
                saved = now - self.cost(*fewer)[kind]
                if saved > 0:
                    worth = float(self.worths[index][widths[index] - 1])
                    prices[index] = worth / saved, -saved
        return min(prices, key=prices.__getitem__)
