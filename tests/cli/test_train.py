"""Does `graphdam train` leave a run, say what it found, and refuse what it cannot do?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphdam.data import DATASETS, IMAGE_SETS, POINT_SETS, RATING_SETS
from graphdam.report import read_record
from graphdam.training import Settings
from graphdam.training.run_folder import RunFolder

Graphdam = Callable[..., Any]


def test_a_run_is_left_and_named(graphdam: Graphdam, quick: list[str], tmp_path: Path) -> None:
    result = graphdam("train", "--dataset", "karate", "--out", "run", *quick)
    assert result.code == 0
    assert read_record(tmp_path / "run").dataset == "karate"
    for word in ("hidden width", "parameters", "multiply-adds", "latency", "test accuracy", "wide"):
        assert word in result.out
    assert "Run: run\n" in result.out
    assert "graphdam predict run" in result.out
    assert "karate: 34 nodes, 156 directed edges, 34 features, 4 classes" in result.err
    assert "seed 0: val " in result.err


def test_without_out_every_run_gets_a_folder_of_its_own(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    for _ in range(2):
        assert graphdam("train", "--dataset", "karate", "--target-width", "4", *quick).code == 0
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {
        "karate-gcn-default-4",
        "karate-gcn-default-4-2",
    }


def test_options_become_settings(graphdam: Graphdam, quick: list[str], tmp_path: Path) -> None:
    options = ["--model", "gat", "--target-width", "4", "--seed", "5", "--split", "random"]
    extra = ["--set", "lr=0.5", "--set", "norm=none", "--set", "act=relu", "--set", "v2=true"]
    result = graphdam("train", "--dataset", "karate", "--out", "run", *options, *extra, *quick)
    assert result.code == 0
    settings = RunFolder.open(tmp_path / "run").settings()
    assert settings == Settings.of(
        dataset="karate",
        model="gat",
        target_width=(4,),
        seeds=(5,),
        split="random",
        lr=0.5,
        norm=None,
        act="relu",
        v2=True,
        device="cpu",
        threads=1,
        epochs=6,
        hidden_channels=16,
        start_width=8,
        min_width=2,
        gate_end=0.5,
        heads=2,
    )
    assert read_record(tmp_path / "run").widths == [[4]]


def test_a_finished_run_is_a_teacher(graphdam: Graphdam, quick: list[str], tmp_path: Path) -> None:
    wide = ["--recipe", "wide", "--seed", "3", "--hidden-channels", "24"]
    quick = [*quick, "--dataset", "karate"]
    assert graphdam("train", "--out", "wide", *quick, *wide).code == 0
    taught = graphdam("train", "--teacher", "wide", "--seeds", "2", "--out", "taught", *quick)
    assert taught.code == 0
    assert "Note: the teacher is the model of wide, trained before" in taught.out
    record = read_record(tmp_path / "taught")
    assert record.wide is not None
    assert record.wide.widths == [24]
    assert record.wide.test.values == read_record(tmp_path / "wide").test.values * 2
    assert record.changed["teacher_from"] == str(tmp_path / "wide")
    # it is found from anywhere
    again = graphdam("train", "--resume", "--out", str(tmp_path / "taught"))
    assert again.code == 0
    none = graphdam("train", "--teacher", "nowhere", "--out", "none", *quick)
    assert none.code == 1
    assert none.sentence.startswith(f"There is nothing at {tmp_path / 'nowhere'}, which is to be")
    assert not (tmp_path / "none").exists()


def test_json_is_one_document_and_nothing_else(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    result = graphdam("train", "--dataset", "karate", "--out", "run", "--json", *quick)
    assert result.code == 0
    assert result.err == ""
    document = json.loads(result.out)
    assert document.pop("run") == "run"
    assert document == read_record(tmp_path / "run").model_dump(mode="json")


def test_json_of_a_failure_leaves_stdout_empty(graphdam: Graphdam) -> None:
    result = graphdam("train", "--dataset", "coral", "--json")
    assert (result.code, result.out) == (1, "")
    assert result.sentence.startswith("Unknown data set 'coral'")


def test_quiet_shows_no_progress(graphdam: Graphdam, quick: list[str]) -> None:
    result = graphdam("train", "--dataset", "karate", "--out", "run", "--quiet", *quick)
    assert result.err == ""
    assert "test accuracy" in result.out


def test_a_long_path_can_be_copied_from_the_output(graphdam: Graphdam, quick: list[str]) -> None:
    out = "/".join(["a-folder-with-a-long-name"] * 5)
    result = graphdam("train", "--dataset", "karate", "--out", out, *quick)
    assert f"Run: {out}\n" in result.out
    assert f"graphdam predict {out}" in result.out


@pytest.mark.parametrize("name", ["run[bold]", "run [", "a[/b]"])
def test_brackets_in_a_path_are_no_markup(graphdam: Graphdam, quick: list[str], name: str) -> None:
    result = graphdam("train", "--dataset", "karate", "--out", name, *quick)
    assert result.code == 0
    assert f"Run: {name}\n" in result.out


def test_notes_are_printed(graphdam: Graphdam, quick: list[str]) -> None:
    crush = ["teacher=false", "penalty_weight=1e6", "gate_lr=1.0", "gate_end=0.9", "gate_begin=0"]
    options = [part for setting in crush for part in ("--set", setting)]
    result = graphdam(
        "train", "--dataset", "karate", "--out", "run", *quick, *options, "--epochs", "80"
    )
    assert result.code == 0
    assert "seed 0: hidden layer 1 was stopped at the minimum width" in result.out
    assert read_record("run").widths == [[2]]


# Unknown names list the known ones


def test_an_unknown_data_set_lists_the_known_ones(graphdam: Graphdam, tmp_path: Path) -> None:
    result = graphdam("train", "--dataset", "coral", "--out", "run", "-q")
    assert result.code == 1
    known = ", ".join(sorted([*DATASETS, *IMAGE_SETS, *POINT_SETS, *RATING_SETS]))
    assert result.sentence.startswith(
        f"Unknown data set 'coral': did you mean 'cora'? Known: {known}."
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--model", "gnc"],
            "Setting model='gnc': input should be 'gcn', 'graphsage', 'gat', 'mlp', 'lenet5', "
            "'vgg16', 'preresnet', 'autoencoder' or 'igmc'.",
        ),
        (
            ["--recipe", "papre"],
            "Unknown recipe 'papre': did you mean 'paper'? Known: aswl, default, frank-wolfe, "
            "irrelevance, l0, l1, minge, nested, paper, random, wide.",
        ),
        (
            ["--objective", "dig"],
            "Unknown objective 'dig': did you mean 'dgi'? Known: bgrl, dgi, gae, grace, "
            "graph-classification, graph-regression, image-classification, node-classification, "
            "rating-prediction, reconstruction, vgae.",
        ),
        (
            ["--split", "publc"],
            "Unknown split for karate 'publc'. Known: random, seeded.",
        ),
        (
            ["--set", "lr"],
            "--set takes NAME=VALUE, as in --set lr=0.02; received 'lr'.",
        ),
        (
            ["--target-width", "abc"],
            "--target-width takes one number or one a layer, as in 16 or 16,8; received 'abc'.",
        ),
        (
            ["--target-width", "8,"],
            "--target-width takes one number or one a layer, as in 16 or 16,8; received '8,'.",
        ),
        (
            ["--target-width", "0"],
            "These settings contradict each other: target_width=0 must lie between 1 and "
            "start_width=8: channels only close.",
        ),
        (
            ["--target-width", "9"],
            "These settings contradict each other: target_width=9 must lie between 1 and "
            "start_width=8: channels only close.",
        ),
        (
            ["--max-parameters", "10"],
            "max_parameters=10 cannot be met: the smallest model that min_width allows, of hidden "
            "width 2, has 82 parameters; allow at least that many, or lower min_width.",
        ),
        (
            ["--recipe", "wide", "--target-width", "4"],
            "These settings contradict each other: target_width needs gates, and recipe 'wide' "
            "has none: leave it out, or take another recipe.",
        ),
        (["--epochs", "0"], "Setting epochs=0: input should be greater than or equal to 1."),
        (
            ["--seeds", "3", "--seed", "1"],
            "Both --seeds 3 (seeds 0 … 2) and --seed 1 were given: leave one of them out.",
        ),
        (
            ["--graph", "mine.npz"],
            "Both --dataset karate and --graph mine.npz were given: a run is about one graph or "
            "set, so leave one of them out.",
        ),
        (
            ["--resume", "--overwrite"],
            "--resume keeps a run and --overwrite discards it: give one of them.",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(
    graphdam: Graphdam, quick: list[str], tmp_path: Path, options: list[str], sentence: str
) -> None:
    result = graphdam("train", "--dataset", "karate", "--out", "run", "-q", *quick, *options)
    assert (result.code, result.out, result.sentence) == (1, "", sentence)
    assert not (tmp_path / "run").exists()


def test_an_unknown_setting_suggests_the_near_one(graphdam: Graphdam) -> None:
    result = graphdam("train", "--set", "epoch=3")
    assert result.code == 1
    assert result.sentence.startswith("Unknown setting 'epoch': did you mean 'epochs'? Known: ")


def test_a_recipe_is_not_set_behind_the_option(graphdam: Graphdam) -> None:
    result = graphdam("train", "--dataset", "karate", "--set", "recipe=no-such-recipe")
    assert result.code == 1
    assert "Unexpected" not in result.sentence
    assert "recipe" in result.sentence


def test_a_missing_graph_file_says_what_is_accepted(graphdam: Graphdam) -> None:
    result = graphdam("train", "--graph", "mine.npz", "--out", "run")
    assert (result.code, result.sentence) == (
        1,
        "--graph mine.npz does not exist: name a .npz or .graphml file, or a folder with edges.csv "
        "and nodes.csv.",
    )


def test_no_data_and_no_network_says_where_files_belong(
    graphdam: Graphdam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHDAM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "root").mkdir()
    result = graphdam("train", "--dataset", "cora", "--data-root", "root", "--out", "run", "-q")
    assert result.code == 1
    assert result.sentence.startswith("The data set 'cora' was not found under root, ")
    assert "(GRAPHDAM_OFFLINE is set)" in result.sentence
    assert "Put its files at planetoid/Cora/raw/ (ind.cora.x, " in result.sentence
    assert result.sentence.endswith(
        "name that folder by --data-root or GRAPHDAM_DATA; 'digits' needs no download."
    )
    assert not (tmp_path / "run").exists()


# Run folders


def test_an_existing_run_is_refused_and_overwritten_when_asked(
    graphdam: Graphdam, quick: list[str], copied: Path
) -> None:
    command = ("train", "--dataset", "karate", "--out", str(copied), "-q", *quick)
    result = graphdam(*command)
    assert result.code == 1
    assert result.sentence == (
        f"{copied} already holds a run: --resume continues it, --overwrite replaces it, or choose "
        f"another --out."
    )
    assert read_record(copied).seeds == [0, 1]
    assert graphdam("embed", copied).code == 0
    assert graphdam(*command, "--overwrite").code == 0
    assert read_record(copied).seeds == [0]
    # an embedding of the old model must not lie beside the new one
    assert not (copied / "embedding.npy").exists()


def test_a_folder_of_somebody_elses_is_never_overwritten(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("words")
    result = graphdam("train", "--dataset", "karate", "--out", "home", "--overwrite", "-q", *quick)
    assert result.code == 1
    assert result.sentence == (
        "home exists and is not a run of graphdam, so nothing in it is replaced: choose another "
        "--out."
    )
    assert (tmp_path / "home" / "thesis.tex").read_text() == "words"


def test_a_finished_run_is_resumed_by_its_folder_alone(graphdam: Graphdam, finished: Path) -> None:
    result = graphdam("train", "--out", finished, "--resume", "--json")
    assert result.code == 0
    document = json.loads(result.out)
    assert document["test"]["values"] == read_record(finished).test.values


@pytest.mark.parametrize("options", [["--epochs", "7"], ["--recipe", "wide"]])
def test_resuming_with_other_options_is_refused(
    graphdam: Graphdam, copied: Path, options: list[str]
) -> None:
    result = graphdam("train", "--out", copied, "--resume", "-q", *options)
    assert result.code == 1
    assert f"{copied} was begun with " in result.sentence


def test_resuming_a_folder_that_is_not_there_trains_nothing_else(
    graphdam: Graphdam, tmp_path: Path
) -> None:
    # no data set is named: a slip in the folder's name must not train the default one
    result = graphdam("train", "--out", "rnu", "--resume", "--epochs", "1", "-q")
    assert result.code == 1
    assert not (tmp_path / "rnu").exists()


def test_resuming_without_a_folder_finds_the_interrupted_run(
    graphdam: Graphdam, quick: list[str], finished: Path, tmp_path: Path
) -> None:
    command = ("train", "--dataset", "karate", "--seeds", "2", "-q", *quick)
    result = graphdam(*command, "--resume")
    assert (result.code, result.sentence) == (
        1,
        "There is no interrupted run at runs/karate-gcn-default: name the one to continue with "
        "--out, or leave --resume out to begin it.",
    )
    out = shutil.copytree(finished, tmp_path / "runs" / "karate-gcn-default")
    (out / "result.json").unlink()
    assert graphdam(*command, "--resume").code == 0
    assert read_record(out).test == read_record(finished).test
