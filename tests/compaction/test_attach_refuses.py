"""What attach_gates refuses, and that it names the place and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from gated_torch import apart, close_at_random
from torch import Tensor, nn
from torch.nn import functional as F
from torch_models import Mixer

from graphdam import attach_gates, compact_model
from graphdam.errors import GraphDamError, InexactError, SettingsError

BY_HAND = (
    "Leave that part as it is with skip=('its.module.path',), or declare groups by hand: "
    "graphdam.compact_model(model, [graphdam.compaction.ChannelGroup(…)])."
)
LEAVE = f"To leave such channels ungated, pass inexact='leave'. {BY_HAND}"


class Part(nn.Module):
    """A linear layer and whatever is done to what it writes."""

    def __init__(self, then: Callable[[Part, Tensor], Tensor]) -> None:
        super().__init__()
        self.write, self.then = nn.Linear(6, 8), then
        self.norm, self.weight = nn.LayerNorm(8), nn.Parameter(torch.randn(8, 8))
        self.groups, self.recurrent = nn.GroupNorm(2, 8), nn.GRUCell(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self, self.write(x))


class Model(nn.Module):
    def __init__(self, then: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.part, self.free, self.last = Part(then), nn.Linear(8, 7), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.free(self.part(x)).relu())  # type: ignore[no-any-return]


X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
NUMBERS = (
    "names sizes as numbers, which would no longer be true of fewer channels: take them from "
    "x.size(), or write -1"
)
PIECES = "takes a part of them by numbers, which would be other channels once some are gone"
NO_RULE = "treats them together in a way that no rule follows"

CASES: list[tuple[str, Callable[[Any, Tensor], Tensor], str]] = [
    (
        "layer norm",
        lambda part, x: part.norm(x),
        "LayerNorm 'part.norm' normalises each row over all of them, closed ones included",
    ),
    (
        "group norm",
        lambda part, x: part.groups(x),
        "GroupNorm 'part.groups' normalises over groups of 4 channels, closed ones included: give "
        "each channel a group of its own",
    ),
    ("view", lambda part, x: x.view(-1, 8).relu(), f"view() in 'part' {NUMBERS}"),
    (
        "reshape",
        lambda part, x: torch.reshape(x, (x.size(0), 2, 4)).flatten(1),
        f"reshape() in 'part' {NUMBERS}",
    ),
    ("expand", lambda part, x: x.expand(-1, 8), f"expand() in 'part' {NUMBERS}"),
    ("slices", lambda part, x: x[:, :4].repeat(1, 2), f"getitem() in 'part' {PIECES}"),
    (
        "split",
        lambda part, x: torch.cat(torch.split(x, [3, 5], dim=1), 1),
        f"split() in 'part' {PIECES}",
    ),
    ("softmax", lambda part, x: x.softmax(-1), "softmax() in 'part' runs over all of them"),
    ("mean", lambda part, x: x - x.mean(1, keepdim=True), "mean() in 'part' runs over all of them"),
    ("product", lambda part, x: x @ part.weight, f"matmul() in 'part' {NO_RULE}"),
    ("function", lambda part, x: F.linear(x, part.weight), f"linear() in 'part' {NO_RULE}"),
    ("cumulated", lambda part, x: x.cumsum(-1), f"cumsum() in 'part' {NO_RULE}"),
]


@pytest.mark.parametrize(("then", "why"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_what_treats_channels_together_is_named_or_left_alone(
    then: Callable[[Any, Tensor], Tensor], why: str
) -> None:
    model = Model(then).double()
    with pytest.raises(InexactError) as caught:
        attach_gates(model, X.double())
    told = f"The channels that 'part.write' writes cannot be removed exactly: {why}. {LEAVE}"
    assert str(caught.value) == told
    for gated in (
        attach_gates(model, X.double(), inexact="leave"),
        attach_gates(model, X.double(), skip=("part",)),
        attach_gates(model, X.double(), only=("free",)),
    ):
        assert [group.name for group in gated.groups] == ["free"]
        close_at_random(gated.double())
        assert apart(gated, gated.compact(), (X.double(),)) < 1e-9


def test_a_layer_without_a_rule_is_named() -> None:
    model = Model(lambda part, x: part.recurrent(x))
    with pytest.raises(InexactError) as caught:
        attach_gates(model, X)
    assert str(caught.value) == (
        "The channels that 'part.recurrent' writes cannot be removed exactly: no rule says how a "
        "GRUCell loses channels. The channels that 'part.write' writes cannot be removed exactly: "
        f"GRUCell 'part.recurrent' {NO_RULE}. {LEAVE}"
    )
    assert attach_gates(model, X, skip=("part.recurrent",)).widths == [7]


TRIED: list[Callable[[Any, Tensor], Tensor]] = [
    lambda part, x: x * x.size(1),  # a number that will be another
    lambda part, x: F.dropout(x),  # random in evaluation too
    lambda part, x: x * torch.rand_like(x),
]


@pytest.mark.parametrize("then", TRIED)
def test_what_no_rule_can_see_is_found_by_trying(then: Callable[[Any, Tensor], Tensor]) -> None:
    model = Model(then)
    with pytest.raises(InexactError) as caught:
        attach_gates(model, X)
    told = str(caught.value)
    assert told.startswith(
        "Model depends on the number of its channels, as where a size is written as a number or "
        "entries are drawn at random in evaluation: without some of 'part.write' it gave outputs "
        "that lie "
    )
    assert told.endswith(f" apart. {BY_HAND}")


def test_flow_that_depends_on_data_is_named() -> None:
    model = Model(lambda part, x: x if x.sum() > 0 else -x)
    with pytest.raises(InexactError) as caught:
        attach_gates(model, X)
    assert str(caught.value) == (
        "Part 'part' cannot be traced by torch.fx: symbolically traced variables cannot be used as "
        f"inputs to control flow. {BY_HAND}"
    )
    gated = close_at_random(attach_gates(model, X, skip=("part",)))
    assert [group.name for group in gated.groups] == ["free"]
    assert apart(gated, gated.compact(), (X,)) < 1e-5


def test_an_example_that_does_not_fit_is_named() -> None:
    with pytest.raises(InexactError) as caught:
        attach_gates(Model(lambda part, x: x), torch.randn(4, 5))
    assert str(caught.value) == (
        "Model could not be run on example_inputs, in 'part.write': mat1 and mat2 shapes cannot be "
        "multiplied (4x5 and 6x8). Give what the model is called with, as a tensor or a tuple."
    )


def test_the_output_is_never_gated() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    assert attach_gates(model, X).widths == [8]
    with pytest.raises(InexactError) as caught:
        attach_gates(model, X, only=("2",))
    assert str(caught.value) == "What '2' writes cannot be gated: they are what the model puts out."
    with pytest.raises(InexactError) as caught:
        attach_gates(model, X, only=("1",))
    assert str(caught.value) == (
        "What '1' writes cannot be gated: it is no layer that writes two channels or more for "
        "others to read."
    )
    with pytest.raises(InexactError) as caught:
        attach_gates(nn.Linear(6, 3), X)
    assert str(caught.value) == (
        "No channels of Linear can be gated: a gate needs a layer that writes at least two "
        "channels and a layer that reads them."
    )


def test_a_stream_that_begins_at_the_input_is_whole() -> None:
    """Nobody would expect otherwise, so it is no error."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = nn.Linear(6, 8), nn.Linear(8, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x + self.second(self.first(x).relu()))  # type: ignore[no-any-return]

    assert [group.name for group in attach_gates(Residual(), X).groups] == ["first"]
    with pytest.raises(InexactError) as caught:
        attach_gates(Residual(), X, only=("second",))
    assert str(caught.value) == (
        "What 'second' writes cannot be gated: they are added to, or multiplied by, what loses "
        "none, as the model's input."
    )


def test_shared_weights_stay_whole() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.free = nn.Embedding(10, 8), nn.Linear(8, 7)
            self.back, self.head = nn.Linear(7, 8), nn.Linear(8, 10, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.back(self.free(self.embed(x)).relu()))  # type: ignore[no-any-return]

    tokens = torch.arange(5)
    with pytest.raises(InexactError) as caught:
        attach_gates(Tied(), tokens)
    same = "'embed.weight' is the same parameter as 'head.weight'"
    assert str(caught.value).startswith(
        f"The channels that 'embed' writes cannot be removed exactly: {same}. The channels that "
        f"'back' writes cannot be removed exactly: 'head.weight' is the same parameter as "
        f"'embed.weight'. To leave"
    )
    gated = close_at_random(attach_gates(Tied(), tokens, inexact="leave"))
    small: Any = gated.compact()
    assert [group.name for group in gated.groups] == ["free"]
    assert small.head.weight is small.embed.weight
    assert apart(gated, small, (tokens,)) < 1e-5


def test_hooks_and_computed_weights_stay_whole() -> None:
    hooked = Model(lambda part, x: x)
    hooked.free.register_forward_hook(lambda module, args, out: out * 2)
    computed = Model(lambda part, x: x)
    nn.utils.parametrizations.weight_norm(computed.free)
    for model, why in (
        (hooked, r"'free' has forward hooks, which may do anything"),
        (computed, r"no rule says how a ParametrizedLinear loses channels"),
    ):
        with pytest.raises(InexactError, match=why):
            attach_gates(model, X)
    used = Model(lambda part, x: x + part.write.bias)
    with pytest.raises(InexactError, match=r"the model's own code uses 'part\.write\.bias'"):
        attach_gates(used, X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"skip": ("norms",)},
            "skip names the module 'norms', which Mixer does not have: use its paths in "
            "named_modules().",
        ),
        ({"only": "head"}, "only is a sequence of paths, received 'head' alone."),
        ({"gate": "dan"}, "Unknown gate 'dan': did you mean 'dam'? Known: dam, l0, l1."),
        (
            {"gate_kwargs": {"slope": 1}},
            "gate_kwargs do not fit gate 'dam': DAMGate.__init__() got an unexpected keyword "
            "argument 'slope'.",
        ),
        ({"inexact": "ignore"}, "inexact is 'refuse' or 'leave', received 'ignore'."),
    ],
)
def test_settings_that_mean_nothing_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        attach_gates(Mixer(), torch.randn(2, 3, 8, 8), **arguments)
    assert str(caught.value) == message
    assert isinstance(caught.value, GraphDamError)


def test_a_plain_model_has_no_groups_to_be_compacted_by() -> None:
    with pytest.raises(InexactError) as caught:
        compact_model(nn.Linear(3, 2))
    assert str(caught.value) == (
        "Which channels of this Linear go together is not known: name its channel groups, or let "
        "graphdam.attach_gates find them and place the gates."
    )
