"""PReLU of one weight against torch's, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphdam import blocks
from graphdam.nn.layers import activated
from graphdam.nn.prelu import prelu


@pytest.mark.parametrize("shape", [(7, 5), (0, 3), (4,), (2, 3, 4)])
@pytest.mark.parametrize("slope", [0.25, -0.5, 0.0, 1.5])
def test_values_and_gradients_are_those_of_torch(
    shape: tuple[int, ...], slope: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ENTRIES", 12)  # the last block is not full
    draw = torch.Generator().manual_seed(len(shape))
    h = torch.randn(shape, generator=draw, dtype=torch.float64)
    h.view(-1)[:1] = 0.0  # where the two sides meet
    h.requires_grad_()
    weight = torch.tensor([slope], dtype=torch.float64, requires_grad=True)
    ours, theirs = prelu(h, weight), F.prelu(h, weight)
    assert torch.equal(ours, theirs)
    wanted = torch.randn(shape, generator=draw, dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad(ours, (h, weight), wanted),
        torch.autograd.grad(theirs, (h, weight), wanted),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_an_encoders_activation_runs_so_and_one_of_several_weights_does_not() -> None:
    h = torch.randn(6, 3, requires_grad=True)
    one, several = nn.PReLU(), nn.PReLU(3)
    assert activated(one, h).grad_fn.name() == "_PReLUBackward"  # type: ignore[union-attr]
    assert torch.equal(activated(one, h), one(h))
    assert torch.equal(activated(several, h), several(h))
    assert activated(several, h).grad_fn.name() != "_PReLUBackward"  # type: ignore[union-attr]
