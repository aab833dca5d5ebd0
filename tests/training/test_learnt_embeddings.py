"""Do students learn embeddings and links from their teachers, and is a run repeatable?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from training_runs import LEARNT, LINKS, assert_same_weights, start

from graphdam.data import Graph
from graphdam.gates import gates_of
from graphdam.nn import Encoder
from graphdam.objectives import PreparedGraph, prepare_graph
from graphdam.report import HistoryLine
from graphdam.training import (
    Fit,
    Settings,
    Trainer,
    build_gated,
    build_objective,
    build_wide,
    seeded,
)
from graphdam.training.checkpoint import read_checkpoint
from graphdam.training.learner import Learner
from graphdam.training.model import AnyObjective
from graphdam.training.resume import checkpoint_of, restore
from graphdam.training.state import TrainingState

MakeSettings = Callable[..., Settings]

SMALL: dict[str, Any] = {
    "dataset": "sbm",
    "hidden_channels": 32,
    "start_width": 16,
    "epochs": 40,
    "fallback_margin": 1.0,
    "heads": 4,
    "lr": 0.01,
}


class InterruptionError(Exception):
    """What ends a run in these tests."""


@pytest.fixture
def small() -> MakeSettings:
    """An objective's own settings but for a smaller model and a shorter run."""

    def make(objective: str, recipe: str = "default", **given: Any) -> Settings:
        links = {"embedding_channels": 24, "epochs": 120, "lr": 0.02, "gated_lr": 0.02}
        own = links if objective in LINKS else {}
        return Settings.of(recipe, objective=objective, **{**SMALL, **own, **given})

    return make


def fit(
    settings: Settings,
    graph: Graph,
    *,
    checkpoint: Path | None = None,
    stop_at: int | None = None,
) -> tuple[Fit, list[HistoryLine]]:
    lines: list[HistoryLine] = []

    def on_epoch(line: HistoryLine) -> None:
        if line.epoch == stop_at:
            raise InterruptionError
        lines.append(line.model_copy(update={"seconds": 0.0}))

    trainer = Trainer(settings, on_epoch=on_epoch, checkpoint_seconds=0)
    return trainer.fit(start(settings, graph), graph, checkpoint=checkpoint), lines


def distance(settings: Settings, graph: Graph, student: Encoder, teacher: Encoder) -> float:
    """How far two encoders disagree, as a share of what the teacher tells."""
    torch.manual_seed(0)
    objective = build_objective(settings, graph, student, seed=0)
    prepared = prepare_graph(student, objective.training_graph(graph))
    told, taught = (objective.quiet_outputs(each, prepared) for each in (student, teacher))
    information = objective.disagreement(objective.uninformed(taught), taught)
    return float(objective.disagreement(told, taught) / information)


@pytest.mark.parametrize("objective", LEARNT)
def test_a_student_comes_to_explain_its_teacher(
    small: MakeSettings, sbm: Graph, objective: str
) -> None:
    settings = small(objective, target_width=(8,))
    found, lines = fit(settings, sbm)
    assert found.teacher is not None
    assert found.encoder.widths == [8] * settings.num_hidden
    before = distance(settings, sbm, start(settings, sbm), found.teacher)
    after = distance(settings, sbm, found.encoder, found.teacher)
    assert after < 0.8 * before
    assert found.teacher_chosen is not None
    assert found.chosen.score > 0.5  # five blocks: chance is 0.2; a random order of pairs, 0.5
    assert all(line.teacher_val is not None for line in lines)


@pytest.mark.parametrize("objective", ["dgi", "bgrl", "vgae"])
def test_a_width_is_learnt_where_nothing_disturbs_the_teacher(
    small: MakeSettings, sbm: Graph, objective: str
) -> None:
    settings = small(objective, brake_loss=0.9, brake_errors=1e6, gated_lr=0.02)
    assert not settings.disturbs_teacher
    found, lines = fit(settings, sbm)
    assert all(width < 16 for width in found.encoder.widths)
    assert lines[-1].widths == found.encoder.widths == found.encoder.compact().widths


@pytest.mark.parametrize("objective", ["dgi", "bgrl", "gae", "vgae"])
def test_a_wide_model_is_trained_by_the_objective_itself(
    small: MakeSettings, sbm: Graph, objective: str
) -> None:
    found, lines = fit(small(objective, "wide"), sbm)
    assert found.teacher is None
    assert not gates_of(found.encoder)
    assert sum(line.loss for line in lines[-5:]) < sum(line.loss for line in lines[:5])
    assert found.chosen.score > 0.5


@pytest.mark.parametrize("model", ["graphsage", "gat"])
@pytest.mark.parametrize("objective", ["dgi", "gae"])
def test_other_encoders_learn_embeddings_too(
    small: MakeSettings, sbm: Graph, model: str, objective: str
) -> None:
    found, _ = fit(small(objective, model=model, epochs=8, target_width=(8,)), sbm)
    assert set(found.encoder.widths) == {8}
    assert found.encoder.compact().widths == found.encoder.widths


@pytest.mark.parametrize("objective", ["dgi", "bgrl", "vgae"])
def test_a_teacher_rests_at_the_best_epoch_that_it_has_learnt_in(
    small: MakeSettings, sbm: Graph, objective: str
) -> None:
    settings = small(objective, epochs=20)
    end = settings.teacher_rests_from
    assert end in (12, 16)
    found, lines = fit(settings, sbm)
    assert found.teacher_chosen is not None
    assert found.teacher_chosen.epoch < end
    assert {line.teacher_val for line in lines[end:]} == {found.teacher_chosen.score}
    # until then it learns as one that never rests
    beside, others = fit(small(objective, epochs=20, teacher_end=1.0), sbm)
    assert others[:end] == lines[:end]
    assert [line.loss for line in others[end + 1 :]] != [line.loss for line in lines[end + 1 :]]
    assert beside.teacher_chosen is not None
    assert beside.teacher_chosen.score >= found.teacher_chosen.score


def test_of_the_epochs_beside_a_resting_teacher_the_nearest_is_kept(
    small: MakeSettings, sbm: Graph
) -> None:
    settings = small("dgi", epochs=20)
    assert settings.keeps_nearest
    gaps: dict[int, float] = {}
    state: TrainingState | None = None

    def look(line: HistoryLine) -> None:
        assert state is not None
        assert state.teaching is not None
        lesson, objective = state.teaching.resting, state.objective
        if lesson is not None:
            z = objective.quiet_outputs(state.student.encoder, state.prepared)
            gaps[line.epoch] = float(objective.disagreement(z, lesson.outputs))

    encoder = build_gated(settings, sbm)
    teacher = build_wide(settings, sbm)
    objective = build_objective(settings, sbm, encoder, seed=0)
    prepared = prepare_graph(encoder, sbm)
    state = TrainingState(settings, encoder, teacher, objective, prepared, seed=0)
    for _ in range(20):
        look(state.run_epoch())
    assert list(gaps) == [16, 17, 18, 19]
    nearest = min(gaps, key=lambda epoch: gaps[epoch])
    assert state.student.chosen is not None
    assert state.student.chosen.epoch == nearest
    assert state.student.chosen.distance == pytest.approx(gaps[nearest], rel=1e-5)


@pytest.mark.parametrize("objective", ["dgi", "grace", "vgae", "node-classification"])
def test_a_look_that_serves_the_next_step_changes_nothing(
    small: MakeSettings, sbm: Graph, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small(objective, epochs=12)
    found, lines = fit(settings, sbm)
    took: list[bool] = []

    def afresh(self: Learner, objective: AnyObjective, prepared: PreparedGraph) -> Tensor:
        took.append(self.ahead is not None)
        self.ahead = None
        outputs: Tensor = objective.outputs(self.encoder.train(), prepared)
        return outputs

    monkeypatch.setattr(Learner, "outputs", afresh)
    again, others = fit(settings, sbm)
    assert lines == others
    assert any(took) is (objective != "node-classification")
    for one, other in zip(found.encoder.parameters(), again.encoder.parameters(), strict=True):
        assert torch.equal(one, other)


# Interruptions


@pytest.mark.parametrize(
    ("recipe", "epoch"), [("default", 1), ("default", 9), ("wide", 6), ("paper", 6)]
)
@pytest.mark.parametrize("objective", ["dgi", "bgrl", "vgae"])
def test_an_interrupted_seed_ends_bit_for_bit_where_it_would_have(
    small: MakeSettings, karate: Graph, tmp_path: Path, objective: str, recipe: str, epoch: int
) -> None:
    settings = small(objective, recipe, dataset="karate", epochs=12)
    checkpoint = tmp_path / "seed-0.safetensors"
    whole, whole_lines = fit(settings, karate)
    with pytest.raises(InterruptionError):
        fit(settings, karate, checkpoint=checkpoint, stop_at=epoch)
    torch.manual_seed(99)  # whoever resumes has drawn other numbers
    resumed, lines = fit(settings, karate, checkpoint=checkpoint)
    assert lines == whole_lines[epoch:]
    assert_same_weights(resumed.encoder, whole.encoder)
    if whole.teacher is not None:
        assert resumed.teacher is not None
        assert_same_weights(resumed.teacher, whole.teacher)
    assert (resumed.chosen, resumed.teacher_chosen) == (whole.chosen, whole.teacher_chosen)


@pytest.mark.parametrize("objective", ["dgi", "grace", "bgrl", "vgae"])
@pytest.mark.parametrize("taught", [True, False])
def test_what_the_teachers_objective_has_learnt_is_restored(
    small: MakeSettings, karate: Graph, tmp_path: Path, objective: str, taught: bool
) -> None:
    settings = small(objective, dataset="karate", epochs=6)

    def state(seed: int) -> TrainingState:
        with seeded(seed, torch.device("cpu")):
            encoder, teacher = build_gated(settings, karate), build_wide(settings, karate)
            its_objective = build_objective(settings, karate, encoder, seed=0)
            prepared = prepare_graph(encoder, its_objective.training_graph(karate))
            return TrainingState(
                settings, encoder, teacher if taught else None, its_objective, prepared, 0
            )

    trained, other = state(0), state(1)
    for _ in range(3):
        trained.run_epoch()
    checkpoint = checkpoint_of(trained)
    assert bool(checkpoint.part("teacher_objective")) == taught
    restore(other, checkpoint)
    restored, there = other.objectives(), trained.objectives()
    assert list(restored) == ["objective", "teacher_objective"][: 1 + taught]
    for name, module in restored.items():
        assert_same_weights(module, there[name])
    if taught:
        fresh = state(0).objectives()["teacher_objective"].state_dict()
        learnt = there["teacher_objective"].state_dict()
        assert any(not torch.equal(value, fresh[name]) for name, value in learnt.items())


def test_checkpoints_of_an_objective_without_parameters_hold_none(
    small: MakeSettings, karate: Graph, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "seed-0.safetensors"
    fit(small("gae", dataset="karate", epochs=3), karate, checkpoint=checkpoint)
    names = read_checkpoint(checkpoint).tensors
    assert not any("objective" in name for name in names)
