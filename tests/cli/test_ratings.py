"""Does the command line train on ratings, rate new pairs, and say what it cannot do?"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_ratings import write_rating_csv

OPTIONS = [
    *("--device", "cpu", "--threads", "1", "--epochs", "2", "--hidden-channels", "12"),
    *("--set", "conv_channels=4", "--set", "gate_end=0.5"),
]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    return write_rating_csv(tmp_path / "films.csv", times=True)


def test_a_run_from_training_to_predictions(graphdam: Callable[..., Any], films: Path) -> None:
    target = ["--target-width", "5", "--set", "fallback_margin=1"]
    trained = graphdam("train", "--ratings", films, "--split", "time", *OPTIONS, *target)
    assert trained.code == 0, trained.err
    told = " ".join(trained.err.split())
    assert "ratings of 24 items by 30 users, 5 levels, time split" in told
    assert "seed 0: val RMSE " in told
    assert "films · igmc · default · time split" in trained.out
    assert "test RMSE" in trained.out
    assert "%" not in trained.out
    run = "runs/films-igmc-default-5"
    assert f"Next: graphdam evaluate {run}" in trained.out

    assert "IGMC(widths 5), from seed 0" in graphdam("info", run).out
    document = json.loads(graphdam("evaluate", run, "--json").out)
    record = json.loads(graphdam("info", run, "--json").out)["result"]
    assert document["scores"]["test"] == record["test"]["values"][0]
    shown = graphdam("evaluate", run)
    assert "RMSE" in shown.out
    assert f"{document['scores']['test']:.3f}" in shown.out

    Path("pairs.csv").write_text("user,item\nuser 1,film 2\nnobody,film 2\nnobody,none\n")
    rated = graphdam("predict", run, "pairs.csv")
    assert rated.code == 0, rated.err
    assert f"3 pairs → {run}/predictions.csv" in rated.out
    told = " ".join(rated.out.split())
    assert "Note: 2 of them have a user or an item without a training rating." in told
    assert "Note: 1 of them have nothing known around them and are rated" in told
    with (Path(run) / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["user"] for row in rows] == ["user 1", "nobody", "nobody"]
    assert all(float(row["rating"]) > 0 for row in rows)

    again = graphdam("predict", run, "pairs.csv")
    assert again.sentence == (
        f"{run}/predictions.csv exists: --overwrite replaces it, or choose another file with --out."
    )
    assert graphdam("predict", run, "pairs.csv", "--overwrite", "--json").code == 0
    refused = graphdam("embed", run)
    assert refused.code == 1
    assert refused.sentence == (
        f"The igmc of {films} rates pairs and embeds nothing: embed a run on a graph, or one that "
        f"was trained with --model autoencoder."
    )


def test_pairs_that_cannot_be_read_are_refused(graphdam: Callable[..., Any], films: Path) -> None:
    assert graphdam("train", "--ratings", films, *OPTIONS, "--recipe", "wide").code == 0
    run = "runs/films-igmc-wide"
    assert "no such file; pairs are a CSV file" in graphdam("predict", run, "no.csv").sentence
    Path("pairs.csv").write_text("user,item\n")
    assert "no pair stands below the first line" in graphdam("predict", run, "pairs.csv").sentence
    Path("pairs.csv").write_text("user\nuser 1\n")
    assert "but lacks item" in graphdam("predict", run, "pairs.csv").sentence


def test_only_runs_on_ratings_rate(graphdam: Callable[..., Any], finished: Path) -> None:
    Path("pairs.csv").write_text("user,item\n1,2\n")
    assert graphdam("predict", finished, "pairs.csv", "--out", "out.csv").sentence == (
        f"{finished} tells nothing of pairs, and pairs.csv holds some: leave it out, or name a run "
        f"of --objective gae, or one on ratings."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--ratings", "films.npz"],
            "--ratings takes a .csv file of user,item,rating[,timestamp]; received 'films.npz'.",
        ),
        (
            ["--graph", "edges.csv"],
            "--graph takes a .npz, a .graphml, or a folder with nodes.csv and edges.csv; "
            "'edges.csv' is a single table, which --ratings takes if it holds ratings.",
        ),
        (
            ["--dataset", "flixster", "--ratings", "films.csv"],
            "Both --dataset flixster and --ratings films.csv were given: a run is about one graph "
            "or set, so leave one of them out.",
        ),
        (
            ["--dataset", "flixster", "--model", "gcn"],
            "These settings contradict each other: model='gcn' reads graphs, and "
            "dataset='flixster' is a set of ratings: take igmc, or a graph.",
        ),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    graphdam: Callable[..., Any], options: list[str], sentence: str
) -> None:
    refused = graphdam("train", *options)
    assert refused.code == 1
    assert refused.sentence == sentence


def test_a_broken_line_is_named(graphdam: Callable[..., Any], films: Path) -> None:
    with films.open("a") as file:
        file.write("user 1,film 99,good,7\n")
    number = len(films.read_text().splitlines())
    refused = graphdam("train", "--ratings", films, *OPTIONS)
    assert refused.sentence.endswith(
        f"films.csv, line {number}: column rating must hold a number, but holds 'good'; correct or "
        "remove the line."
    )


def test_settings_shows_those_of_ratings(graphdam: Callable[..., Any]) -> None:
    shown = json.loads(graphdam("settings", "--dataset", "flixster", "--json").out)
    assert shown["model"]["value"] == "igmc"
    assert shown["adjacency_dropout"]["value"] == 0.2
