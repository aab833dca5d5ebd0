"""Prefixes of a model that learn to be models of their own."""

from __future__ import annotations

from collections.abc import Iterator

from graphdam.gates import DAMGate, gates_of
from graphdam.nn import Encoder

NARROWEST = 4
"""The least that is left of the widest layer, all heads together."""


class NestedPrefixes:
    r"""Closes an encoder to each of its prefixes in turn, for `"Matryoshka Representation Learning"
    <https://arxiv.org/abs/2205.13147>`_.

    A step descends :math:`\frac1{k+1} \sum_{i=0}^{k} L(n / 2^i)`, the mean of the losses of the
    whole width n and of the prefixes n/2, n/4 … down to four channels; the paper descends their
    sum. The epoch is chosen by the mean of their validation scores. In every layer the same share
    of the channels is kept, rounded up.

    Args:
        encoder: with hard, open DAM gates, which are closed to a prefix for a while.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.gates = [gate for gate in gates_of(encoder).values() if isinstance(gate, DAMGate)]
        widest = max(encoder.widths) if self.gates else 0
        self.halvings = max(0, (widest // NARROWEST).bit_length() - 1)

    def __iter__(self) -> Iterator[None]:
        """Stands at the whole encoder, then at every prefix; opens the gates again at the end."""
        try:
            for halvings in range(self.halvings + 1):
                self._set([-(-gate.num_channels // 2**halvings) for gate in self.gates])
                yield
        finally:
            self._set([gate.num_channels for gate in self.gates])

    def _set(self, widths: list[int]) -> None:
        for gate, width in zip(self.gates, widths, strict=True):
            gate.set_offset(gate.offset_of(width))
