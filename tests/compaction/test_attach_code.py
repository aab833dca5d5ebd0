"""What people write in a forward pass, line by line: who is gated, and that it is exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from gated_torch import apart, close_at_random, unsettled
from torch import Tensor, nn
from torch.nn import functional as F

from graphdam import attach_gates
from graphdam.errors import InexactError


class Lines(nn.Module):
    """A convolution, whatever is done to what it writes, and a head."""

    def __init__(self, lines: Callable[[Any, Tensor], Tensor], channels: int = 8) -> None:
        super().__init__()
        self.first, self.lines = nn.Conv2d(3, 8, 3, padding=1), lines
        self.second, self.point = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 1, 1)
        self.mix, self.wide = nn.Linear(8, 8), nn.Linear(8, 10)
        self.narrow, self.gated = nn.Linear(10, 8), nn.Linear(8, 20)
        self.gamma, self.alpha = nn.Parameter(torch.ones(8)), nn.Parameter(torch.ones(()))
        self.register_buffer("spread", torch.ones(1, 8, 1, 1))
        self.head = nn.Conv2d(channels, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lines(self, self.first(x))).mean((2, 3))  # type: ignore[no-any-return]


def maxout(net: Any, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    pairs = x.view(batch, channels // 2, 2, height, width)
    return pairs.max(2)[0]


def in_place(net: Any, x: Tensor) -> Tensor:
    x *= net.second(x.relu())
    return x


def token_mlp(net: Any, x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    tokens = tokens + net.gamma * net.narrow(F.gelu(net.wide(tokens)))
    back: Tensor = tokens.transpose(1, 2).reshape(x.shape)
    return back


def swiglu(net: Any, x: Tensor) -> Tensor:
    channels_last = x.permute(0, 2, 3, 1)
    return net.narrow(F.glu(net.gated(channels_last))).movedim(-1, 1)  # type: ignore[no-any-return]


def swapped(net: Any, x: Tensor) -> Tensor:
    one, other = x.chunk(2, dim=1)
    return torch.cat([other, one], dim=1)


def halves(net: Any, x: Tensor) -> Tensor:
    one, other = torch.split(x, x.size(1) // 2, dim=1)
    return one * other.sigmoid()


CASES: dict[str, tuple[Callable[[Any, Tensor], Tensor], dict[str, int]]] = {
    "nothing": (lambda net, x: x, {"first": 8}),
    "a residual": (lambda net, x: x + net.second(x.relu()), {"first": 8}),
    "a chain": (lambda net, x: net.second(x), {"first": 8, "second": 8}),
    "squeezed, by indexing": (
        lambda net, x: x * net.mix(x.mean((2, 3)))[:, :, None, None].sigmoid(),
        {"first": 8},
    ),
    "spatial attention of one channel": (lambda net, x: x * net.point(x).sigmoid(), {"first": 8}),
    "pixels flattened": (lambda net, x: x.flatten(2).tanh().view(x.shape), {"first": 8}),
    "all flattened": (lambda net, x: x.flatten(1).tanh().view(x.shape), {"first": 8}),
    "pixels as a number": (
        lambda net, x: x.reshape(-1, x.size(1), 64).tanh().view_as(x),
        {"first": 8},
    ),
    "a weight for each channel": (lambda net, x: x * net.gamma[:, None, None], {"first": 8}),
    "the same by view": (lambda net, x: x * net.gamma.view(1, -1, 1, 1), {"first": 8}),
    "a buffer for each channel": (lambda net, x: x / net.spread, {"first": 8}),
    "one weight for all": (lambda net, x: x * net.alpha + 1, {"first": 8}),
    "in place": (in_place, {"first": 8}),
    "the larger of two": (lambda net, x: torch.max(x, net.second(x)), {"first": 8}),
    "where": (lambda net, x: torch.where(x > 0, x, net.second(x)), {"first": 8}),
    "the other way round": (lambda net, x: x.flip(1), {"first": 8}),
    "with its mirror image": (lambda net, x: x + x.flip(1), {"first": 4}),
    "halves swapped": (swapped, {"first": 4}),
    "tokens": (token_mlp, {"first": 8, "wide": 10}),
    "glu": (swiglu, {"first": 8, "gated": 10, "narrow": 8}),
    "pooled by a size": (lambda net, x: F.avg_pool2d(x, x.shape[2:]), {"first": 8}),
    "stacked and averaged": (
        lambda net, x: torch.stack([x, net.second(x)], dim=1).mean(1),
        {"first": 8},
    ),
}  # fmt: skip
NARROWING = {"maxout": (maxout, {"first": 4}), "halves multiplied": (halves, {"first": 4})}
WIDENING = {
    "two copies": (lambda net, x: x.repeat(1, 2, 1, 1), {"first": 8}),
    "each twice": (lambda net, x: x.repeat_interleave(2, dim=1), {"first": 8}),
    "beside another": (
        lambda net, x: torch.cat((x, net.second(x)), dim=1),
        {"first": 8, "second": 8},
    ),
}
ALL = {
    **{name: (*case, 8) for name, case in CASES.items()},
    **{name: (*case, 4) for name, case in NARROWING.items()},
    **{name: (*case, 16) for name, case in WIDENING.items()},
}


@pytest.mark.parametrize("name", ALL)
def test_it_is_gated_where_it_can_be_and_exact(name: str) -> None:
    lines, groups, channels = ALL[name]
    model = unsettled(Lines(lines, channels).double())
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    gated = attach_gates(model, x)
    assert {group.name: group.num_channels for group in gated.groups} == groups
    for seed in range(2):
        close_at_random(gated, seed)
        assert apart(gated, gated.compact(), (x,)) < 1e-9


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (lambda net, x: x * net.gamma.view(1, 8, 1, 1), r"view\(\) in Lines names sizes"),
        (lambda net, x: x.roll(1, 1), r"roll\(\) in Lines treats them together"),
        (lambda net, x: x[:, torch.arange(7, -1, -1)], "picks entries by an index"),
        (lambda net, x: F.normalize(x, dim=1), r"normalize\(\) in Lines runs over all of them"),
        (lambda net, x: torch.stack(x.unbind(1), 1), r"unbind\(\) in Lines takes a part of them"),
    ],
)  # fmt: skip
def test_it_is_refused_where_it_cannot(lines: Callable[[Any, Tensor], Tensor], why: str) -> None:
    with pytest.raises(InexactError, match=why):
        attach_gates(Lines(lines), torch.randn(2, 3, 8, 8))


def test_layers_may_be_called_as_methods_are() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.keys, self.values = nn.Linear(4, 8), nn.Linear(4, 8)
            self.pop, self.items = nn.Linear(8, 6), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.items(self.pop(self.keys(x) * self.values(x)))  # type: ignore[no-any-return]

    x = torch.randn(5, 4)
    gated = close_at_random(attach_gates(Named(), x))
    assert [*gated.gates] == ["keys", "pop"]
    assert len(gated.gates) == len(gated.widths) == 2
    assert apart(gated, gated.compact(), (x,)) < 1e-5


def test_a_model_of_a_fixed_precision_is_tried_in_its_own() -> None:
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x.float()).relu())  # type: ignore[no-any-return]

    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(5, 4, dtype=dtype)
        gated = close_at_random(attach_gates(Single(), x))
        assert apart(gated, gated.compact(), (x,)) < 1e-5


def test_what_several_outputs_share_stays_and_the_rest_is_gated() -> None:
    class Features(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.three = nn.Linear(4, 8), nn.Linear(8, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> dict[str, Any]:
            features = self.one(x).relu()
            return {"features": features, "scores": (self.three(self.two(features).relu()),)}

    x = torch.randn(5, 4)
    gated = close_at_random(attach_gates(Features(), x))
    assert [group.name for group in gated.groups] == ["two"]
    small = gated.compact()
    assert torch.equal(gated(x)["features"], small(x)["features"])
    torch.testing.assert_close(gated(x)["scores"][0], small(x)["scores"][0])


def test_one_layer_under_several_names_is_cut_under_all_of_them() -> None:
    class Aliased(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.middle = nn.Linear(4, 8), nn.Linear(8, 8)
            self.again, self.last = self.middle, nn.Linear(8, 3)
            self.all = nn.ModuleList([self.first, self.middle, self.last])

        def forward(self, x: Tensor) -> Tensor:
            x = self.again(self.middle(self.first(x)).relu())
            return self.all[2](x)  # type: ignore[no-any-return]

    gated = close_at_random(attach_gates(Aliased(), torch.randn(2, 4)))
    small: Any = gated.compact()
    assert small.again is small.middle is small.all[1]
    assert small.all[2] is small.last
    assert apart(gated, small, (torch.randn(5, 4),)) < 1e-5
