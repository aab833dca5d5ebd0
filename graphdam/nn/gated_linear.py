"""A linear map whose outputs pass a gate that an encoder owns."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphdam.data.csr import CSRMatrix
from graphdam.gates import Gate


class GatedLinear(nn.Module):
    """`linear(x)` with each of `repeats` blocks of channels multiplied by the gate's values.

    It stands inside an attention layer in place of its linear map: closed channels must not vote
    in the attention, so they have to be zero before it is computed. The gate is not registered
    here: the encoder registers it once, however many maps it rules.
    """

    def __init__(self, linear: nn.Module, gate: Gate, repeats: int) -> None:
        super().__init__()
        self.linear = linear
        self.repeats = repeats
        self._gate = (gate,)

    @property
    def gate(self) -> Gate:
        return self._gate[0]

    def reset_parameters(self) -> None:
        self.linear.reset_parameters()  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        return self.gate_outputs(self.linear(x))

    def gate_outputs(self, out: Tensor) -> Tensor:
        return out * self.gate.values().to(out.dtype).repeat(self.repeats)


def apply_linear(linear: Any, x: Tensor | CSRMatrix) -> Tensor:
    """`linear(x)` for dense or sparse `x`."""
    if not isinstance(x, CSRMatrix):
        return linear(x)  # type: ignore[no-any-return]
    if isinstance(linear, GatedLinear):
        return linear.gate_outputs(apply_linear(linear.linear, x))
    out = x.times(linear.weight.t())
    if linear.bias is not None:
        out = out + linear.bias
    return out
