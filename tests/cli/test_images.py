"""Does the command line train on images, and say what it cannot do with them?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

QUICK = [
    *("train", "--dataset", "digits-images", "--device", "cpu", "--threads", "1", "--epochs", "2"),
    *("--set", "mlp_widths=[16,8]", "--set", "gate_end=0.5"),
]


def test_a_run_from_training_to_its_evaluation(graphdam: Callable[..., Any]) -> None:
    trained = graphdam(*QUICK, "--target-width", "5,3", "--set", "fallback_margin=1")
    assert trained.code == 0, trained.err
    assert "Digits: 1,797 images of 1 × 8 × 8 numbers, 10 classes" in " ".join(trained.err.split())
    assert "16 → 5, 8 → 3" in trained.err
    assert "digits-images · mlp · default · seeded split" in trained.out
    assert "latency (ms, 64 images, 1 thread)" in trained.out
    run = "runs/digits-images-mlp-default-5x3"
    assert f"Next: graphdam evaluate {run}" in trained.out

    told = graphdam("info", run)
    assert told.code == 0, told.err
    assert "MLP(widths 5, 3), from seed 0" in told.out
    assert f"graphdam.nn.ImageModel.from_pretrained('{run}/model').net" in told.out

    document = json.loads(graphdam("evaluate", run, "--json").out)
    record = json.loads(graphdam("info", run, "--json").out)["result"]
    assert document["scores"]["test"] == record["test"]["values"][0]
    assert document["graph"] == "digits-images"

    refused = graphdam("embed", run)
    assert refused.code == 1
    assert refused.sentence == (
        "The mlp of digits-images tells classes and embeds nothing: embed a run on a graph, or one "
        "that was trained with --model autoencoder."
    )


def test_one_json_document_and_nothing_else(graphdam: Callable[..., Any]) -> None:
    done = graphdam(*QUICK, "--recipe", "paper", "--json")
    assert done.code == 0
    assert done.err == ""
    assert json.loads(done.out)["recipe"] == "paper"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--dataset", "mnist", "--model", "gat"],
            "These settings contradict each other: model='gat' reads graphs, and dataset='mnist' "
            "is a set of images: take one of mlp, lenet5, vgg16, preresnet, autoencoder, or a "
            "graph.",
        ),
        (
            ["--model", "mlp"],
            "These settings contradict each other: model='mlp' reads images, and dataset='digits' "
            "is no set of images: take one of digits-images, mnist, cifar10, cifar10-subset, or a "
            "model of graphs (gcn, graphsage, gat).",
        ),
        (
            ["--dataset", "digits-images", "--gate-output"],
            "These settings contradict each other: gate_output=True is for graphs, and "
            "dataset='digits-images' is a set of images: leave it out.",
        ),
        (
            ["--dataset", "digits-images", "--max-multiply-adds", "9"],
            "max_multiply_adds=9 cannot be met: the smallest model that min_width allows, of "
            "hidden width 1, 1, has 75 multiply-adds; allow at least that many, or lower "
            "min_width.",
        ),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    graphdam: Callable[..., Any], options: list[str], sentence: str
) -> None:
    refused = graphdam("train", *options)
    assert refused.code == 1
    assert refused.sentence == sentence


def test_settings_shows_those_of_a_set_of_images(graphdam: Callable[..., Any]) -> None:
    shown = json.loads(graphdam("settings", "--dataset", "mnist", "--json").out)
    assert shown["model"]["value"] == "lenet5"
    assert shown["batch_size"]["value"] == 128
