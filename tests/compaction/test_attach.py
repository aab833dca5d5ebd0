"""attach_gates on networks as people write them: the compact model is theirs, smaller and equal."""

from __future__ import annotations

import copy

import pytest
import torch
from gated_torch import apart, close_at_random, size, unsettled
from torch import Tensor, nn
from torch_models import MODELS, Bottleneck, Mixer, example

from graphdam import attach_gates, compact_model, deviation
from graphdam.compaction import GatedModel
from graphdam.errors import InexactError
from graphdam.gates import (
    GATES,
    DAMGate,
    Gate,
    gates_of,
    parameter_groups,
    width_penalty,
    widths_of,
)

EXACT = 1e-9
every_model = pytest.mark.parametrize("name", MODELS)
every_gate = pytest.mark.parametrize("kind", sorted(GATES))


def build(name: str, kind: str = "dam", dtype: torch.dtype = torch.float64) -> GatedModel:
    model = unsettled(MODELS[name]().to(dtype))
    return attach_gates(model, example(name, dtype), gate=kind).to(dtype)


@every_model
@every_gate
def test_gated_and_compact_give_the_same_outputs(name: str, kind: str) -> None:
    gated = build(name, kind)
    for seed in range(3):
        close_at_random(gated, seed)
        small = compact_model(gated)
        assert apart(gated, small, example(name)) < EXACT
        assert sum(gated.widths) < sum(group.num_channels for group in gated.groups)
        assert size(small) < size(gated.model)


@every_model
def test_in_single_precision_too(name: str) -> None:
    gated = close_at_random(build(name, dtype=torch.float32), seed=1)
    assert apart(gated, gated.compact(), example(name, torch.float32)) < 1e-5


@every_model
def test_open_gates_of_value_one_change_nothing_and_the_model_given_is_left_alone(
    name: str,
) -> None:
    model = unsettled(MODELS[name]().double())
    before = copy.deepcopy(model.state_dict())
    gated = attach_gates(model, example(name), gate="l1")
    assert apart(model, gated, example(name)) < 1e-12  # an L1 gate starts at 1
    close_at_random(gated)
    with torch.no_grad():
        for parameter in gated.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_pre_hooks for module in model.modules())


@every_model
def test_the_compact_model_is_the_users_own(name: str) -> None:
    model = MODELS[name]()
    small = close_at_random(attach_gates(model, example(name, torch.float32))).compact()
    kinds = {path: type(module) for path, module in model.named_modules()}
    assert {path: type(module) for path, module in small.named_modules()} == kinds
    assert gates_of(small) == {}
    for module in small.modules():
        assert not module._forward_pre_hooks
        assert not module._forward_pre_hooks_with_kwargs
        assert not any(type(v).__module__.startswith("graphdam") for v in vars(module).values())
    assert small.state_dict().keys() == model.state_dict().keys()


WIDTHS = {
    "MLP": [9, 7],
    "ResNet, basic": [6, 6, 8, 8],
    "ResNet, bottleneck": [6, 4, 4, 8, 4, 4],
    "ResNeXt": [6, 2, 2, 8, 3, 3],
    "PreResNet": [6, 5, 5],
    "ResNet, padded shortcuts": [6, 10],
    "VGG": [6, 8, 10],
    "MobileNetV2 with squeeze and excitation": [6, 12, 12, 4, 8],
    "DenseNet": [6, 4, 4, 4, 7],
    "Mixer": [8, 5, 12],
    "ShuffleNet": [2, 4, 4, 6],
    "U-Net": [6, 10, 12, 10, 7, 6, 5],
    "norms": [6, 6, 6, 6],
    "depthwise": [3, 4, 3],
    "volume": [6, 5],
    "words": [8, 9],
    "bag": [8],
    "heads": [4],
    "a layer used twice": [8],
    "super-resolution": [6, 5],
}


@every_model
def test_every_channel_that_can_go_has_a_gate(name: str) -> None:
    """Worked out by hand: residual streams are one group, groups and heads lose alike."""
    gated = attach_gates(MODELS[name](), example(name, torch.float32))
    assert gated.widths == WIDTHS[name]


def test_the_layout_prints_who_writes_carries_and_reads() -> None:
    gated = attach_gates(MODELS["PreResNet"](), torch.randn(2, 3, 8, 8))
    assert [" ".join(line.split()) for line in str(gated.layout).splitlines()] == [
        "channels written by carried by read by",
        "6 conv1, layers.0.conv2, layers.1.conv2 bn1, layers.0.bn1, layers.1.bn1 "
        "layers.0.conv1, layers.1.conv1, fc",
        "5 layers.0.conv1 layers.0.bn2 layers.0.conv2",
        "5 layers.1.conv1 layers.1.bn2 layers.1.conv2",
    ]


def test_the_plan_prints_what_every_layer_loses() -> None:
    gated = attach_gates(MODELS["Mixer"](), torch.randn(2, 3, 8, 8))
    for gate, width in zip(gated.gates.values(), (3, 2, 7), strict=True):
        assert isinstance(gate, DAMGate)
        gate.set_offset(gate.offset_of(width))
    assert str(gated.plan()).splitlines() == [
        "layer       type    inputs  outputs",
        "embed       Conv2d  –       8 → 3",
        "tokens.0    Linear  –       5 → 2",
        "tokens.2    Linear  5 → 2   –",
        "channels.0  Linear  8 → 3   12 → 7",
        "channels.2  Linear  12 → 7  8 → 3",
        "head        Linear  8 → 3   –",
        "scale       –       –       8 → 3",
    ]
    assert gated.plan().widths == {"embed": 3, "tokens.0": 2, "channels.0": 7}


@every_gate
def test_it_trains_and_its_gates_are_found(kind: str) -> None:
    gated = attach_gates(MODELS["ResNet, basic"](), torch.randn(2, 3, 8, 8), gate=kind)
    assert gated.training
    assert list(gates_of(gated)) == [f"gates.{g.name.replace('.', '/')}" for g in gated.groups]
    assert widths_of(gated) == gated.widths
    torch.testing.assert_close(width_penalty(gated), gated.penalty())
    weights, of_gates = parameter_groups(gated, lr=0.05, gate_lr=0.3)
    assert len(of_gates["params"]) == len(gated.groups)
    assert len(weights["params"]) == len(list(gated.model.parameters()))
    (gated(torch.randn(4, 3, 8, 8)).square().mean() + gated.penalty()).backward()
    for parameter in gated.parameters():
        assert parameter.grad is not None
        assert bool(parameter.grad.isfinite().all())
        assert bool(parameter.grad.any())
    optimiser = torch.optim.Adam([weights, of_gates])
    x = torch.randn(8, 3, 8, 8)
    for _ in range(40):
        optimiser.zero_grad()
        (0.1 * gated(x).square().mean() + gated.penalty()).backward()
        optimiser.step()
    assert sum(gated.widths) < 28
    assert deviation(gated, gated.compact(), x, relative=True) < 1e-5


def test_readers_of_one_gate_see_one_sample() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 6)
            self.one, self.other = nn.Linear(6, 3), nn.Linear(6, 3)
            self.other.load_state_dict(self.one.state_dict())

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return self.one(x) - self.other(x)  # type: ignore[no-any-return]

    gated = attach_gates(Fork(), torch.randn(2, 4), gate="l0").train()
    assert len(gated.groups) == 1
    assert float(gated(torch.randn(9, 4)).detach().abs().max()) == 0.0


def test_a_state_and_a_copy_hold_everything() -> None:
    x = example("U-Net")
    gated = close_at_random(build("U-Net"), seed=3)
    other = attach_gates(MODELS["U-Net"]().double(), x).double()
    assert other.widths != gated.widths
    other.load_state_dict(gated.state_dict())
    twin = copy.deepcopy(gated)
    for same in (other, twin):
        assert same.widths == gated.widths
        assert apart(gated, same, x) == 0.0
        assert apart(gated, same.compact(), x) < EXACT
    close_at_random(twin, seed=4)  # the copy reads through gates of its own
    assert apart(gated, other, x) == 0.0
    assert apart(gated, twin, x) > 1e-3


def test_a_compact_model_can_be_gated_again() -> None:
    x = example("ResNet, bottleneck")
    once = close_at_random(build("ResNet, bottleneck"), seed=5).compact()
    again = close_at_random(attach_gates(once, x, gate="l1").double(), seed=6)
    assert apart(again, again.compact(), x) < EXACT
    assert size(again.compact()) < size(once)


def test_what_to_keep_can_be_said_by_name() -> None:
    gated = build("MLP", "l1")
    small = gated.compact(keep={"layers.0": torch.tensor([8, 2])})
    assert [layer.out_features for layer in small.layers] == [2, 7, 3]  # type: ignore[union-attr]
    with torch.no_grad():
        closed = torch.tensor([i not in (2, 8) for i in range(9)])
        gate = gated.gates["layers/0"]
        gate.scale[closed] = 0.0  # type: ignore[operator]
    assert apart(gated, small, example("MLP")) < EXACT
    assert apart(gated, compact_model(gated), example("MLP")) < EXACT
    with pytest.raises(InexactError, match=r"No channel group is called 'layers'; the groups are"):
        gated.plan(keep={"layers": torch.tensor([0])})
    with pytest.raises(InexactError, match=r"Group 'layers\.1' would keep 0 of its 7 channels"):
        gated.plan(keep={"layers.1": torch.tensor([], dtype=torch.int64)})


def test_a_gate_of_ones_own() -> None:
    made: list[int] = []

    def half_steep(num_channels: int, steepness: float = 1.0) -> Gate:
        made.append(num_channels)
        return DAMGate(num_channels, steepness=steepness)

    gated = attach_gates(
        MODELS["MLP"](), torch.randn(2, 6), gate=half_steep, gate_kwargs={"steepness": 2.0}
    )
    assert made == [9, 7]
    assert {float(gate.steepness) for gate in gated.gates.values()} == {2.0}  # type: ignore[arg-type]


def test_only_some_layers_are_gated_where_it_is_asked() -> None:
    x = torch.randn(2, 3, 8, 8)
    gated = attach_gates(MODELS["Mixer"](), x, only=("tokens.0",))
    assert [group.name for group in gated.groups] == ["tokens.0"]
    gated = attach_gates(MODELS["Mixer"](), x, skip=("channels",))
    assert [group.name for group in gated.groups] == ["tokens.0"]
    gated = attach_gates(Mixer(norm=True), x, only=("channels.0", "tokens.0"))
    assert [group.name for group in gated.groups] == ["tokens.0", "channels.0"]


def test_training_mode_is_kept_and_arguments_may_be_named() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor, mask: Tensor | None = None, scale: float = 2.0) -> Tensor:
            hidden = self.first(input=x) * scale
            if mask is not None:
                hidden = hidden * mask
            return self.last(input=hidden.relu())  # type: ignore[no-any-return]

    x, mask = torch.randn(5, 4), torch.ones(5, 1)
    for inputs in ([x], [x, mask]):
        gated = close_at_random(attach_gates(Masked().eval(), inputs))
        assert not gated.training
        assert gated.widths != [6]
        small = gated.compact()
        torch.testing.assert_close(small(x, mask=mask), gated(x, mask=mask))
        torch.testing.assert_close(small(x), gated(x))


def test_gates_sit_where_the_channels_are_read() -> None:
    """After the norm and the activation: a channel closed there leaves nothing behind."""
    block = Bottleneck(6, 4, 6).double()
    x = torch.randn(2, 6, 4, 4, dtype=torch.float64)
    gated = attach_gates(block, x, gate="l1").eval()
    with torch.no_grad():
        gated.gates["conv1"].scale[1:] = 0.0  # type: ignore[operator]
    seen: list[Tensor] = []
    reader = gated.model.get_submodule("conv2")
    reader.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    gated(x)
    assert seen[0][:, 0].any()
    assert not seen[0][:, 1:].any()
