"""Models made smaller without further training: filters by size, layers by low rank."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from graphdam.baselines import (
    factorised,
    largest_filters,
    largest_gated_filters,
    without_filters,
)
from graphdam.compaction import attach_gates, deviation
from graphdam.errors import InexactError, SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.nn import GAT, GCN, GraphSAGE, LeNet5, PreResNet
from graphdam.nn.surgery import compact


def images(size: int = 28) -> Tensor:
    return torch.randn(3, 1, size, size, generator=torch.Generator().manual_seed(0))


def test_without_filters_equals_filters_that_are_zero_where_they_are_read() -> None:
    torch.manual_seed(0)
    model, x = LeNet5().eval(), images()
    small = without_filters(model, x, removed=0.6)
    layers = {"features.0": 8, "features.3": 20, "classifier.1": 200}
    masked = copy.deepcopy(model)
    with torch.no_grad():
        for path, kept in layers.items():
            weight, bias = (
                masked.get_parameter(f"{path}.weight"),
                masked.get_parameter(f"{path}.bias"),
            )
            assert small.get_parameter(f"{path}.weight").size(0) == kept
            gone = weight.abs().flatten(1).sum(1).argsort()[: len(bias) - kept]
            weight[gone] = 0
            bias[gone] = 0
    assert deviation(masked, small, x, relative=True) < 1e-5


def test_a_residual_stream_loses_what_all_its_writers_together_write_least() -> None:
    torch.manual_seed(0)
    model = PreResNet(8, in_channels=1, planes=(6, 8, 10)).eval()
    gated = attach_gates(model, images(32), gate="l1")
    keep = largest_gated_filters(gated, removed=0.5, streams=True)
    stream = next(group for group in gated.groups if "stem" in group.producers)
    norms = torch.zeros(6)
    for path in stream.producers:
        norms += model.get_parameter(f"{path}.weight").detach().abs().flatten(1).sum(1)
    assert keep[stream.name].tolist() == sorted(norms.argsort(descending=True)[:3].tolist())
    small = without_filters(model, images(32), removed=0.5, streams=True)
    assert num_parameters(small) < 0.4 * num_parameters(model)


def test_a_residual_stream_stays_unless_it_is_meant() -> None:
    torch.manual_seed(0)
    model = PreResNet(8, in_channels=1, planes=(6, 8, 10)).eval()
    gated = attach_gates(model, images(32), gate="l1")
    keep = largest_gated_filters(gated, removed=0.5)
    left = {group.name: len(keep[group.name]) / group.num_channels for group in gated.groups}
    assert left == {group.name: 1.0 if len(group.producers) > 1 else 0.5 for group in gated.groups}
    assert set(left.values()) == {0.5, 1.0}


@pytest.mark.parametrize("kind", [GCN, GraphSAGE, GAT])
def test_an_encoder_loses_its_smallest_channels(kind: type) -> None:
    torch.manual_seed(0)
    encoder = kind(5, 16, 3, 4, **({"heads": 4} if kind is GAT else {})).eval()
    groups = encoder.channel_groups()
    keep = largest_filters(encoder, groups, removed=0.5)
    each = [group.num_channels // 2 for group in groups]
    assert [len(kept) for kept in keep.values()] == each
    small = compact(encoder, keep)
    assert small.widths == [8, 8]
    x = torch.randn(6, 5)
    edges = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])
    closed = copy.deepcopy(encoder)
    with torch.no_grad():  # where they are written, for closed channels vote in GAT's attention
        for group in groups:
            gone = torch.ones(group.num_channels, dtype=torch.bool)
            gone[keep[group.name]] = False
            for parameter in closed.get_submodule(group.producers[0]).parameters():
                if parameter.size(0) == 16:
                    parameter[gone.repeat(group.repeats)] = 0
    assert deviation(closed, small, x, edges, relative=True) < 1e-5


def test_nothing_removed_is_the_same_model() -> None:
    model = LeNet5().eval()
    assert deviation(model, without_filters(model, images(), removed=0.0), images()) < 1e-5


def test_factors_of_full_rank_are_the_model_itself() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2, padding=1), nn.Flatten(), nn.Linear(4 * 16, 12)
    ).eval()
    with torch.no_grad():  # so that rank 2 and rank 5 hold all that there is
        model[0].weight.data = (torch.randn(4, 2) @ torch.randn(2, 75)).view(4, 3, 5, 5)
        model[2].weight.data = torch.randn(12, 5) @ torch.randn(5, 64)
    small = factorised(model, removed=0.4)
    ranks = [small.get_parameter(f"{path}.0.weight").size(0) for path in "02"]
    assert ranks == [2, 6]
    x = torch.randn(5, 3, 9, 9)
    assert deviation(model, small, x, relative=True) < 1e-5


def test_factors_are_the_best_of_their_rank_and_hold_what_was_asked_for() -> None:
    torch.manual_seed(0)
    model = nn.Linear(30, 20)
    small = factorised(model, removed=0.5)
    first, second = small.get_parameter("0.weight"), small.get_parameter("1.weight")
    tail = torch.linalg.svdvals(model.weight.detach())[6:]
    missed = (second @ first - model.weight).norm()
    assert float(missed.detach()) == pytest.approx(float(tail.norm()), rel=1e-5)
    assert first.numel() + second.numel() == 0.5 * model.weight.numel()
    assert torch.equal(small.get_parameter("1.bias"), model.bias)


def test_what_cannot_be_removed_is_refused() -> None:
    model = LeNet5()
    for share in (-0.1, 1.0):
        with pytest.raises(SettingsError, match=f"0 or above and below 1, received {share:g}"):
            without_filters(model, images(), removed=share)
        with pytest.raises(SettingsError, match=f"0 or above and below 1, received {share:g}"):
            factorised(model, removed=share)
    with pytest.raises(SettingsError, match="No layer of this Sequential becomes smaller"):
        factorised(nn.Sequential(nn.Linear(4, 1)), removed=0.5)
    transposed = nn.Sequential(nn.ConvTranspose2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))
    with pytest.raises(InexactError, match="filters of '0' cannot be told by their size"):
        without_filters(transposed, images(), removed=0.5)
