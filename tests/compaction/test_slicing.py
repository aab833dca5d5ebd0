"""Every slicing rule against the whole layer: the kept outputs, the inputs that are not zero."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from gated_torch import unsettled
from torch import Tensor, nn

from graphdam.compaction import num_inputs, num_outputs, slice_in, slice_out
from graphdam.errors import InexactError

EXACT, NOTICED = 1e-12, 1e-3

GROUPED = [1, 2, 4, 5]
"""Two of the three channels of each of two groups, not the same in both."""

Case = tuple[Callable[[], nn.Module], tuple[int, ...], int, list[int]]

WRITERS: dict[str, Case] = {
    "Linear": (lambda: nn.Linear(4, 6), (5, 4), -1, [1, 2, 5]),
    "Embedding": (lambda: nn.Embedding(9, 6), (), -1, [1, 2, 5]),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(9, 6), (), -1, [1, 2, 5]),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3), (2, 4, 7), 1, [1, 2, 5]),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, 2, 1), (2, 4, 7, 7), 1, [1, 2, 5]),
    "Conv3d": (lambda: nn.Conv3d(4, 6, 2), (2, 4, 3, 3, 3), 1, [1, 2, 5]),
    "Conv2d without bias": (lambda: nn.Conv2d(4, 6, 3, bias=False), (2, 4, 5, 5), 1, [1, 2, 5]),
    "Conv2d that wraps around": (
        lambda: nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"),
        (2, 4, 5, 5),
        1,
        [1, 2, 5],
    ),
    "Conv2d in groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), (2, 4, 5, 5), 1, GROUPED),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, 2), (2, 4, 5), 1, [1, 2, 5]),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 6, 2, 2), (2, 4, 5, 5), 1, [1, 2, 5]),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(4, 6, 2), (2, 4, 3, 3, 3), 1, [1, 2, 5]),
    "ConvTranspose2d in groups": (
        lambda: nn.ConvTranspose2d(4, 6, 2, 2, groups=2),
        (2, 4, 5, 5),
        1,
        GROUPED,
    ),
}

FOLLOWERS: dict[str, Case] = {
    "BatchNorm1d": (lambda: nn.BatchNorm1d(6), (5, 6), 1, [1, 2, 5]),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(6), (2, 6, 3, 3), 1, [1, 2, 5]),
    "InstanceNorm2d": (
        lambda: nn.InstanceNorm2d(6, affine=True, track_running_stats=True),
        (2, 6, 3, 3),
        1,
        [1, 2, 5],
    ),
    "GroupNorm": (lambda: nn.GroupNorm(6, 6), (2, 6, 3, 3), 1, [1, 2, 5]),
    "PReLU": (lambda: nn.PReLU(6), (2, 6, 3), 1, [1, 2, 5]),
    "depthwise Conv2d": (lambda: nn.Conv2d(6, 6, 3, groups=6), (2, 6, 5, 5), 1, [1, 2, 5]),
    "depthwise Conv1d that doubles": (
        lambda: nn.Conv1d(3, 6, 3, groups=3),
        (2, 3, 5),
        1,
        [2, 3, 4, 5],
    ),
    "depthwise ConvTranspose2d that doubles": (
        lambda: nn.ConvTranspose2d(3, 6, 2, 2, groups=3),
        (2, 3, 4, 4),
        1,
        [2, 3, 4, 5],
    ),
}
ABSORB = [name for name in {**WRITERS, **FOLLOWERS} if name != "PReLU"]

READERS: dict[str, Case] = {
    "Linear": (lambda: nn.Linear(6, 4), (5, 6), -1, [1, 2, 5]),
    "Conv1d": (lambda: nn.Conv1d(6, 4, 3), (2, 6, 7), 1, [1, 2, 5]),
    "Conv2d": (lambda: nn.Conv2d(6, 4, 3, padding=1), (2, 6, 5, 5), 1, [1, 2, 5]),
    "Conv3d": (lambda: nn.Conv3d(6, 4, 2), (2, 6, 3, 3, 3), 1, [1, 2, 5]),
    "Conv2d in groups": (lambda: nn.Conv2d(6, 4, 3, groups=2), (2, 6, 5, 5), 1, GROUPED),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(6, 4, 2, 2), (2, 6, 5, 5), 1, [1, 2, 5]),
    "ConvTranspose1d in groups": (
        lambda: nn.ConvTranspose1d(6, 4, 3, groups=2),
        (2, 6, 5),
        1,
        GROUPED,
    ),
}


def built(case: Case) -> tuple[nn.Module, Tensor, int, Tensor]:
    make, shape, dim, keep = case
    generator = torch.Generator().manual_seed(0)
    layer = unsettled(make().double()).eval()
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        x = torch.randint(9, (3, 4), generator=generator)
    return layer, x, dim, torch.tensor(keep)


def factors(count: int) -> Tensor:
    return torch.linspace(0.4, 1.7, count, dtype=torch.float64)


def misses_out(
    layer: nn.Module, sliced: nn.Module, x: Tensor, dim: int, keep: Tensor, scale: Tensor | None
) -> float:
    """How far a layer with fewer outputs lies from those outputs of the whole one."""
    expected = layer(x).index_select(dim, keep)
    if scale is not None:
        shape = [1] * expected.dim()
        shape[dim] = -1
        expected = expected * scale.view(shape)
    if num_in(sliced) != num_in(layer):  # a depthwise convolution lost inputs as well
        x = x.index_select(dim, keep[::2] // 2 if keep.tolist() == [2, 3, 4, 5] else keep)
    elif type(layer) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm, nn.PReLU):
        x = x.index_select(dim, keep)
    return float((sliced(x) - expected).detach().abs().max())


def num_in(layer: nn.Module) -> int:
    return num_inputs(layer) if isinstance(layer, nn.modules.conv._ConvNd) else 0


def misses_in(
    layer: nn.Module, sliced: nn.Module, x: Tensor, dim: int, keep: Tensor, scale: Tensor
) -> float:
    """How far a layer with fewer inputs lies from the whole one, the others being zero."""
    read = x.index_select(dim, keep)
    shape = [1] * x.dim()
    shape[dim] = -1
    whole = torch.zeros_like(x).index_copy(dim, keep, read * scale.view(shape))
    return float((sliced(read) - layer(whole)).detach().abs().max())


def spoilt(layer: nn.Module, sliced: nn.Module) -> list[tuple[str, nn.Module]]:
    """The sliced layer with one tensor taken from the first channels and not from the kept."""
    found = []
    whole = layer.state_dict()
    for name, value in sliced.state_dict().items():
        if value.shape == whole[name].shape:
            continue
        wrong = copy.deepcopy(sliced)
        first = whole[name][tuple(slice(0, size) for size in value.shape)]
        with torch.no_grad():
            wrong.state_dict()[name].copy_(first)
        found.append((name, wrong))
    return found


@pytest.mark.parametrize("name", [*WRITERS, *FOLLOWERS])
def test_fewer_outputs_are_those_outputs_and_every_wrong_tensor_is_noticed(name: str) -> None:
    layer, x, dim, keep = built({**WRITERS, **FOLLOWERS}[name])
    before = copy.deepcopy(layer.state_dict())
    sliced = slice_out(layer, keep)
    assert num_outputs(sliced) == keep.numel() < num_outputs(layer) == 6
    assert misses_out(layer, sliced, x, dim, keep, None) < EXACT
    wrong = spoilt(layer, sliced)
    assert wrong
    for tensor, variant in wrong:
        assert misses_out(layer, variant, x, dim, keep, None) > NOTICED, tensor
    assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())


@pytest.mark.parametrize("name", ABSORB)
def test_outputs_absorb_factors_and_forgetting_them_is_noticed(name: str) -> None:
    layer, x, dim, keep = built({**WRITERS, **FOLLOWERS}[name])
    scale = factors(keep.numel())
    assert misses_out(layer, slice_out(layer, keep, scale), x, dim, keep, scale) < EXACT
    assert misses_out(layer, slice_out(layer, keep), x, dim, keep, scale) > NOTICED
    assert misses_out(layer, slice_out(layer, keep, scale.flip(0)), x, dim, keep, scale) > NOTICED


@pytest.mark.parametrize("name", READERS)
def test_fewer_inputs_are_the_others_at_zero_and_every_mistake_is_noticed(name: str) -> None:
    layer, x, dim, keep = built(READERS[name])
    scale = factors(keep.numel())
    sliced = slice_in(layer, keep, scale)
    assert num_inputs(sliced) == keep.numel() < num_inputs(layer) == 6
    assert misses_in(layer, sliced, x, dim, keep, scale) < EXACT
    mistakes = [
        slice_in(layer, keep, torch.ones_like(scale)),
        slice_in(layer, keep, scale.flip(0)),
        slice_in(layer, keep, scale**2),
        *(variant for _, variant in spoilt(layer, sliced)),
    ]
    assert len(mistakes) > 3
    for wrong in mistakes:
        assert misses_in(layer, wrong, x, dim, keep, scale) > NOTICED


@pytest.mark.parametrize("transposed", [False, True])
def test_both_sides_in_either_order(transposed: bool) -> None:
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    layer = kind(6, 6, 3, groups=2)
    keep, scale = torch.tensor(GROUPED), factors(4)
    one = slice_in(slice_out(layer, keep), keep, scale)
    other = slice_out(slice_in(layer, keep, scale), keep)
    assert repr(one) == repr(other)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert one(torch.randn(1, 4, 5, 5)).shape[1] == 4


def test_what_stays_frozen_and_what_needs_no_slicing() -> None:
    layer = nn.Conv2d(3, 6, 1)
    layer.weight.requires_grad_(False)
    assert not slice_out(layer, torch.tensor([0])).get_parameter("weight").requires_grad
    slope = nn.PReLU()
    keep = torch.tensor([0, 2])
    assert torch.equal(slice_out(slope, keep)(torch.ones(2) * -1), slope(torch.ones(2) * -1))
    for plain in (nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Dropout2d(), nn.Identity()):
        assert slice_out(plain, keep) is plain
        with pytest.raises(InexactError, match="without a weight for every channel cannot absorb"):
            slice_out(plain, keep, torch.ones(2))


def test_what_cannot_be_cut_exactly_is_refused() -> None:
    keep = torch.tensor([0, 1, 3])
    with pytest.raises(InexactError) as caught:
        slice_out(nn.Conv2d(6, 6, 1, groups=2), keep)
    assert str(caught.value) == (
        "The 2 groups of a Conv2d would keep [2, 1] channels, but groups are of one size: keep as "
        "many in each."
    )
    with pytest.raises(InexactError, match=r"^The 2 groups of a ConvTranspose1d would keep"):
        slice_in(nn.ConvTranspose1d(6, 6, 1, groups=2), keep, torch.ones(3))
    with pytest.raises(InexactError) as caught:
        slice_out(nn.Conv1d(3, 6, 1, groups=3), keep)
    assert str(caught.value) == (
        "A depthwise Conv1d writes 2 channels for every one it reads, and can only lose all of "
        "them together."
    )
    with pytest.raises(InexactError) as caught:
        slice_in(nn.Conv2d(6, 6, 1, groups=6), keep, torch.ones(3))
    assert str(caught.value) == (
        "A depthwise Conv2d writes a channel for every channel it reads, and loses both together: "
        "name it among the followers of a group, not its consumers."
    )
    with pytest.raises(InexactError) as caught:
        slice_out(nn.Embedding(9, 6, max_norm=1.0), keep)
    assert str(caught.value) == (
        "Embedding with max_norm shortens its vectors by their norm over all channels, so removing "
        "some changes the others: use max_norm=None."
    )
    with pytest.raises(InexactError, match=r"^PReLU without a weight for every channel"):
        slice_out(nn.PReLU(6), keep, torch.ones(3))
    with pytest.raises(InexactError, match=r"^GroupNorm without a weight for every channel"):
        slice_out(nn.GroupNorm(6, 6, affine=False), keep, torch.ones(3))
