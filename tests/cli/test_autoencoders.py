"""Does the command line train autoencoders, hand their codes out, and refuse what is none?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

QUICK = [
    *("train", "--dataset", "digits-images", "--model", "autoencoder", "--device", "cpu"),
    *("--threads", "1", "--epochs", "2", "--set", "gate_end=0.5", "--set", "code_channels=9"),
]


def test_a_run_from_training_to_its_codes(graphdam: Callable[..., Any]) -> None:
    trained = graphdam(*QUICK, "--target-width", "4")
    assert trained.code == 0, trained.err
    assert "width 9 → 4" in trained.err
    assert "digits-images · autoencoder · reconstruction · default · seeded split" in trained.out
    assert "test MSE" in trained.out
    run = "runs/digits-images-autoencoder-default-4"
    assert f"Next: graphdam embed {run}" in trained.out

    shown = graphdam("evaluate", run)
    assert shown.code == 0, shown.err
    assert "explained variance (%)" in shown.out
    assert "widths [4]" in shown.out

    embedded = graphdam("embed", run)
    assert embedded.code == 0, embedded.err
    assert f"1,797 rows × 4 dimensions → {run}/embedding.npy" in embedded.out
    assert np.load(Path(run) / "embedding.npy").shape == (1797, 4)
    assert "Autoencoder(widths 4), from seed 0" in graphdam("info", run).out

    refused = graphdam("export", run, "--format", "onnx")
    assert refused.code == 1
    assert refused.sentence.startswith(f"{run} is a run on images (digits-images), and a run on a")


def test_points_need_no_model_and_no_file(graphdam: Callable[..., Any]) -> None:
    done = graphdam(
        "train", "--dataset", "mlp-points", "--recipe", "paper", "--epochs", "1", "--json"
    )
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert (record["model"], record["objective"]) == ("autoencoder", "reconstruction")
    assert record["start_widths"] == [50]


def test_an_autoencoder_of_a_graph_is_refused(graphdam: Callable[..., Any]) -> None:
    refused = graphdam("train", "--dataset", "cora", "--model", "autoencoder")
    assert refused.code == 1
    assert refused.sentence == (
        "These settings contradict each other: an autoencoder reads images or points, and "
        "dataset='cora' is a graph: take one of digits-images, mnist, cifar10, cifar10-subset, "
        "linear-points, affine-points, quadratic-points, mlp-points."
    )
