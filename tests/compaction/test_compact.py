"""Compaction of plain torch models: the gated and the compact model give the same outputs."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from graphdam.compaction import (
    ChannelGroup,
    Consumer,
    apply_plan,
    compact_model,
    deviation,
    plan_compaction,
    slice_out,
)
from graphdam.errors import InexactError
from graphdam.gates import DAMGate, Gate, gates_of

EXACT, NOTICED = 1e-12, 1e-3


class ChosenGate(Gate):
    """Open where it is told to be: compaction must not rely on the open channels being a prefix."""

    chosen: Tensor

    def __init__(self, values: Sequence[float]) -> None:
        super().__init__(len(values))
        self.register_buffer("chosen", torch.tensor(values))

    def values(self) -> Tensor:
        return self.chosen

    def penalty(self) -> Tensor:
        return self.chosen.sum()

    def reset_parameters(self) -> None:
        self.chosen.fill_(1.0)


def shake(model: nn.Module, seed: int = 0) -> nn.Module:
    """Parameters and running statistics that hide no mistake: no zero bias, no unit variance."""
    generator = torch.Generator().manual_seed(seed)
    model.double()
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith(("num_batches_tracked", "chosen", "offset", "positions", "steepness")):
                continue
            fresh = torch.rand(value.shape, generator=generator, dtype=value.dtype) + 0.5
            sign = torch.rand(value.shape, generator=generator, dtype=value.dtype) < 0.5
            value.copy_(fresh if name.endswith("running_var") else torch.where(sign, fresh, -fresh))
    return model


def mlp(patterns: Sequence[Sequence[float]], *, norm: bool = True, out: int = 3) -> nn.Module:
    """Linear, BatchNorm, ELU and a gate for every pattern; a linear head."""
    sizes = [5, *map(len, patterns)]
    layers: list[nn.Module] = []
    for (before, size), pattern in zip(itertools.pairwise(sizes), patterns, strict=True):
        middle = nn.BatchNorm1d(size) if norm else nn.Identity()
        layers += [nn.Linear(before, size), middle, nn.ELU(), ChosenGate(pattern)]
    return shake(nn.Sequential(*layers, nn.Linear(sizes[-1], out)))


def groups_of(patterns: Sequence[Sequence[float]]) -> list[ChannelGroup]:
    return [
        ChannelGroup(
            f"hidden {layer + 1}",
            len(pattern),
            producers=(str(4 * layer),),
            followers=(str(4 * layer + 1),),
            consumers=(Consumer(str(4 * layer + 4)),),
            gate=str(4 * layer + 3),
        )
        for layer, pattern in enumerate(patterns)
    ]


def inputs(seed: int = 1) -> Tensor:
    return torch.randn(20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@st.composite
def patterns(draw: st.DrawFn) -> list[float]:
    """Values of one gate: some channels closed, at least one open."""
    size = draw(st.integers(1, 9))
    is_open = draw(st.lists(st.booleans(), min_size=size, max_size=size).filter(any))
    return [draw(st.floats(0.05, 3.0)) if channel else 0.0 for channel in is_open]


@settings(deadline=None, max_examples=60)
@given(chosen=st.lists(patterns(), min_size=1, max_size=3), norm=st.booleans())
def test_any_pattern_of_open_channels_is_compacted_exactly(
    chosen: list[list[float]], norm: bool
) -> None:
    model = mlp(chosen, norm=norm)
    small = compact_model(model, groups_of(chosen))
    assert deviation(model, small, inputs(), relative=True) < EXACT
    for layer, pattern in enumerate(chosen):
        linear = small.get_submodule(str(4 * layer))
        assert isinstance(linear, nn.Linear)
        assert linear.out_features == linear.weight.size(0) == sum(v > 0 for v in pattern)


@pytest.mark.parametrize("width", [1, 2, 5, 6])
def test_dam_gates_in_training_mode_too(width: int) -> None:
    """Batch norms take their statistics from the batch, a channel at a time."""
    model = shake(
        nn.Sequential(
            nn.Linear(5, 6),
            nn.BatchNorm1d(6),
            nn.ELU(),
            DAMGate(6, steepness=3.0),
            nn.Linear(6, 3),
        )
    )
    gate = model.get_submodule("3")
    assert isinstance(gate, DAMGate)
    gate.set_offset(gate.offset_of(width))
    small = compact_model(model, groups_of([[1.0] * 6]))
    assert small.training
    torch.testing.assert_close(small(inputs()), model(inputs()), rtol=0, atol=1e-12)


def test_tied_layers_and_a_concatenation() -> None:
    """Two producers behind one gate; a reader that finds the channels at column 2."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(5, 4), nn.Linear(5, 4)
            self.gate = ChosenGate([0.3, 0.0, 2.0, 0.0])
            self.out = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.gate(torch.relu(self.one(x) + self.two(x)))
            out: Tensor = self.out(torch.cat([x[:, :2], hidden], dim=-1))
            return out

    group = ChannelGroup("tied", 4, ("one", "two"), (Consumer("out", start=2),), gate="gate")
    model = shake(Tied())
    small = compact_model(model, [group])
    assert deviation(model, small, inputs(), relative=True) < EXACT
    assert small.get_submodule("out").weight.shape == (3, 4)
    wrong = compact_model(
        model, [ChannelGroup("tied", 4, ("one", "two"), (Consumer("out"),), gate="gate")]
    )
    assert deviation(model, wrong, inputs(), relative=True) > NOTICED


def test_channels_that_nobody_reads_take_their_values_into_the_writer() -> None:
    pattern = [0.5, 0.0, 3.0]
    model = shake(nn.Sequential(nn.Linear(5, 3), ChosenGate(pattern)))
    small = compact_model(model, [ChannelGroup("output", 3, ("0",), gate="1")])
    assert deviation(model, small, inputs(), keep=torch.tensor([0, 2])) < EXACT
    assert small(inputs()).shape == (20, 2)


def test_channels_side_by_side_are_cut_in_every_repeat() -> None:
    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(5, 6), nn.Linear(6, 3)
            self.gate = ChosenGate([0.0, 2.0, 0.5])

        def forward(self, x: Tensor) -> Tensor:
            heads = self.gate(self.first(x).tanh().view(-1, 2, 3))
            out: Tensor = self.last(heads.flatten(1))
            return out

    model = shake(TwoHeads())
    group = ChannelGroup("heads", 3, ("first",), (Consumer("last"),), gate="gate", repeats=2)
    plan = plan_compaction(model, [group])
    assert plan.layers[0].outputs is not None
    assert plan.layers[0].outputs.keep.tolist() == [1, 2, 4, 5]
    small = apply_plan(model, plan)

    class Kept(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = small.get_submodule("last")(small.get_submodule("first")(x).tanh())
            return out

    assert deviation(model, Kept(), inputs(), relative=True) < EXACT


def test_what_to_keep_can_be_said_by_name() -> None:
    """A chosen channel brings its gate's value with it; the others count as closed."""
    values = [0.5, 1.0, 2.0, 0.25]
    model = mlp([values])
    small = compact_model(model, groups_of([values]), keep={"hidden 1": torch.tensor([3, 1])})
    closed = mlp([[0.0, 1.0, 0.0, 0.25]])
    closed.load_state_dict({**model.state_dict(), "3.chosen": closed.get_buffer("3.chosen")})
    assert deviation(closed, small, inputs(), relative=True) < EXACT


def test_a_group_without_a_gate_keeps_everything_unless_told() -> None:
    model = shake(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)))
    group = ChannelGroup("free", 4, ("0",), (Consumer("2"),))
    assert deviation(model, compact_model(model, [group]), inputs()) == 0.0
    cut = compact_model(model, [group], keep={"free": torch.tensor([0])})
    assert cut.get_submodule("2").weight.shape == (3, 1)


def test_the_input_is_untouched_and_no_gate_is_left() -> None:
    chosen = [[0.5, 0.0, 2.0], [0.0, 1.5]]
    model = mlp(chosen)
    before = copy.deepcopy(model.state_dict())
    modules = {name: id(module) for name, module in model.named_modules()}
    small = compact_model(model, groups_of(chosen))
    assert {name: id(module) for name, module in model.named_modules()} == modules
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert gates_of(small) == {}
    assert {type(module) for module in small.children()} <= {
        nn.Linear,
        nn.BatchNorm1d,
        nn.ELU,
        nn.Identity,
    }
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.fill_(7.0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_frozen_parameter_stays_frozen_and_a_compact_model_trains() -> None:
    model = mlp([[0.5, 0.0, 2.0]])
    model.get_submodule("0").weight.requires_grad_(False)
    small = compact_model(model, groups_of([[1.0] * 3]))
    assert not small.get_submodule("0").weight.requires_grad
    small(inputs()).sum().backward()
    assert small.get_submodule("4").weight.grad is not None


# Deliberately wrong rules: the equality above must notice each of them.


def cut_by_hand(model: nn.Module, *, mistake: str | None) -> nn.Module:
    """Compaction of `mlp([[…]])` written out, with one mistake in it."""
    small = copy.deepcopy(model)
    gate = model.get_submodule("3")
    assert isinstance(gate, Gate)
    keep, values = gate.keep(), gate.values()
    first, norm, last = (small.get_submodule(path) for path in ("0", "1", "4"))
    assert isinstance(first, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    assert isinstance(last, nn.Linear)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    other = torch.arange(keep.numel())
    rows = other if mistake == "rows of the first channels" else keep
    scale = torch.ones_like(values) if mistake == "forgets the scale" else values
    scale = scale**2 if mistake == "scales twice" else scale
    first.weight = nn.Parameter(first.weight[rows])
    first.bias = nn.Parameter(first.bias[other if mistake == "forgets the bias" else keep])
    norm.weight = nn.Parameter(norm.weight[other if mistake == "forgets the weight" else keep])
    norm.bias = nn.Parameter(norm.bias[keep])
    norm.running_mean = norm.running_mean[other if mistake == "forgets running_mean" else keep]
    norm.running_var = norm.running_var[other if mistake == "forgets running_var" else keep]
    if mistake == "slices rows instead of columns":
        last.weight = nn.Parameter(last.weight[keep][:, : keep.numel()] * scale[keep])
        last.bias = nn.Parameter(last.bias[keep])
    else:
        last.weight = nn.Parameter(last.weight[:, keep] * scale[keep])
    if mistake == "scales the writer, before the activation":
        first.weight = nn.Parameter(first.weight * values[keep, None])
        first.bias = nn.Parameter(first.bias * values[keep])
        last.weight = nn.Parameter(last.weight / values[keep])
    small[3] = nn.Identity()  # type: ignore[operator]
    return small


WRONG = [
    "rows of the first channels",
    "forgets the scale",
    "scales twice",
    "forgets the bias",
    "forgets the weight",
    "forgets running_mean",
    "forgets running_var",
    "slices rows instead of columns",
    "scales the writer, before the activation",
]


@pytest.mark.parametrize("mistake", [None, *WRONG])
def test_every_wrong_rule_is_noticed(mistake: str | None) -> None:
    pattern = [0.0, 0.4, 0.0, 2.5, 1.3]
    out = 3 if mistake != "slices rows instead of columns" else 5
    model = mlp([pattern], out=out)
    small = cut_by_hand(model, mistake=mistake)
    ours = compact_model(model, groups_of([pattern]))
    assert deviation(model, ours, inputs(), relative=True) < EXACT
    found = deviation(model, small, inputs(), relative=True)
    assert found < EXACT if mistake is None else found > NOTICED


def test_a_gate_before_the_norm_cannot_be_compacted_exactly() -> None:
    """Where the authors' CNN puts it: a closed channel leaves the norm as a constant."""
    model = shake(
        nn.Sequential(
            nn.Linear(5, 4),
            ChosenGate([0.5, 0.0, 2.0, 0.0]),
            nn.BatchNorm1d(4),
            nn.ReLU(),
            nn.Linear(4, 3),
        )
    )
    group = ChannelGroup("hidden", 4, ("0",), (Consumer("4"),), ("2",), gate="1")
    assert deviation(model, compact_model(model, [group]), inputs(), relative=True) > NOTICED


def test_a_rule_can_be_registered_for_a_foreign_layer() -> None:
    class Scale(nn.Module):
        def __init__(self, weight: Tensor) -> None:
            super().__init__()
            self.weight = nn.Parameter(weight)

        def forward(self, x: Tensor) -> Tensor:
            return x * self.weight

    @slice_out.register(Scale)
    def _(layer: Scale, keep: Tensor, scale: Tensor | None = None) -> Scale:
        assert scale is None
        return Scale(layer.weight.detach()[keep])

    pattern = [0.5, 0.0, 2.0]
    model = shake(
        nn.Sequential(nn.Linear(5, 3), Scale(torch.ones(3)), ChosenGate(pattern), nn.Linear(3, 2))
    )
    group = ChannelGroup("hidden", 3, ("0",), (Consumer("3"),), ("1",), gate="2")
    assert deviation(model, compact_model(model, [group]), inputs(), relative=True) < EXACT


def test_a_flattened_image_is_read_by_several_columns_a_channel() -> None:
    pattern = [0.5, 0.0, 2.0]
    gate = ChosenGate(pattern)
    gate.dim = 1
    layers = [nn.Conv2d(2, 3, 3), nn.ReLU(), gate, nn.Flatten(), nn.Linear(3 * 4 + 5, 2)]

    class Flattened(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(layers)

        def forward(self, x: Tensor) -> Tensor:
            beside = x[:, 0, 0, :1].expand(-1, 5)
            for layer in self.layers[:-1]:
                x = layer(x)
            out: Tensor = self.layers[-1](torch.cat([beside, x], 1))
            return out

    model = shake(Flattened())
    images = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    reader = Consumer("layers.4", start=5, spread=4)
    group = ChannelGroup("image", 3, ("layers.0",), (reader,), gate="layers.2")
    small = compact_model(model, [group])
    assert small.get_submodule("layers.4").weight.shape == (2, 5 + 8)
    assert deviation(model, small, images, relative=True) < EXACT
    with pytest.raises(InexactError) as caught:
        compact_model(
            model, [dataclasses.replace(group, consumers=(Consumer("layers.4", 6, spread=4),))]
        )
    assert str(caught.value) == (
        "Group 'image' has 3 × 1 × 4 channels from 6 on, but a layer of it has only 17."
    )
