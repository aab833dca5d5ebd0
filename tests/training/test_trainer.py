"""Does training do what its formulas say, and hand back the best epoch at the final width?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from training_runs import CPU, outputs_of, start, train

from graphdam.compaction import deviation
from graphdam.data import Graph
from graphdam.data.graph import SplitName
from graphdam.gates import DAMGate, open_channels
from graphdam.objectives import Evaluation, NodeClassification, PreparedGraph, prepare_graph
from graphdam.training import Settings, build_wide, seeded

MakeSettings = Callable[..., Settings]

QUIET = {"dropout": 0.0, "gated_dropout": 0.0, "feature_dropout": 0.0}


class Watched(NodeClassification):
    """Remembers what validation said, in the order in which it was asked."""

    def __init__(self, graph: Graph, *, feature_dropout: float) -> None:
        super().__init__(graph, feature_dropout=feature_dropout)
        self.seen: list[Evaluation] = []

    def evaluate(self, outputs: Tensor, prepared: PreparedGraph, split: SplitName) -> Evaluation:
        found = super().evaluate(outputs, prepared, split)
        if split == "val":
            self.seen.append(found)
        return found


# Equality by another path


def test_without_gates_it_is_plain_supervised_training(quick: MakeSettings, karate: Graph) -> None:
    settings = quick("wide", **QUIET, lr=0.02, weight_decay=1e-3)
    fit, _ = train(settings, karate)
    plain = start(settings, karate)
    adam = torch.optim.Adam(plain.parameters(), lr=0.02, weight_decay=1e-3)
    mask = karate.mask("train")
    for _ in range(fit.chosen.epoch + 1):
        adam.zero_grad()
        F.cross_entropy(plain(karate.x, karate.edge_index)[mask], karate.y[mask]).backward()  # type: ignore[no-untyped-call]
        adam.step()
    torch.testing.assert_close(
        outputs_of(fit.encoder, karate), outputs_of(plain.eval(), karate), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("decoupled", [False, True])
def test_the_paper_recipe_is_the_task_loss_plus_the_mean_offset(
    quick: MakeSettings, karate: Graph, decoupled: bool
) -> None:
    settings = quick(
        "paper",
        **QUIET,
        num_layers=3,
        penalty_weight=0.3,
        gate_lr=0.1,
        gate_begin=0.25,
        gate_end=1.0,
        final_steepness=1.0,
        initial_offset=1.0,
        gated_lr=0.02,
        gated_weight_decay=1e-3,
        decoupled=decoupled,
    )
    fit, lines = train(settings, karate)
    assert fit.chosen.epoch == 19  # the only one at which the width is final

    plain = start(settings, karate)
    gates = [gate for gate in plain.gates if isinstance(gate, DAMGate)]
    offsets = [gate.offset for gate in gates]
    weights = [p for p in plain.parameters() if all(p is not offset for offset in offsets)]
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    adam = kind(
        [
            {"params": weights, "lr": 0.02, "weight_decay": 1e-3},
            {"params": offsets, "lr": 0.1, "weight_decay": 0.0},
        ]
    )
    mask = karate.mask("train")
    for epoch in range(20):
        adam.zero_grad()
        loss = F.cross_entropy(plain(karate.x, karate.edge_index)[mask], karate.y[mask])
        assert float(loss.detach()) == pytest.approx(lines[epoch].loss, rel=1e-3)
        if epoch >= 5:
            loss = loss + 0.3 * (offsets[0] + offsets[1]) / 2
        else:
            for offset in offsets:
                offset.requires_grad_(False)
        loss.backward()  # type: ignore[no-untyped-call]
        for offset in offsets:
            offset.requires_grad_(True)
        adam.step()
        found = [float(offset.detach()) for offset in offsets]
        assert found == pytest.approx(lines[epoch].offsets, abs=1e-4)
    torch.testing.assert_close(
        outputs_of(fit.encoder, karate), outputs_of(plain.eval(), karate), rtol=1e-3, atol=1e-4
    )


def test_the_first_loss_counts_labelled_nodes_beside_the_imitation_of_all(
    quick: MakeSettings, karate: Graph
) -> None:
    settings = quick(**QUIET, task_weight=0.75, target_width=(16,))
    _, lines = train(settings, karate, seed=5)
    student = start(settings, karate, seed=5)
    with seeded(5, CPU):
        teacher = build_wide(settings, karate)
    mask = karate.mask("train")
    adam = torch.optim.Adam(teacher.parameters(), lr=settings.lr, weight_decay=5e-4)
    F.cross_entropy(teacher(karate.x, karate.edge_index)[mask], karate.y[mask]).backward()  # type: ignore[no-untyped-call]
    adam.step()  # the student learns from what the teacher knows after its own step
    z, t = outputs_of(student, karate), outputs_of(teacher, karate)
    task = F.cross_entropy(z[mask], karate.y[mask])
    p = t.softmax(1)
    imitation = (p * (p.log() - z.log_softmax(1))).sum(1).mean()
    share = float(mask.sum()) / karate.num_nodes
    assert lines[0].loss == pytest.approx(float(0.75 * share * task + imitation), rel=1e-5)


@pytest.mark.parametrize("recipe", ["default", "paper", "wide"])
def test_the_returned_encoder_is_the_best_eligible_epoch(
    quick: MakeSettings, sbm: Graph, recipe: str
) -> None:
    given: dict[str, Any] = {"gate_begin": 0.0, "gate_end": 0.6, "target_width": (1,)}
    settings = quick(recipe, **({} if recipe == "wide" else given))
    objective = Watched(sbm, feature_dropout=settings.feature_dropout)
    fit, lines = train(settings, sbm, objective=objective)
    of_student = objective.seen[1::2] if recipe == "default" else objective.seen
    assert [found.score for found in of_student] == [line.val for line in lines]
    first = 0 if recipe == "wide" else 12
    eligible = range(first, 20)
    best = max(eligible, key=lambda epoch: (of_student[epoch].score, -of_student[epoch].loss))
    assert fit.chosen.epoch == best
    assert (fit.chosen.score, fit.chosen.loss) == (of_student[best].score, of_student[best].loss)
    again = objective.evaluate(outputs_of(fit.encoder, sbm), prepare_graph(fit.encoder, sbm), "val")
    assert again.score == fit.chosen.score
    assert again.loss == pytest.approx(fit.chosen.loss, rel=1e-5)
    assert not fit.encoder.training


def test_a_better_epoch_at_another_width_is_not_eligible(quick: MakeSettings, sbm: Graph) -> None:
    settings = quick(target_width=(1,), gate_begin=0.5, gate_end=0.75)
    fit, lines = train(settings, sbm)
    assert max(line.val for line in lines[:10]) > fit.chosen.score
    assert fit.chosen.epoch >= 15
    assert fit.encoder.widths == [1]


def test_the_teacher_is_chosen_over_all_epochs(quick: MakeSettings, sbm: Graph) -> None:
    settings = quick()
    objective = Watched(sbm, feature_dropout=settings.feature_dropout)
    fit, lines = train(settings, sbm, objective=objective)
    of_teacher = objective.seen[::2]
    assert [found.score for found in of_teacher] == [line.teacher_val for line in lines]
    best = max(range(20), key=lambda epoch: (of_teacher[epoch].score, -of_teacher[epoch].loss))
    assert fit.teacher is not None
    assert fit.teacher_chosen is not None
    assert fit.teacher_chosen.epoch == best
    prepared = prepare_graph(fit.teacher, sbm)
    assert objective.score(fit.teacher, prepared, "val")["accuracy"] == of_teacher[best].score


@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_history_agrees_with_the_closed_form_of_the_gate(
    quick: MakeSettings, karate: Graph, recipe: str
) -> None:
    _, lines = train(quick(recipe, gate_end=0.5, final_steepness=16.0), karate)
    assert [line.epoch for line in lines] == list(range(20))
    for line in lines:
        (offset,) = line.offsets
        assert line.widths == [max(2, open_channels(offset, 16, 5.0))]
        assert line.gate_values is not None
        positions = 5.0 * (15 - torch.arange(16)) / 16
        values = torch.relu(torch.tanh(line.steepness * (positions + offset)))
        torch.testing.assert_close(torch.tensor(line.gate_values[0]), values, atol=1e-4, rtol=0)


# Widths


@pytest.mark.parametrize(
    ("given", "widths"),
    [
        ({"target_width": (5,)}, [5]),
        ({"target_width": (1,)}, [1]),
        ({"target_width": (16,)}, [16]),
        ({"target_width": (9, 3), "num_layers": 3}, [9, 3]),
        ({"target_width": (7,), "num_layers": 3}, [7, 7]),
        ({"target_width": (8,), "model": "gat"}, [8]),
        ({"target_width": (12, 4), "model": "gat", "num_layers": 3}, [12, 4]),
        ({"target_width": (6,), "model": "graphsage"}, [6]),
        ({"target_width": (5, 3), "jk": "cat"}, [5, 3]),
        ({"target_width": (5,), "jk": "max"}, [5, 5]),
        ({"target_width": (5,), "gate_end": 1.0}, [5]),
        ({"target_width": (5,), "teacher": False}, [5]),
        ({"target_width": (5,), "norm": "batch_norm"}, [5]),
    ],
)
def test_a_run_ends_at_exactly_its_target_and_compacts_to_it(
    quick: MakeSettings, karate: Graph, given: dict[str, object], widths: list[int]
) -> None:
    fit, lines = train(quick(**given), karate)
    compact = fit.encoder.compact()
    assert fit.encoder.widths == compact.widths == widths
    assert lines[-1].widths == lines[fit.chosen.epoch].widths
    adjacency = prepare_graph(fit.encoder, karate).adjacency
    assert deviation(fit.encoder, compact, karate.x, adjacency, relative=True) < 1e-5
    assert not any(isinstance(module, DAMGate) for module in compact.modules())


@pytest.mark.parametrize("model", ["gcn", "graphsage", "gat"])
def test_every_model_learns_closes_and_compacts_exactly(
    quick: MakeSettings, sbm: Graph, model: str
) -> None:
    settings = quick(model=model, brake_tolerance=1e3, brake_loss=1e3, epochs=50, gate_end=0.6)
    fit, lines = train(settings, sbm)
    compact = fit.encoder.compact()
    assert compact.widths == fit.encoder.widths == lines[-1].widths
    assert compact.widths[0] < 16
    prepared = prepare_graph(fit.encoder, sbm)
    assert deviation(fit.encoder, compact, sbm.x, prepared.adjacency, relative=True) < 1e-5
    score = NodeClassification(sbm).score(compact, prepared, "val")["accuracy"]
    assert score == pytest.approx(fit.chosen.score, abs=0.01)
    assert score > 0.5  # five classes


def test_the_width_is_final_from_gate_end_on(quick: MakeSettings, karate: Graph) -> None:
    _, lines = train(quick(brake_tolerance=1e3, brake_loss=1e3, gate_lr=0.4), karate)
    assert len({tuple(line.widths) for line in lines[:10]}) > 1
    assert len({(tuple(line.widths), tuple(line.offsets)) for line in lines[10:]}) == 1
    assert all(line.penalty > 0 for line in lines[:10])
    assert all(line.penalty == 0 for line in lines[10:])
    assert [line.steepness for line in lines[10:]] == [16.0] * 10


def test_a_crushing_penalty_stops_at_the_minimum_width_and_says_so(
    quick: MakeSettings, karate: Graph
) -> None:
    settings = quick(
        teacher=False,
        penalty_weight=1e6,
        gate_lr=1.0,
        num_layers=3,
        min_width=3,
        epochs=80,
        gate_end=0.9,
    )
    fit, lines = train(settings, karate)
    assert fit.encoder.widths == fit.encoder.compact().widths == [3, 3]
    assert min(min(line.widths) for line in lines) == 3
    assert fit.notes == [
        f"hidden layer {index} was stopped at the minimum width (3 channels a gate): λ would have "
        f"closed it"
        for index in (1, 2)
    ]


def test_a_width_that_was_closed_does_not_open_when_it_becomes_final(
    quick: MakeSettings, karate: Graph
) -> None:
    # within the memory of a moving average, whose past is still wide
    settings = quick(teacher=False, penalty_weight=1e6, gate_lr=1.0, gate_end=0.5)
    fit, lines = train(settings, karate)
    assert lines[9].widths == [2]
    assert fit.encoder.widths == [2]
    assert len(fit.notes) == 1


# Features that are too short for an L2 penalty


def test_short_features_are_trained_as_long_ones_and_read_as_they_are(
    quick: MakeSettings, sbm: Graph
) -> None:
    short = sbm.with_scaled_features(0.25 / sbm.feature_norm / 8)
    long = sbm.with_scaled_features(0.25 / sbm.feature_norm)
    there, there_lines = train(quick(least_feature_norm=0.25), short)
    here, here_lines = train(quick(least_feature_norm=0.25), long)
    assert [line.loss for line in there_lines] == pytest.approx([line.loss for line in here_lines])
    assert there.encoder.widths == here.encoder.widths
    torch.testing.assert_close(
        outputs_of(there.encoder, short), outputs_of(here.encoder, long), rtol=1e-3, atol=1e-3
    )
    assert there.teacher is not None
    assert here.teacher is not None
    torch.testing.assert_close(
        outputs_of(there.teacher, short), outputs_of(here.teacher, long), rtol=1e-3, atol=1e-3
    )


def test_long_features_and_none_are_left_alone(quick: MakeSettings, karate: Graph) -> None:
    plain, _ = train(quick(least_feature_norm=0.0), karate)
    with_least, _ = train(quick(least_feature_norm=1.0), karate)  # one-hot: of length 1
    assert torch.equal(outputs_of(plain.encoder, karate), outputs_of(with_least.encoder, karate))
    empty = karate.with_scaled_features(0.0)
    fit, _ = train(quick(), empty)
    assert torch.isfinite(outputs_of(fit.encoder, empty)).all()
