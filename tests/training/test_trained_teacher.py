"""A teacher that was trained before: taken as it is, refused where it cannot teach."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from own_nets import Net, of_graph
from task_runs import assert_resumes
from tiny_images import quick_images
from tiny_ratings import quick_ratings, write_rating_csv
from torch import nn
from training_runs import CPU, assert_same_weights, outputs_of, start

from graphdam.data import Graph, load_images
from graphdam.data.graph import Split
from graphdam.errors import ModelFileError, RunFolderError, SettingsError
from graphdam.nn import GCN
from graphdam.objectives import NodeClassification, prepare_graph
from graphdam.pipeline import run
from graphdam.report import HistoryLine, read_record
from graphdam.training import Fit, Settings, Trainer, build_wide, narrow, seeded
from graphdam.training.state import TrainingState

MakeSettings = Callable[..., Settings]


DGI: dict[str, Any] = {"objective": "dgi", "feature_dropout": 0.0, "num_layers": 1, "act": "prelu"}
GAE: dict[str, Any] = {"objective": "gae", "feature_dropout": 0.0}


@pytest.fixture
def wide_run(quick: MakeSettings, tmp_path: Path) -> Path:
    """A finished run of the wide model on karate."""
    run(quick("wide", dataset="karate", epochs=30), tmp_path / "wide")
    return tmp_path / "wide"


def fitted(settings: Settings, graph: Graph, **given: Any) -> Fit:
    return Trainer(settings).fit(start(settings, graph), graph, **given)


def test_it_stays_as_it_is_and_is_what_validation_says(
    quick: MakeSettings, wide_run: Path, karate: Graph
) -> None:
    fit = fitted(quick(teacher_from=str(wide_run)), karate)
    saved = GCN.from_pretrained(wide_run / "model")
    assert fit.teacher is not None
    assert_same_weights(fit.teacher, saved)
    assert fit.teacher_chosen is not None
    assert fit.teacher_chosen.score == pytest.approx(read_record(wide_run).val.values[0])
    assert fit.num_trained == sum(each.numel() for each in start(quick(), karate).parameters())


def test_a_teacher_reads_the_features_as_they_are_scaled_for_training(
    quick: MakeSettings, wide_run: Path, karate: Graph
) -> None:
    settings = quick(teacher_from=str(wide_run), least_feature_norm=7.0)
    seen: list[HistoryLine] = []
    fit = Trainer(settings, on_epoch=seen.append).fit(start(settings, karate), karate)
    saved = GCN.from_pretrained(wide_run / "model")
    assert fit.teacher is not None
    assert torch.allclose(outputs_of(fit.teacher, karate), outputs_of(saved, karate), atol=1e-5)
    assert {line.teacher_val for line in seen} == {read_record(wide_run).val.values[0]}


def test_its_student_learns_from_it_alone(quick: MakeSettings, sbm: Graph, tmp_path: Path) -> None:
    taught: dict[str, Any] = {"epochs": 60, "task_weight": 0.0, "dataset": "sbm"}
    run(quick("wide", dataset="sbm", epochs=60), tmp_path / "good")
    good = fitted(quick(teacher_from=str(tmp_path / "good"), **taught), sbm)
    untrained = build_wide(quick(), sbm)
    bad = fitted(quick(teacher_end=0, **taught), sbm, teacher=untrained)
    assert good.chosen.score > 0.6
    assert bad.chosen.score < good.chosen.score - 0.1


def test_dropout_disturbs_it_anew_in_every_step_and_teaches_it_nothing(
    quick: MakeSettings, sbm: Graph
) -> None:
    settings = quick(teacher_end=0, norm="batch_norm")
    with seeded(3, CPU):
        teacher = build_wide(settings, sbm)
    before = copy.deepcopy(teacher).eval()
    state = _state(settings, sbm, teacher)
    assert state.teaching is not None
    lessons = [state.teaching.step(epoch, state.prepared) for epoch in range(2)]
    assert torch.equal(lessons[0].outputs, lessons[1].outputs)
    assert not torch.equal(lessons[0].noisy, lessons[0].outputs)
    assert not torch.equal(lessons[0].noisy, lessons[1].noisy)
    assert_same_weights(teacher, before)


def test_one_without_dropout_presses_on_widths_all_the_same(
    quick: MakeSettings, sbm: Graph
) -> None:
    teacher = fitted(quick("wide", dropout=0.0, feature_dropout=0.0, epochs=40), sbm).encoder
    settings = quick(teacher_end=0, feature_dropout=0.0, brake_loss=10.0, brake_tolerance=100.0)
    state = _state(settings, sbm, teacher)
    lines = [state.run_epoch() for _ in range(5)]
    assert state.teaching is not None
    assert not state.teaching.is_disturbed
    assert state.control.brake.gap_of_teacher is None
    assert all(line.penalty > 0 for line in lines)


def _state(settings: Settings, graph: Graph, teacher: Any) -> TrainingState:
    encoder, objective = start(settings, graph), NodeClassification(graph, feature_dropout=0.0)
    prepared = prepare_graph(encoder, graph)
    return TrainingState(settings, encoder, teacher, objective, prepared, seed=0)


@pytest.mark.parametrize("given", [{}, {"norm": "batch_norm"}, DGI])
def test_an_interruption_changes_nothing(
    quick: MakeSettings, karate: Graph, tmp_path: Path, given: dict[str, Any]
) -> None:
    run(quick("wide", dataset="karate", **given), tmp_path / "wide")
    settings = quick(dataset="karate", teacher_from=str(tmp_path / "wide"), **given)
    assert_resumes(settings, karate, epoch=12, folder=tmp_path)


def test_images_are_learnt_in_batches_from_such_a_teacher(tmp_path: Path) -> None:
    wide = run(quick_images("wide", epochs=2, dropout=0.2), tmp_path / "wide")
    settings = quick_images(teacher_from=str(tmp_path / "wide"))
    record = run(settings, tmp_path / "taught")
    assert record.wide is not None
    assert record.wide.test == wide.test
    assert_resumes(settings, load_images("digits-images"), epoch=2, folder=tmp_path)


def test_ratings_are_learnt_from_such_a_teacher(tmp_path: Path) -> None:
    films: dict[str, Any] = {"dataset": str(write_rating_csv(tmp_path / "films.csv"))}
    wide = run(quick_ratings("wide", **films), tmp_path / "wide")
    record = run(quick_ratings(teacher_from=str(tmp_path / "wide"), **films), tmp_path / "taught")
    assert record.wide is not None
    assert record.wide.test == wide.test


def test_a_teacher_may_learn_on(quick: MakeSettings, wide_run: Path, karate: Graph) -> None:
    fit = fitted(quick(teacher_from=str(wide_run), teacher_end=1.0), karate)
    assert fit.teacher is not None
    saved = GCN.from_pretrained(wide_run / "model")
    assert not torch.equal(fit.teacher.conv(0).lin.weight, saved.conv(0).lin.weight)


def test_the_record_says_where_it_came_from(quick: MakeSettings, wide_run: Path) -> None:
    settings = quick(dataset="karate", teacher_from=str(wide_run))
    record = run(settings, wide_run.parent / "run")
    assert record.wide is not None
    assert record.wide.test == read_record(wide_run).test
    assert "the teacher is the model of wide, trained before" in record.notes[-1]


# Somebody's own


def test_an_own_net_that_is_trained_teaches_its_own_narrow_copy(
    quick: MakeSettings, sbm: Graph
) -> None:
    net = of_graph(Net, sbm)
    _train(net, sbm)
    before = copy.deepcopy(net)
    settings = quick(
        epochs=30, feature_dropout=0.0, brake_tolerance=100.0, brake_loss=10.0, gated_lr=1e-3
    )
    found = narrow(net, sbm, train_teacher=False, settings=settings)
    assert_same_weights(net, before)
    assert_same_weights(found.fit.teacher, before)
    assert found.widths["convolve"] < found.start_widths["convolve"]
    assert found.teacher_val is not None
    assert found.val > found.teacher_val - 0.1


def _train(net: nn.Module, graph: Graph) -> None:
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    x, train = graph.dense_x(), graph.mask("train")
    for _ in range(60):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(x, graph.edge_index)[train], graph.y[train])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


# What cannot teach


def test_a_student_needs_a_teacher_that_is_there(quick: MakeSettings, karate: Graph) -> None:
    with pytest.raises(SettingsError, match="teacher_end=0 is for a teacher that was trained befo"):
        fitted(quick(teacher_end=0), karate)
    with pytest.raises(SettingsError, match="is for a gated model beside a teacher, and there is"):
        Settings.of("wide", teacher_from="runs/wide")
    with pytest.raises(SettingsError, match="by an estimate that knows no teacher from elsewhere"):
        Settings.of(teacher_from="runs/wide", memory_budget=2)
    with pytest.raises(SettingsError, match="train_teacher=False is for a teacher that is trained"):
        narrow(of_graph(Net, karate), karate, settings=Settings.of("paper"), train_teacher=False)
    with pytest.raises(SettingsError, match="rest before its first step"):
        quick(teacher_end=0.01)


def test_another_model_or_data_set_is_refused(
    quick: MakeSettings, wide_run: Path, karate: Graph, sbm: Graph
) -> None:
    settings = quick(teacher_from=str(wide_run))
    with pytest.raises(SettingsError, match=r"holds GCN\(34 → 32 → 4\), and a teacher here reads"):
        fitted(settings, sbm)
    with pytest.raises(SettingsError, match="what GraphSAGE"):
        fitted(settings.model_copy(update={"model": "graphsage"}), karate)
    with pytest.raises(SettingsError, match=r"batches are drawn for 3 layers: give num_layers=2"):
        fitted(settings.model_copy(update={"num_layers": 3, "batch_size": 8}), karate)
    with pytest.raises(
        SettingsError, match="names a model of graphdam's: give your own as teacher"
    ):
        narrow(of_graph(Net, karate), karate, settings=settings)
    with pytest.raises(SettingsError, match="its student would learn 'dgi'"):
        fitted(quick(teacher_from=str(wide_run), **DGI), karate)


def test_one_that_has_seen_what_a_seed_is_tested_on_is_refused(
    quick: MakeSettings, wide_run: Path, karate: Graph
) -> None:
    settings = quick(teacher_from=str(wide_run))
    (first,) = karate.splits
    two = replace(karate, splits=(first, Split(first.train, first.test, first.val)))
    assert fitted(settings, two.at_split(0), seed=2).teacher is not None
    with pytest.raises(SettingsError, match=r"learnt from split '.*' of seed 0, .* take --seed 0"):
        fitted(settings, two.at_split(1), seed=1)


def test_links_that_another_seed_holds_out_are_not_learnt_from(
    quick: MakeSettings, tmp_path: Path
) -> None:
    known: dict[str, Any] = {"dataset": "karate", "epochs": 4, **GAE}
    run(quick("wide", **known), tmp_path / "wide")
    with pytest.raises(SettingsError, match="of seed 3 is tested on"):
        run(quick(teacher_from=str(tmp_path / "wide"), seeds=(3,), **known), tmp_path / "taught")
    assert not (tmp_path / "taught").exists()


def test_nothing_there_is_one_sentence(quick: MakeSettings, karate: Graph, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is nothing at .*none, which is to be the teac"):
        fitted(quick(teacher_from=str(tmp_path / "none")), karate)
    with pytest.raises(ModelFileError):
        fitted(quick(teacher_from=str(tmp_path)), karate)
    run(quick("wide", dataset="karate", epochs=2), tmp_path / "wide")
    (tmp_path / "wide" / "result.json").unlink()
    with pytest.raises(RunFolderError, match="has not finished, and has no model to be a teacher"):
        fitted(quick(teacher_from=str(tmp_path / "wide")), karate)
