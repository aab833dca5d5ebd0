"""Do L1 and L0 gates train, close, stay as they ended, and compact exactly?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from training_runs import assert_same_weights, start, train

from graphdam.compaction import deviation
from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.gates import Gate, HardConcreteGate, L1Gate, gates_of
from graphdam.nn import Encoder
from graphdam.objectives import prepare_graph
from graphdam.report import HistoryLine
from graphdam.training import Settings, Trainer

MakeSettings = Callable[..., Settings]

KINDS: dict[str, type[Gate]] = {"l1": L1Gate, "l0": HardConcreteGate}

PRESSED: dict[str, Any] = {
    "epochs": 60,
    "penalty_weight": 20.0,
    "gate_lr": 0.1,
    "gate_end": 0.8,
    "teacher": False,
}

every_rival = pytest.mark.parametrize("recipe", sorted(KINDS))


def gate_of(encoder: Encoder) -> Gate:
    return next(iter(gates_of(encoder).values()))


def learnt(gate: Gate) -> Tensor:
    return next(gate.parameters())


@every_rival
@pytest.mark.parametrize("model", ["gcn", "graphsage", "gat"])
def test_it_closes_channels_and_compacts_exactly(
    quick: MakeSettings, sbm: Graph, recipe: str, model: str
) -> None:
    fit, lines = train(quick(recipe, model=model, **PRESSED), sbm)
    assert isinstance(gate_of(fit.encoder), KINDS[recipe])
    compact = fit.encoder.compact()
    assert compact.widths == fit.encoder.widths == lines[-1].widths
    assert compact.widths[0] < lines[0].widths[0] == 16
    prepared = prepare_graph(fit.encoder, sbm)
    assert deviation(fit.encoder, compact, sbm.x, prepared.adjacency, relative=True) < 1e-5


@every_rival
def test_without_a_penalty_nothing_closes(quick: MakeSettings, sbm: Graph, recipe: str) -> None:
    fit, _ = train(quick(recipe, **{**PRESSED, "penalty_weight": 0.0}), sbm)
    assert fit.encoder.widths == [16]


@every_rival
def test_the_width_is_final_from_gate_end_on(quick: MakeSettings, sbm: Graph, recipe: str) -> None:
    fit, lines = train(quick(recipe, **{**PRESSED, "gate_end": 0.5}), sbm)
    values = [line.gate_values for line in lines[30:]]
    assert all(value == values[0] for value in values)
    assert all(line.penalty > 0 for line in lines[:30])
    assert all(line.penalty == 0 for line in lines[30:])
    assert fit.chosen.epoch >= 30


@every_rival
def test_a_crushing_penalty_stops_at_the_minimum_width_and_says_so(
    quick: MakeSettings, karate: Graph, recipe: str
) -> None:
    given = {**PRESSED, "penalty_weight": 1e4, "gate_lr": 0.3, "min_width": 3}
    fit, lines = train(quick(recipe, **given), karate)
    assert fit.encoder.widths == [3]
    assert min(line.widths[0] for line in lines) == 3
    assert fit.notes == [
        "hidden layer 1 was stopped at the minimum width (3 channels a gate): λ would have closed "
        "it"
    ]


class InterruptionError(Exception):
    """What ends a run in the middle."""


@every_rival
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    quick: MakeSettings, karate: Graph, tmp_path: Path, recipe: str
) -> None:
    settings = quick(recipe, **PRESSED)
    whole, _ = train(settings, karate)

    def interrupt(line: HistoryLine) -> None:
        if line.epoch == 25:
            raise InterruptionError

    kept = tmp_path / "checkpoint.safetensors"
    first = Trainer(settings, on_epoch=interrupt, checkpoint_seconds=0.0)
    with pytest.raises(InterruptionError):
        first.fit(start(settings, karate), karate, checkpoint=kept)
    resumed = Trainer(settings).fit(start(settings, karate), karate, checkpoint=kept)
    assert_same_weights(whole.encoder, resumed.encoder)
    assert torch.equal(learnt(gate_of(whole.encoder)), learnt(gate_of(resumed.encoder)))
    assert whole.chosen == resumed.chosen


@every_rival
@pytest.mark.parametrize(
    "limit", [{"target_width": 4}, {"max_parameters": 100}, {"max_multiply_adds": 100}]
)
def test_it_cannot_be_sent_to_a_width(recipe: str, limit: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=f"gate='{recipe}' learns its width under λ and cannot"):
        Settings.of(recipe, **limit)
