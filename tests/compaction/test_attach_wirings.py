"""Networks wired at random are compacted exactly or refused, and mostly narrower."""

from __future__ import annotations

import pytest
import torch
from gated_torch import apart, close_at_random, size, unsettled
from torch import Tensor
from wirings import Wiring

from graphdam import attach_gates
from graphdam.compaction import GatedModel
from graphdam.errors import InexactError

SEEDS = 100


def wired(seed: int, *, awkward: bool) -> Wiring:
    torch.manual_seed(seed)
    model = Wiring(seed, awkward=awkward).double()
    unsettled(model, seed)
    return model


def example(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, 6, 6, generator=generator, dtype=torch.float64)


def exact(model: Wiring, gated: GatedModel, seed: int) -> bool:
    """Whether random widths are compacted exactly, on another input too, and really smaller."""
    gated = close_at_random(gated.double(), seed)
    small = gated.compact()
    for x in (example(seed), example(seed + 1)):
        assert apart(gated, small, (x,)) < 1e-9, seed
    return size(small) < size(model)


NOTHING = "No channels of Wiring can be gated"
"""Where all of a model's channels go together, as after shuffles of a pair, none can go alone."""


def test_whatever_keeps_channels_apart_is_gated_and_exact() -> None:
    kinds = ("dam", "l0", "l1")
    narrower = 0
    for seed in range(SEEDS):
        model = wired(seed, awkward=False)
        try:
            gated = attach_gates(model, example(seed), gate=kinds[seed % 3])
        except InexactError as error:
            assert str(error).startswith(NOTHING), (seed, str(error))
            continue
        narrower += exact(model, gated, seed)
    assert narrower > 0.9 * SEEDS


def test_whatever_mixes_them_is_refused_by_name_or_left_whole() -> None:
    refused = narrower = 0
    for seed in range(SEEDS):
        model = wired(seed, awkward=True)
        try:
            gated = attach_gates(model, example(seed))
        except InexactError as error:
            refused += 1
            # The rules see it: nothing is left for the trial to find.
            assert "cannot be removed exactly: " in str(error) or NOTHING in str(error), seed
            try:
                gated = attach_gates(model, example(seed), inexact="leave")
            except InexactError as nothing:
                assert str(nothing).startswith(NOTHING), (seed, str(nothing))
                continue
        narrower += exact(model, gated, seed)
    assert refused > SEEDS // 4
    assert narrower > SEEDS // 2


@pytest.mark.parametrize("mistake", ["rows", "factors"])
def test_a_wrong_compaction_of_a_wiring_is_noticed(mistake: str) -> None:
    """The equality above is none that anything would pass."""
    for seed in range(10):
        gated = attach_gates(wired(seed, awkward=False), example(seed), gate="l1").double()
        close_at_random(gated, seed)
        right = {group.name: gate.keep() for group, gate in _pairs(gated)}
        if mistake == "rows":
            wrong = gated.compact(keep={k: _others(v, gated, k) for k, v in right.items()})
        else:
            small, changed = gated.compact(), gated
            with torch.no_grad():
                for _, gate in _pairs(changed):
                    gate.scale.mul_(1.3)
            assert apart(changed, small, (example(seed),)) > 1e-6, seed
            continue
        assert apart(gated, wrong, (example(seed),)) > 1e-6, seed


def _pairs(gated: GatedModel):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return zip(gated.groups, gated.gates.values(), strict=True)


def _others(keep: Tensor, gated: GatedModel, name: str) -> Tensor:
    """Other channels, closed ones among them."""
    total = next(group.num_channels for group in gated.groups if group.name == name)
    closed = [at for at in range(total) if at not in keep.tolist()]
    return torch.tensor(closed[:1] + keep.tolist()[1:])
