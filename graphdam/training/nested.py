"""Prefixes of a model that learn to be models of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from graphdam.gates import DAMGate, gates_of
from graphdam.nn import Encoder

NARROWEST = 4
"""The least that is left of the widest layer, all heads together."""


class NestedPrefixes:
    r"""Draws prefixes of an encoder for `"Matryoshka Representation Learning"
    <https://arxiv.org/abs/2205.13147>`_.

    The paper descends the sum of the losses of all prefixes n/2, n/4 … beside that of the whole
    width n. Here a step descends the mean of the whole model's loss and that of one of the
    prefixes, drawn uniformly: twice the cost of a step, however many prefixes there are. In every
    layer the same share of the channels is kept, rounded up.

    Args:
        encoder: with hard, open DAM gates, which are closed to a prefix for a while.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.gates = [gate for gate in gates_of(encoder).values() if isinstance(gate, DAMGate)]
        widest = max(encoder.widths) if self.gates else 0
        self.halvings = max(0, (widest // NARROWEST).bit_length() - 1)

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Closes the gates to a prefix that is drawn from torch's global generator."""
        if self.halvings:
            halvings = int(torch.randint(1, self.halvings + 1, ()))
            self._set([-(-gate.num_channels // 2**halvings) for gate in self.gates])
        try:
            yield
        finally:
            self._set([gate.num_channels for gate in self.gates])

    def _set(self, widths: list[int]) -> None:
        for gate, width in zip(self.gates, widths, strict=True):
            gate.set_offset(gate.offset_of(width))
