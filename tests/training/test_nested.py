"""Do prefixes learn to be models of their own, and does the whole model stay whole?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from training_runs import assert_same_weights, outputs_of, start, train

from graphdam.compaction import deviation
from graphdam.data import Graph
from graphdam.gates import DAMGate, gates_of
from graphdam.nn import Encoder
from graphdam.objectives import NodeClassification, prepare_graph
from graphdam.report import HistoryLine
from graphdam.training import Settings, Trainer
from graphdam.training.nested import NestedPrefixes

MakeSettings = Callable[..., Settings]

NESTED = {"start_width": 32, "gate_end": 0.0, "final_steepness": 1e6, "penalty_weight": 0.0}


def gate_of(encoder: Encoder) -> DAMGate:
    gate = next(iter(gates_of(encoder).values()))
    assert isinstance(gate, DAMGate)
    return gate


def accuracy(encoder: Encoder, graph: Graph) -> float:
    objective, prepared = NodeClassification(graph), prepare_graph(encoder, graph)
    return objective.score(encoder, prepared, "test")["accuracy"]


@pytest.mark.parametrize("model", ["gcn", "graphsage", "gat"])
def test_every_prefix_has_its_turn_and_the_gates_open_again(
    quick: MakeSettings, sbm: Graph, model: str
) -> None:
    encoder = start(quick("nested", **NESTED, model=model), sbm)
    prefixes, met = NestedPrefixes(encoder), []
    gate = gate_of(encoder)
    gate.set_steepness(1e6)
    for _ in prefixes:
        met.append(encoder.widths[0])
        values = gate.values()
        assert torch.equal(values, (torch.arange(gate.num_channels) < gate.width).float())
    assert met == [32, 16, 8, 4]
    assert encoder.widths == [32]


def test_who_leaves_early_leaves_the_gates_open(quick: MakeSettings, sbm: Graph) -> None:
    encoder = start(quick("nested", **NESTED), sbm)
    for _ in NestedPrefixes(encoder):
        if encoder.widths == [16]:
            break
    assert encoder.widths == [32]


def test_a_step_descends_the_mean_of_the_losses_of_the_whole_and_its_prefixes(
    quick: MakeSettings, sbm: Graph
) -> None:
    """The other path: one epoch without dropout, its loss worked out beside it."""
    settings = quick("nested", **NESTED, epochs=1, feature_dropout=0.0)
    _, lines = train(settings, sbm)
    encoder = start(settings, sbm)
    gate = gate_of(encoder)
    gate.set_steepness(1e6)
    objective, prepared = NodeClassification(sbm), prepare_graph(encoder, sbm)

    @torch.no_grad()
    def loss() -> float:
        return float(objective.loss(encoder, prepared, objective.outputs(encoder, prepared)))

    losses = []
    for width in (32, 16, 8, 4):
        gate.set_offset(gate.offset_of(width))
        losses.append(loss())
    assert len(set(losses)) == 4
    assert lines[0].loss == pytest.approx(sum(losses) / 4, rel=1e-5)


def test_the_epoch_is_chosen_by_the_mean_score_of_the_whole_and_its_prefixes(
    quick: MakeSettings, sbm: Graph
) -> None:
    fit, lines = train(quick("nested", **NESTED, epochs=20), sbm)
    objective, prepared = NodeClassification(sbm), prepare_graph(fit.encoder, sbm)
    compact = fit.encoder.compact()
    scores = [
        objective.score(compact.truncate(width), prepared, "val")["accuracy"]
        for width in (32, 16, 8, 4)
    ]
    assert fit.chosen.score == pytest.approx(sum(scores) / 4)
    assert lines[fit.chosen.epoch].val == pytest.approx(scores[0])


def test_prefixes_of_a_nested_model_know_more_than_those_of_a_plain_one(
    quick: MakeSettings, sbm: Graph
) -> None:
    given = {**NESTED, "epochs": 60, "gated_dropout": 0.0, "feature_dropout": 0.0}
    nested, lines = train(quick("nested", **given), sbm)
    plain, _ = train(quick("nested", **given, nested=False), sbm)
    assert {tuple(line.widths) for line in lines} == {(32,)}
    assert nested.encoder.widths == nested.encoder.compact().widths == [32]
    assert accuracy(nested.encoder, sbm) > 0.85

    def of_prefixes(encoder: Encoder) -> float:
        return sum(accuracy(encoder.truncate(width), sbm) for width in (4, 8)) / 2

    assert of_prefixes(nested.encoder) > of_prefixes(plain.encoder) + 0.05


def test_the_compact_model_is_exact_and_its_first_channels_are_the_prefix(
    quick: MakeSettings, sbm: Graph
) -> None:
    fit, _ = train(quick("nested", **NESTED), sbm)
    compact, adjacency = fit.encoder.compact(), prepare_graph(fit.encoder, sbm).adjacency
    assert deviation(fit.encoder, compact, sbm.x, adjacency, relative=True) < 1e-5
    cut = compact.truncate(8)
    gate_of(fit.encoder).set_offset(gate_of(fit.encoder).offset_of(8))
    torch.testing.assert_close(outputs_of(fit.encoder, sbm), outputs_of(cut, sbm))


class InterruptionError(Exception):
    """What ends a run in the middle."""


def test_a_resumed_run_ends_at_the_same_weights(
    quick: MakeSettings, karate: Graph, tmp_path: Path
) -> None:
    settings, kept = quick("nested", **NESTED), tmp_path / "checkpoint.safetensors"
    whole, _ = train(settings, karate)

    def interrupt(line: HistoryLine) -> None:
        if line.epoch == 9:
            raise InterruptionError

    first = Trainer(settings, on_epoch=interrupt, checkpoint_seconds=0.0)
    with pytest.raises(InterruptionError):
        first.fit(start(settings, karate), karate, checkpoint=kept)
    resumed = Trainer(settings).fit(start(settings, karate), karate, checkpoint=kept)
    assert_same_weights(whole.encoder, resumed.encoder)
