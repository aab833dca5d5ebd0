"""Does a finished run give back the scores and embeddings that it had?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from graphdam.data import load_graph
from graphdam.errors import DataError, ModelFileError, RunFolderError, SettingsError
from graphdam.nn import GCN
from graphdam.report import read_record
from graphdam.serving import embed_run, load_run, score_run, write_embedding
from graphdam.training import Settings


def test_scores_are_those_of_the_record(finished: Path) -> None:
    record, found = read_record(finished), score_run(load_run(finished))
    at = record.seeds.index(record.model_seed)
    assert found["scores"]["val"] == record.val.values[at]
    assert found["scores"]["test"] == record.test.values[at]
    assert 0 <= found["scores"]["train"] <= 1
    assert found["metric"] == record.test.metric
    assert found["widths"] == record.widths[at]
    assert found["parameters"] == record.parameters[at]
    assert found["multiply_adds"] == record.multiply_adds[at]


def test_the_split_is_the_one_of_the_seed_that_was_kept(
    quick: Callable[..., Settings], tmp_path: Path
) -> None:
    from graphdam.pipeline import run

    record = run(quick(split="random", seeds=(3, 4)), tmp_path / "run")
    found = score_run(load_run(tmp_path / "run"))
    assert found["scores"]["test"] == record.test.values[record.seeds.index(record.model_seed)]
    assert load_run(tmp_path / "run").graph.split_index == record.model_seed


def test_the_embedding_is_what_the_last_layer_reads(finished: Path) -> None:
    graph, encoder = load_graph("karate"), GCN.from_pretrained(finished / "model")
    embedding = embed_run(load_run(finished))
    assert embedding.shape == (34, 5)
    with torch.no_grad():
        torch.testing.assert_close(embedding, encoder.embed(graph.x, graph.edge_index))
        outputs = encoder(graph.x, graph.edge_index)
        torch.testing.assert_close(encoder.convs[-1](embedding, graph.edge_index), outputs)


def test_all_forms_of_a_written_embedding_agree(tmp_path: Path) -> None:
    embedding = torch.randn(7, 3) * torch.logspace(-20, 20, 7).unsqueeze(1)
    paths = {suffix: tmp_path / f"z{suffix}" for suffix in (".npy", ".npz", ".csv")}
    for path in paths.values():
        write_embedding(embedding, path)
    assert np.array_equal(np.load(paths[".npy"], allow_pickle=False), embedding.numpy())
    with np.load(paths[".npz"], allow_pickle=False) as archive:
        assert archive.files == ["embedding"]
        assert np.array_equal(archive["embedding"], embedding.numpy())
    header, *rows = paths[".csv"].read_text().splitlines()
    assert header == "node,d0,d1,d2"
    assert [row.split(",")[0] for row in rows] == [str(node) for node in range(7)]
    # nine digits hold a float32 exactly
    values = np.array([row.split(",")[1:] for row in rows], dtype=np.float32)
    assert np.array_equal(values, embedding.numpy())


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        write_embedding(torch.ones(2, 2), tmp_path / "z.pkl")
    assert str(caught.value) == "An embedding is written as .npy, .npz, .csv; received 'z.pkl'."
    assert not list(tmp_path.iterdir())


def test_a_run_that_has_not_finished_has_no_model(copied: Path) -> None:
    (copied / "result.json").unlink()
    with pytest.raises(RunFolderError) as caught:
        load_run(copied)
    assert str(caught.value) == (
        f"{copied} has not finished, so it holds no model yet: graphdam train --out {copied} "
        f"--resume continues it."
    )


def test_another_graph_must_have_the_models_features_and_classes(finished: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_run(finished, graph="sbm")
    assert str(caught.value) == (
        f"sbm has 100 features and 5 outputs a node, the model of {finished} takes 34 and gives 4: "
        f"use a graph with the same features and classes."
    )


def test_another_graph_with_the_same_features_is_served(finished: Path, tmp_path: Path) -> None:
    graph = load_graph("karate")
    keep = graph.edge_index[:, ::2]
    np.savez(
        tmp_path / "half.npz", edge_index=keep.numpy(), x=graph.dense_x().numpy(), y=graph.y.numpy()
    )
    embedding = embed_run(load_run(finished, graph=str(tmp_path / "half.npz")))
    encoder = GCN.from_pretrained(finished / "model")
    with torch.no_grad():
        torch.testing.assert_close(embedding, encoder.embed(graph.x, keep))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_damaged_model_is_refused(copied: Path, name: str) -> None:
    path = copied / "model" / name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ModelFileError, match=name):
        load_run(copied)


def test_a_damaged_record_is_refused(copied: Path) -> None:
    (copied / "result.json").write_text("{")
    with pytest.raises(RunFolderError, match="is not JSON"):
        load_run(copied)
