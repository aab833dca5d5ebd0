"""Plain models of images: sizes by hand, formulas written out, and what a tracer needs of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

import graphdam
from graphdam.errors import SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.module_cost import module_multiply_adds
from graphdam.nn import MLP, VGG16BN, LeNet5, PreResNet
from graphdam.nn.preresnet import block_of

MODELS: list[tuple[Callable[[], nn.Module], tuple[int, ...]]] = [
    (lambda: MLP(64, [12, 7], 10, dropout=0.5), (1, 8, 8)),
    (lambda: LeNet5(), (1, 28, 28)),
    (lambda: LeNet5(3, 7, image_size=(20, 17), widths=(3, 4, 5)), (3, 20, 17)),
    (lambda: VGG16BN(widths=range(3, 16)), (3, 32, 32)),
    (lambda: PreResNet(20), (3, 32, 32)),
    (lambda: PreResNet(29, planes=(4, 6, 9)), (3, 16, 24)),
]


def test_published_sizes() -> None:
    """The MLP and LeNet-5 to the last number; VGG-16 and PreResNet-164 as papers round them."""
    assert num_parameters(MLP(784, [300, 100], 10)) == 266_610
    assert num_parameters(LeNet5()) == 431_080
    assert round(num_parameters(VGG16BN()) / 1e6, 2) == 14.73
    assert round(num_parameters(PreResNet(164)) / 1e6, 2) == 1.70
    assert round(num_parameters(PreResNet(110)) / 1e6, 1) == 1.7


def test_vgg_by_hand() -> None:
    """Nine weights a pair of channels and a bias; two numbers a channel in each norm."""
    widths = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    convolutions = sum(9 * a * b + b for a, b in itertools.pairwise([3, *widths]))
    assert num_parameters(VGG16BN()) == convolutions + 2 * sum(widths) + 512 * 10 + 10


def preresnet_by_hand(n: int, kernels: tuple[int, ...], expansion: int) -> int:
    """Every norm has two numbers a channel; convolutions have no bias; k² weights a pair."""
    total, stream = 27 * 16, 16
    for planes in (16, 32, 64):
        inside = [planes] * (len(kernels) - 1) + [expansion * planes]
        for index in range(n):
            for kernel, (before, after) in zip(
                kernels, itertools.pairwise([stream, *inside]), strict=True
            ):
                total += 2 * before + kernel**2 * before * after
            if index == 0 and stream != inside[-1]:
                total += stream * inside[-1]
            stream = inside[-1]
    return total + 2 * stream + stream * 10 + 10


def test_preresnets_by_hand() -> None:
    assert num_parameters(PreResNet(164)) == preresnet_by_hand(18, (1, 3, 1), 4) == 1_703_258
    assert num_parameters(PreResNet(20)) == preresnet_by_hand(3, (3, 3), 1) == 272_282


@pytest.mark.parametrize(
    ("depth", "block"),
    [
        (20, "basic"),
        (32, "basic"),
        (56, "basic"),
        (110, "basic"),
        (29, "bottleneck"),
        (47, "bottleneck"),
        (164, "bottleneck"),
        (1001, "bottleneck"),
        (1202, "basic"),
    ],
)
def test_a_depth_takes_the_block_of_the_papers(depth: int, block: str) -> None:
    assert block_of(depth) == block


@pytest.mark.parametrize(("depth", "block"), [(20, None), (56, "bottleneck"), (29, None)])
def test_the_depth_counts_layers(depth: int, block: str | None) -> None:
    """Convolutions in branches, the stem and the classifier."""
    model = PreResNet(depth, block=block)  # type: ignore[arg-type]
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and "shortcut" not in name
    ]
    assert len(layers) == depth


@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_models_trace_to_the_same_outputs(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    model = make().eval()
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    traced = fx.symbolic_trace(model)
    assert torch.equal(traced(x), model(x))
    # each image is read on its own
    torch.testing.assert_close(model(x[1:2]), model(x)[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_every_parameter_learns(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = make()
    model(torch.randn(8, *shape)).square().sum().backward()
    idle = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert idle == []


def test_multiply_adds_of_vgg_by_hand() -> None:
    """Nine products a pair of channels and pixel; 313 million, as papers say of it on CIFAR-10."""
    stages = [(2, 64, 32), (2, 128, 16), (3, 256, 8), (3, 512, 4), (3, 512, 2)]
    total, before = 0, 3
    for count, width, side in stages:
        for _ in range(count):
            total += 9 * before * width * side**2
            before = width
    cost = module_multiply_adds(VGG16BN(), torch.zeros(1, 3, 32, 32))
    assert cost == total + 512 * 10 == 313_201_664


@pytest.mark.parametrize(("make", "shape"), MODELS)
def test_multiply_adds_are_half_of_torchs_operations(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    model, x = make().eval(), torch.zeros(2, *shape)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    assert 2 * module_multiply_adds(model, x) == counter.get_total_flops()


def test_lenet_is_the_formula() -> None:
    model = LeNet5().eval()
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    p = dict(model.named_parameters())
    h = F.max_pool2d(F.conv2d(x, p["features.0.weight"], p["features.0.bias"]).relu(), 2)
    h = F.max_pool2d(F.conv2d(h, p["features.3.weight"], p["features.3.bias"]).relu(), 2)
    h = F.linear(h.flatten(1), p["classifier.1.weight"], p["classifier.1.bias"]).relu()
    expected = F.linear(h, p["classifier.3.weight"], p["classifier.3.bias"])
    assert torch.equal(model(x), expected)


def test_a_block_adds_to_the_raw_stream() -> None:
    """With its last convolution at zero a block is its shortcut: nothing stands before the sum."""
    model = PreResNet(29).eval()
    x = torch.randn(2, 64, 8, 8, generator=torch.Generator().manual_seed(3))
    block = model.blocks[1]
    last = [module for module in block.modules() if isinstance(module, nn.Conv2d)][-1]
    assert not torch.equal(block(x), x)
    nn.init.zeros_(last.weight)
    assert torch.equal(block(x), x)


def mlp_by_hand(model: MLP, x: Tensor) -> Tensor:
    first, second = (m for m in model.layers if isinstance(m, nn.Linear))
    return second(F.elu(first(x.flatten(1))))  # type: ignore[no-any-return]


def test_an_mlp_takes_any_activation() -> None:
    x = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(4))
    model = MLP(6, (5,), 3, act="elu")
    assert torch.equal(model(x), mlp_by_hand(model, x))
    model = MLP(6, [5], 3, act=nn.ELU())
    assert torch.equal(model(x), mlp_by_hand(model, x))
    linear = MLP(6, [5, 4], 3, act=None)
    torch.testing.assert_close(linear(2 * x) - linear(x), linear(x) - linear(0 * x))
    shared = nn.PReLU()
    model = MLP(6, [5, 4], 3, act=shared)
    assert num_parameters(model) == (6 * 5 + 5 + 1) + (5 * 4 + 4 + 1) + (4 * 3 + 3)


def test_dropout_acts_in_training_only() -> None:
    model = MLP(6, [50], 3, dropout=0.5)
    x = torch.ones(1, 6)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MLP(6, [5, 0], 3),
            r"hidden_channels must be any number of positive widths, .* received \[5, 0\]",
        ),
        (lambda: MLP(6, [5], 3, act=torch.relu), "a module, received <built-in"),  # type: ignore[arg-type]
        (lambda: MLP(6, [5], 3, act="rellu"), "rellu"),
        (lambda: LeNet5(image_size=8), "at least 16 × 16 pixels, but image_size is 8 × 8; an MLP"),
        (lambda: LeNet5(widths=(20, 50)), r"widths must be 3 positive widths.*received \[20, 50\]"),
        (lambda: VGG16BN(widths=[64]), r"widths must be 13 positive widths"),
        (lambda: PreResNet(20, planes=(16, 32)), "planes must be 3 positive widths"),
        (lambda: PreResNet(18), r"no depth 18: basic blocks take 6 n \+ 2 \(20, 32, 56, 110\)"),
        (lambda: PreResNet(2), "no depth 2: "),
        (
            lambda: PreResNet(32, block="bottleneck"),
            "no depth 32 with bottleneck blocks: .* bottlenecks 9",
        ),
        (lambda: PreResNet(32, block="botleneck"), "did you mean 'bottleneck'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_built_is_refused(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_the_mlp_stands_at_the_front_door() -> None:
    assert graphdam.MLP is MLP
