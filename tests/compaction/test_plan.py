"""A plan is a value: it can be read before it is carried out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graphdam.compaction import ChannelGroup, Consumer, apply_plan, deviation, plan_compaction
from graphdam.errors import InexactError
from graphdam.gates import DAMGate


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    first, second = DAMGate(16), DAMGate(8)
    first.set_offset(first.offset_of(5))
    return nn.Sequential(
        nn.Linear(4, 16),
        nn.BatchNorm1d(16),
        first,
        nn.Linear(16, 8),
        second,
        nn.Linear(8, 3),
    )


@pytest.fixture
def groups() -> list[ChannelGroup]:
    return [
        ChannelGroup("hidden 1", 16, ("0",), (Consumer("3"),), ("1",), gate="2"),
        ChannelGroup("hidden 2", 8, ("3",), (Consumer("5"),), gate="4"),
    ]


def test_it_prints_as_a_table(model: nn.Module, groups: list[ChannelGroup]) -> None:
    assert str(plan_compaction(model, groups)).splitlines() == [
        "layer  type         inputs  outputs",
        "0      Linear       –       16 → 5",
        "1      BatchNorm1d  –       16 → 5",
        "3      Linear       16 → 5  8",
        "5      Linear       8       –",
    ]


def test_it_names_widths_and_gates(model: nn.Module, groups: list[ChannelGroup]) -> None:
    plan = plan_compaction(model, groups)
    assert plan.widths == {"hidden 1": 5, "hidden 2": 8}
    assert plan.gates == ("2", "4")
    inputs = plan.layers[2].inputs
    assert inputs is not None
    assert inputs.keep.tolist() == [0, 1, 2, 3, 4]
    gate = model.get_submodule("2")
    assert isinstance(gate, DAMGate)
    assert inputs.scale is not None
    torch.testing.assert_close(inputs.scale.float(), gate.values()[:5])


def test_planning_changes_nothing_and_a_plan_can_be_carried_out_twice(
    model: nn.Module, groups: list[ChannelGroup]
) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plan = plan_compaction(model, groups)
    one, other = apply_plan(model, plan), apply_plan(model, plan)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    x = torch.randn(7, 4)
    assert deviation(one, other, x) == 0.0
    assert deviation(model, one, x) < 1e-5


def test_where_nothing_reads_a_gated_output_its_norm_takes_the_values() -> None:
    torch.manual_seed(1)
    gate = DAMGate(6)
    gate.set_offset(gate.offset_of(4))
    model = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), gate).eval()
    model(torch.randn(50, 3))
    group = ChannelGroup("output", 6, ("0",), (), ("1",), gate="3")
    linear, norm = plan_compaction(model, [group]).layers
    assert linear.outputs is not None
    assert norm.outputs is not None
    assert linear.outputs.scale is None
    assert norm.outputs.scale is not None
    torch.testing.assert_close(norm.outputs.scale.float(), gate.values()[:4].detach())
    without = ChannelGroup("output", 6, ("0",), gate="3")
    plain = nn.Sequential(nn.Linear(3, 6), nn.Identity(), nn.ReLU(), gate)
    (alone,) = plan_compaction(plain, [without]).layers
    assert alone.outputs is not None
    assert alone.outputs.scale is not None
    x = torch.randn(9, 3)
    for gated, its_group in ((model, group), (plain, without)):
        small = apply_plan(gated, plan_compaction(gated, [its_group]))
        assert deviation(gated, small, x, relative=True) < 1e-6


def test_values_for_one_of_several_followers_are_refused() -> None:
    norms = [nn.BatchNorm1d(6), nn.BatchNorm1d(6)]
    model = nn.Sequential(nn.Linear(3, 6), *norms, DAMGate(6))
    group = ChannelGroup("output", 6, ("0",), (), ("1", "2"), gate="3")
    with pytest.raises(InexactError) as caught:
        plan_compaction(model, [group])
    assert str(caught.value) == (
        "Group 'output' has no consumers and 2 followers (1, 2), and which of them takes the "
        "gate's values cannot be told: gate the output where one norm alone writes it, or name "
        "what reads it."
    )
