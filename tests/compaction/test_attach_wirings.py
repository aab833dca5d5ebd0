"""Networks wired at random are compacted exactly or refused, and mostly narrower."""

from __future__ import annotations

from typing import Any

import torch
from gated_torch import apart, close_at_random, size, unsettled
from torch import Tensor
from wirings import Wiring

from graphdam import attach_gates
from graphdam.compaction import GatedModel
from graphdam.errors import InexactError
from graphdam.gates import Gate, gates_of

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


def attached(model: Wiring, seed: int, **arguments: Any) -> tuple[GatedModel | None, str]:
    """The gated model, or None and why it was refused."""
    try:
        return attach_gates(model, example(seed), **arguments), ""
    except InexactError as error:
        return None, str(error)


def test_whatever_keeps_channels_apart_is_gated_and_exact() -> None:
    kinds = ("dam", "l0", "l1")
    narrower = 0
    for seed in range(SEEDS):
        model = wired(seed, awkward=False)
        gated, why = attached(model, seed, gate=kinds[seed % 3])
        assert gated is not None or why.startswith(NOTHING), (seed, why)
        narrower += gated is not None and exact(model, gated, seed)
    assert narrower > 0.9 * SEEDS


def test_whatever_mixes_them_is_refused_by_name_or_left_whole() -> None:
    refused = narrower = 0
    for seed in range(SEEDS):
        model = wired(seed, awkward=True)
        gated, why = attached(model, seed)
        if gated is None:
            refused += 1
            # The rules see it: nothing is left for the trial to find.
            assert "cannot be removed exactly: " in why or NOTHING in why, (seed, why)
            gated, why = attached(model, seed, inexact="leave")
            assert gated is not None or why.startswith(NOTHING), (seed, why)
        narrower += gated is not None and exact(model, gated, seed)
    assert refused > SEEDS // 4
    assert narrower > SEEDS // 2


def test_a_wrong_compaction_of_a_wiring_is_noticed() -> None:
    """The equality above is none that anything would pass: other channels, other factors."""
    for seed in range(10):
        gated = attach_gates(wired(seed, awkward=False), example(seed), gate="l1").double()
        close_at_random(gated, seed)
        gates = dict(
            zip([group.name for group in gated.groups], gates_of(gated).values(), strict=True)
        )
        others = {name: _others(gate) for name, gate in gates.items()}
        assert apart(gated, gated.compact(keep=others), (example(seed),)) > 1e-6, seed
        small = gated.compact()
        with torch.no_grad():
            for parameter in gated.gates.parameters():
                parameter.mul_(1.3)
        assert apart(gated, small, (example(seed),)) > 1e-6, seed


def _others(gate: Gate) -> Tensor:
    """As many channels as are open, a closed one among them."""
    keep = gate.keep().tolist()
    closed = [at for at in range(gate.num_channels) if at not in keep]
    return torch.tensor(closed[:1] + keep[1:])
