"""Every tracing rule, made wrong: the trial before training must notice, whatever a rule says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphdam import attach_gates
from graphdam.compaction.tracing import layers
from graphdam.compaction.tracing.call import Call
from graphdam.compaction.tracing.functions import FUNCTIONS
from graphdam.compaction.tracing.movement import moved
from graphdam.compaction.tracing.operations import Rule, elementwise, like_the_first
from graphdam.compaction.tracing.ties import lasting
from graphdam.errors import InexactError


class Part(nn.Module):
    def __init__(self, part: nn.Module | None, lines: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.other = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 3, padding=1)
        self.part, self.lines, self.head = part, lines, nn.LazyConv2d(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lines(self, x)).mean((2, 3))  # type: ignore[no-any-return]


def untied(call: Call) -> Any:
    """An addition whose tensors have nothing to do with each other."""
    return call.first


def parts_untied(call: Call) -> Any:
    pieces = np.split(call.first.rows[1], len(call.value))
    return tuple(call.first.with_row(1, piece) for piece in pieces)


def halved_untied(call: Call) -> Any:
    return call.first.with_row(1, call.first.rows[1][: call.first.rows[1].size // 2])


def reduced_unfixed(call: Call) -> Any:
    return call.first.with_row(1, lasting(1))


def joined_backwards(call: Call) -> Any:
    rows = [part.rows[1] for part in reversed(call.given)]
    return call.given[0].with_row(1, np.concatenate(rows))


def picked_unfixed(call: Call) -> Any:
    return call.first.with_row(1, call.first.rows[1][:4])


def convolved_untied(call: Call) -> Any:
    assert isinstance(call.module, nn.Conv2d)
    call.records.read(call.path, -3, call.first.rows[1])
    return call.first.with_row(1, call.records.write(call.path, call.module.out_channels))


def through(net: Any, x: Tensor) -> Tensor:
    out: Tensor = net.part(net.first(x))
    return out


def _peak(net: Any, x: Tensor) -> Tensor:
    first: Tensor = net.first(x)
    return first + first.amax(1, keepdim=True)


Lines = Callable[[Any, Tensor], Tensor]

FUNCTION_MISTAKES: list[tuple[str, Rule, Lines]] = [
    ("softmax", like_the_first, lambda net, x: net.first(x).softmax(1)),
    ("normalize", like_the_first, lambda net, x: F.normalize(net.first(x))),
    ("cumsum", like_the_first, lambda net, x: net.first(x).cumsum(1)),
    ("add", untied, lambda net, x: net.first(x) + net.other(x)),
    ("mul", untied, lambda net, x: net.first(x) * net.other(x)),
    ("where", untied, lambda net, x: torch.where(net.first(x) > 0, net.first(x), net.other(x))),
    ("chunk", parts_untied, lambda net, x: torch.cat(_swapped(net.first(x).chunk(2, 1)), 1)),
    ("glu", halved_untied, lambda net, x: F.glu(net.first(x), 1)),
    ("amax", reduced_unfixed, _peak),
    ("cat", joined_backwards, lambda net, x: torch.cat([net.first(x), x], 1)),
    ("getitem", picked_unfixed, lambda net, x: net.first(x)[:, :4]),
    ("view", moved, lambda net, x: net.first(x).view(-1, 4, 2, 8, 8).flatten(1, 2)),
    ("expand", moved, lambda net, x: net.first(x).expand(-1, 8, -1, -1)),
    ("roll", moved, lambda net, x: net.first(x).roll(1, 1)),
    ("channel_shuffle", moved, lambda net, x: F.channel_shuffle(net.first(x), 2)),
]
LAYER_MISTAKES: list[tuple[nn.Module, Rule, Lines]] = [
    (nn.BatchNorm2d(8), elementwise, through),
    (nn.InstanceNorm2d(8, affine=True), elementwise, through),
    (nn.GroupNorm(8, 8), elementwise, through),
    (nn.GroupNorm(2, 8), elementwise, through),
    (nn.LayerNorm((8, 8, 8)), elementwise, through),
    (nn.PReLU(8), elementwise, through),
    (nn.Softmax(1), elementwise, through),
    (nn.ChannelShuffle(2), moved, through),
    (nn.Conv2d(8, 8, 1, groups=8), elementwise, through),
    (nn.Conv2d(8, 6, 1, groups=2), convolved_untied, through),
]
NOTICED = (
    r"^Part depends on the number of its channels.*without some of '(first|other|part)' it "
    r"(failed|gave outputs that lie)|^The 2 groups of a Conv2d would keep"
)


def _swapped(pieces: Any) -> list[Tensor]:
    return [pieces[1], pieces[0]]


def built(part: nn.Module | None, lines: Lines) -> tuple[nn.Module, Tensor]:
    x = torch.randn(2, 3, 8, 8)
    model = Part(part, lines)
    model(x)
    return model, x


def refusal(model: nn.Module, x: Tensor) -> str:
    try:
        attach_gates(model, x)
    except InexactError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "wrong", "lines"), FUNCTION_MISTAKES, ids=[case[0] for case in FUNCTION_MISTAKES]
)
def test_a_wrong_rule_of_a_function_is_noticed(
    name: str, wrong: Rule, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = built(None, lines)
    right = refusal(model, x)
    assert not right or "cannot be removed exactly" in right
    monkeypatch.setitem(FUNCTIONS, name, wrong)
    with pytest.raises(InexactError, match=NOTICED):
        attach_gates(model, x)


@pytest.mark.parametrize(("part", "wrong", "lines"), LAYER_MISTAKES)
def test_a_wrong_rule_of_a_layer_is_noticed(
    part: nn.Module, wrong: Rule, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = built(part, lines)
    right = layers.LAYERS[type(part)]
    # The network's other convolutions keep their rule.
    monkeypatch.setitem(
        layers.LAYERS,
        type(part),
        lambda call: (wrong if call.path == "part" else right)(call),
    )
    with pytest.raises(InexactError, match=NOTICED):
        attach_gates(model, x)
