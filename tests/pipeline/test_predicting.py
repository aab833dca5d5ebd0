"""Does a run say of nodes and pairs what its compact model computes, labels or none?"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphdam.data import load_graph
from graphdam.errors import DataError, SettingsError
from graphdam.nn import GCN
from graphdam.pipeline import run
from graphdam.predicting import class_probabilities, link_probabilities, rate_pairs
from graphdam.report import read_record
from graphdam.serving import embed_run, load_run, score_run, write_embedding
from graphdam.training import Settings

NAMES = ("biology", "chemistry", "physics")


def write_folder(
    folder: Path, names: tuple[str, ...], *, labelled: bool = True, nodes: int = 60
) -> Path:
    """Nodes in a ring of blocks of one class each, told by their features but for some noise."""
    folder.mkdir()
    noise = torch.randn(nodes, 3, generator=torch.Generator().manual_seed(nodes))
    with (folder / "nodes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *(["label"] if labelled else []), "f0", "f1", "f2"])
        for node in range(nodes):
            name = names[node * len(names) // nodes]
            x = 0.3 * noise[node]
            x[NAMES.index(name) if name in NAMES else 0] += 1
            writer.writerow([f"paper {node}", *([name] if labelled else []), *x.tolist()])
    with (folder / "edges.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "target"])
        for node in range(nodes):
            writer.writerows([f"paper {node}", f"paper {(node + k) % nodes}"] for k in (1, 2))
    return folder


@pytest.fixture(scope="module")
def papers(quick: Callable[..., Settings], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a graph whose nodes and classes have names; do not change it."""
    place = tmp_path_factory.mktemp("papers")
    graph = write_folder(place / "papers", NAMES)
    run(quick(dataset=str(graph), epochs=40), place / "run")
    return place / "run"


def test_probabilities_are_those_of_the_compact_model(finished: Path) -> None:
    graph, encoder = load_graph("karate"), GCN.from_pretrained(finished / "model")
    found = class_probabilities(load_run(finished))
    with torch.no_grad():
        torch.testing.assert_close(found, encoder(graph.x, graph.edge_index).softmax(1))
    record = read_record(finished)
    mask = load_run(finished).graph.mask("test")
    hits = float((found.argmax(1) == graph.y)[mask].double().mean())
    assert hits == record.test.values[record.seeds.index(record.model_seed)]


@pytest.mark.parametrize("outputs", [1, 3])
def test_yes_or_no_has_a_probability_of_its_own(finished: Path, outputs: int) -> None:
    loaded = load_run(finished)
    scores = loaded.record.test.model_copy(update={"metric": "roc_auc"})
    loaded = replace(
        loaded,
        encoder=GCN(34, 4, 2, outputs).eval(),
        record=loaded.record.model_copy(update={"test": scores}),
    )
    found = class_probabilities(loaded)
    with torch.no_grad():
        logits = loaded.encoder(loaded.graph.x, loaded.graph.edge_index)
    yes = logits.sigmoid()
    torch.testing.assert_close(found, torch.cat([1 - yes, yes], dim=1) if outputs == 1 else yes)


def test_a_graph_needs_no_labels(papers: Path, tmp_path: Path) -> None:
    known = load_run(papers)
    bare = write_folder(tmp_path / "bare", NAMES, labelled=False)
    found = load_run(papers, graph=str(bare), labelled=False)
    assert (found.graph.y == -1).all()
    torch.testing.assert_close(class_probabilities(found), class_probabilities(known))
    torch.testing.assert_close(embed_run(found), embed_run(known))
    data = Data(x=known.graph.dense_x(), edge_index=known.graph.edge_index)
    of_data = load_run(papers, graph=data, labelled=False)
    torch.testing.assert_close(class_probabilities(of_data), class_probabilities(known))
    with pytest.raises(DataError, match="lacks label"):
        load_run(papers, graph=str(bare))


def test_classes_are_told_apart_by_name_whichever_a_graph_has(papers: Path, tmp_path: Path) -> None:
    assert read_record(papers).classes == list(NAMES)
    assert score_run(load_run(papers))["scores"]["test"] > 0.8
    few = write_folder(tmp_path / "few", ("biology", "physics"), nodes=90)
    loaded = load_run(papers, graph=str(few))
    assert sorted(set(loaded.graph.y.tolist())) == [0, 2]
    assert score_run(loaded)["scores"]["test"] > 0.8
    other = write_folder(tmp_path / "other", ("biology", "zoology"))
    with pytest.raises(DataError, match="other has the class 'zoology', and the model tells biolo"):
        load_run(papers, graph=str(other))


def test_an_embedding_names_its_nodes(papers: Path, tmp_path: Path) -> None:
    loaded = load_run(papers)
    write_embedding(embed_run(loaded), tmp_path / "z.csv", ids=loaded.graph.node_ids)
    lines = (tmp_path / "z.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[:3]] == ["node", "paper 0", "paper 1"]


def test_a_link_is_as_likely_as_its_ends_are_alike(
    quick: Callable[..., Settings], tmp_path: Path
) -> None:
    graph = write_folder(tmp_path / "papers", NAMES)
    settings = Settings.of(
        dataset=str(graph),
        objective="gae",
        epochs=10,
        hidden_channels=16,
        start_width=8,
        embedding_channels=8,
        threads=1,
        device="cpu",
    )
    run(settings, tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    found = link_probabilities(loaded, ["paper 3", "paper 0"], ["paper 5", "paper 40"])
    z = embed_run(loaded)
    torch.testing.assert_close(found, (z[[3, 0]] * z[[5, 40]]).sum(1).sigmoid())
    with pytest.raises(DataError, match="papers has no node 'paper 99': its nodes are called pape"):
        link_probabilities(loaded, ["paper 99"], ["paper 0"])
    with pytest.raises(SettingsError, match="learnt gae, and tells no classes of nodes"):
        class_probabilities(loaded)


def test_a_run_says_nothing_of_what_it_did_not_learn(finished: Path) -> None:
    loaded = load_run(finished)
    with pytest.raises(SettingsError, match="learnt node-classification, and tells no links"):
        link_probabilities(loaded, ["0"], ["1"])
    with pytest.raises(SettingsError, match="A run on graphs rates no pairs"):
        rate_pairs(loaded, ["0"], ["1"])  # type: ignore[arg-type]
