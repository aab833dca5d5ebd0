"""Multiply-adds of plain models against counts by hand, in loops, and by torch's own counter."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from graphdam.errors import GraphDamError
from graphdam.evaluation.module_cost import module_multiply_adds


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


def test_lenet_by_hand() -> None:
    first, second = 20 * 24 * 24 * 25, 50 * 8 * 8 * 20 * 25
    assert (first, second) == (288_000, 1_600_000)
    cost = module_multiply_adds(lenet(), torch.zeros(1, 1, 28, 28))
    assert cost == first + second + 800 * 500 + 500 * 10 == 2_293_000


def test_linear_layers_multiply_every_row() -> None:
    assert module_multiply_adds(nn.Linear(3, 4), torch.zeros(3)) == 12
    assert module_multiply_adds(nn.Linear(3, 4), torch.zeros(5, 3)) == 60
    assert module_multiply_adds(nn.Linear(3, 4), torch.zeros(2, 5, 3)) == 120


@pytest.mark.parametrize(
    ("groups", "stride", "padding", "dilation"),
    list(itertools.product([1, 2], [1, 2], [0, 1], [1, 2])),
)
def test_a_convolution_by_loops(groups: int, stride: int, padding: int, dilation: int) -> None:
    """Every place of the kernel on the padded image, every weight of every output channel."""
    layer = nn.Conv2d(4, 6, (3, 2), stride, padding, dilation, groups)
    products = 0
    height, width = 9 + 2 * padding, 7 + 2 * padding
    for _ in range(0, height - 2 * dilation, stride):
        for _ in range(0, width - 1 * dilation, stride):
            products += layer.weight.numel()
    assert module_multiply_adds(layer, torch.zeros(1, 4, 9, 7)) == products
    assert module_multiply_adds(layer, torch.zeros(3, 4, 9, 7)) == 3 * products


def test_a_transposed_convolution_by_hand() -> None:
    """Each of the 5 · 4 input pixels is multiplied with the whole kernel of its channels."""
    layer = nn.ConvTranspose2d(3, 8, 5, stride=2)
    assert module_multiply_adds(layer, torch.zeros(1, 3, 5, 4)) == 20 * (3 * 8 * 25)
    grouped = nn.ConvTranspose2d(4, 6, 3, groups=2)
    assert module_multiply_adds(grouped, torch.zeros(1, 4, 5, 4)) == 20 * (4 * 3 * 9)


class Twice(nn.Module):
    """One layer called twice, and an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        out: Tensor = self.layer(self.layer(x)) + y
        return out


AGAINST_TORCH: list[tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = [
    (lenet, ((2, 1, 28, 28),)),
    (lambda: nn.Linear(3, 4), ((5, 3),)),
    (lambda: nn.Conv1d(4, 6, 3, stride=2, groups=2), ((2, 4, 11),)),
    (lambda: nn.Conv2d(4, 8, 3, padding=1, groups=4), ((2, 4, 6, 5),)),
    (lambda: nn.Conv3d(2, 3, 2), ((1, 2, 4, 5, 6),)),
    (lambda: nn.ConvTranspose1d(3, 2, 4, stride=2), ((2, 3, 6),)),
    (lambda: nn.ConvTranspose2d(3, 8, 5, stride=2, padding=1), ((2, 3, 5, 4),)),
    (Twice, ((1, 2, 4, 4), (1, 2, 4, 4))),
]


@pytest.mark.parametrize(("make", "shapes"), AGAINST_TORCH)
def test_torch_counts_twice_as_many_operations(
    make: Callable[[], nn.Module], shapes: tuple[tuple[int, ...], ...]
) -> None:
    """A multiplication and an addition each."""
    model, inputs = make().eval(), [torch.zeros(shape) for shape in shapes]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*inputs)
    assert 2 * module_multiply_adds(model, *inputs) == counter.get_total_flops()


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    module_multiply_adds(model, torch.ones(6, 3))
    assert [module.training for module in model.modules()] == [True, True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(not module._forward_hooks for module in model.modules())
    with pytest.raises(RuntimeError):
        module_multiply_adds(model, torch.ones(6, 5))
    assert all(not module._forward_hooks for module in model.modules())
    assert model.training


def test_layers_without_products_are_free() -> None:
    model = nn.Sequential(
        nn.Embedding(5, 3), nn.Linear(3, 4), nn.LayerNorm([2, 4]), nn.PReLU(), nn.Softmax(dim=-1)
    )
    assert module_multiply_adds(model, torch.zeros(1, 2, dtype=torch.long)) == 2 * 3 * 4


def test_products_that_would_be_missed_are_refused() -> None:
    """An LSTM and a layer of one's own hold matrices whose use cannot be seen."""
    message = r"multiply-adds of LSTM \(at '1'\) cannot be counted: linear layers and convolutions"
    with pytest.raises(GraphDamError, match=message):
        module_multiply_adds(nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 5)), torch.zeros(1, 3))

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2, 3))

    with pytest.raises(GraphDamError, match=r"Own \(at 'the top'\)"):
        module_multiply_adds(Own())
