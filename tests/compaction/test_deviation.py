"""The largest difference of two models' outputs, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from graphdam.compaction import deviation


class Constant(nn.Module):
    """Returns what it was given at construction, and notes the mode it was called in."""

    def __init__(self, out: object) -> None:
        super().__init__()
        self.out = torch.as_tensor(out)
        self.called_training: list[bool] = []
        self.child = nn.Dropout()

    def forward(self, *inputs: object) -> Tensor:
        self.called_training.append(self.training or self.child.training)
        return self.out


def test_the_largest_absolute_difference() -> None:
    one, other = Constant([[1.0, -4.0], [2.0, 0.0]]), Constant([[1.5, -4.0], [2.0, 3.0]])
    assert deviation(one, other) == 3.0
    assert deviation(one, other, relative=True) == 0.75
    assert deviation(other, one, relative=True) == 0.75
    assert deviation(one, one) == 0.0


def test_channels_that_only_the_first_has_must_be_zero() -> None:
    wide, narrow = Constant([[1.0, 0.25, 7.0]]), Constant([[1.0]])
    assert deviation(wide, narrow) == 7.0
    assert deviation(Constant([[1.0, 0.0, 0.0]]), narrow) == 0.0


def test_keep_says_which_channels_the_second_has() -> None:
    wide, narrow = Constant([[0.0, 5.0, 0.0, 6.0]]), Constant([[5.0, 6.0]])
    assert deviation(wide, narrow, keep=torch.tensor([1, 3])) == 0.0
    assert deviation(wide, narrow) == 6.0


def test_outputs_of_nothing_and_of_zero() -> None:
    assert deviation(Constant(torch.zeros(0, 3)), Constant(torch.zeros(0, 3))) == 0.0
    zero = Constant([[0.0]])
    assert deviation(zero, zero, relative=True) == 0.0


def test_an_output_that_is_not_a_number_is_no_agreement() -> None:
    assert not deviation(Constant([[math.nan, 1.0]]), Constant([[0.0, 1.0]])) <= 1e-5
    assert not deviation(Constant([[0.0, 1.0]]), Constant([[math.nan, 1.0]])) <= 1e-5


@pytest.mark.parametrize("training", [True, False])
def test_both_are_called_in_evaluation_mode_and_modes_are_restored(training: bool) -> None:
    one, other = Constant([[1.0]]), Constant([[1.0]])
    one.train(training)
    other.train(not training)
    one.child.eval()
    deviation(one, other)
    assert one.called_training == other.called_training == [False]
    assert (one.training, one.child.training) == (training, False)
    assert (other.training, other.child.training) == (not training, not training)


def test_modes_are_restored_after_an_error() -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no")

    failing = Failing()
    with pytest.raises(RuntimeError, match="no"):
        deviation(failing, failing, torch.ones(1))
    assert failing.training


def test_no_gradient_is_recorded() -> None:
    model = nn.Linear(3, 2)
    deviation(model, model, torch.ones(1, 3))
    assert model.weight.grad is None


@pytest.mark.parametrize(
    ("one", "other"),
    [((2, 3), (3, 3)), ((2, 3), (2, 4)), ((2, 3, 1), (2, 1)), ((4, 2, 3), (4, 1, 3))],
)
def test_shapes_that_cannot_be_compared_are_refused(
    one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        deviation(Constant(torch.zeros(one)), Constant(torch.zeros(other)))
    assert str(caught.value) == (
        f"The outputs have shapes {one} and {other}: they may differ only in the last dimension, "
        f"and there the first must be the larger and keep name as many channels as the second has."
    )


def test_a_keep_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="keep name as many channels as the second has"):
        deviation(Constant(torch.zeros(2, 3)), Constant(torch.zeros(2, 2)), keep=torch.tensor([0]))
