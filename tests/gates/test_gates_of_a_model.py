"""The gates of a whole model: counted once, penalised on average, optimised apart."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphdam.gates import DAMGate, gates_of, parameter_groups, width_penalty, widths_of


class TwoPaths(nn.Module):
    """Two layers tied to one gate, and a third with its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 6), nn.Linear(3, 6)
        self.tied = DAMGate(6)
        self.again = self.tied
        self.last = nn.Sequential(nn.Linear(6, 4), DAMGate(4))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.tied(self.first(x)) + self.again(self.second(x)))
        return out


@pytest.fixture
def model() -> TwoPaths:
    model = TwoPaths()
    model.tied.set_offset(-1.0)
    last = model.last[1]
    assert isinstance(last, DAMGate)
    last.set_offset(-2.0)
    return model


def test_a_shared_gate_is_found_once(model: TwoPaths) -> None:
    assert list(gates_of(model)) == ["tied", "last.1"]
    assert widths_of(model) == [gate.width for gate in (model.tied, model.last[1])]
    assert widths_of(model) == [4, 2]


def test_the_penalty_is_the_mean_offset_with_gradient_one_over_the_number_of_gates(
    model: TwoPaths,
) -> None:
    penalty = width_penalty(model)
    assert penalty.item() == pytest.approx((-1.0 - 2.0) / 2)
    penalty.backward()  # type: ignore[no-untyped-call]
    for gate in gates_of(model).values():
        assert next(gate.parameters()).grad == 1 / 2
    assert model.first.weight.grad is None


def test_a_gate_at_its_minimum_leaves_the_others_their_share(model: TwoPaths) -> None:
    model.tied.set_offset(-50.0)
    width_penalty(model).backward()  # type: ignore[no-untyped-call]
    last = model.last[1]
    assert isinstance(last, DAMGate)
    assert model.tied.offset.grad == 0
    assert last.offset.grad == 1 / 2


def test_a_model_without_gates_has_no_penalty_and_one_group() -> None:
    plain = nn.Linear(2, 2)
    assert width_penalty(plain).item() == 0.0
    assert widths_of(plain) == []
    assert len(parameter_groups(plain, lr=0.1, gate_lr=0.2)) == 1


def test_parameter_groups_are_disjoint_and_complete_and_never_decay_offsets(
    model: TwoPaths,
) -> None:
    weights, gates = parameter_groups(model, lr=0.01, gate_lr=0.05, weight_decay=0.3)
    assert (weights["lr"], weights["weight_decay"]) == (0.01, 0.3)
    assert (gates["lr"], gates["weight_decay"]) == (0.05, 0.0)
    of_weights = [id(parameter) for parameter in weights["params"]]
    of_gates = [id(parameter) for parameter in gates["params"]]
    assert set(of_gates) == {id(model.tied.offset), id(next(model.last[1].parameters()))}
    assert len(of_weights + of_gates) == len(set(of_weights + of_gates))
    assert set(of_weights + of_gates) == {id(parameter) for parameter in model.parameters()}


def test_an_optimiser_with_decay_leaves_the_offsets_where_they_are(model: TwoPaths) -> None:
    groups = parameter_groups(model, lr=0.1, gate_lr=0.1, weight_decay=0.5)
    before = model.tied.offset.item(), model.first.weight.detach().clone()
    optimiser = torch.optim.SGD(groups)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    assert model.tied.offset.item() == before[0]
    torch.testing.assert_close(model.first.weight.detach(), before[1] * (1 - 0.1 * 0.5))
