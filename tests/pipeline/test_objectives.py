"""Does a run of every objective leave a record that is true and a model that is served?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphdam.data import load_graph
from graphdam.data.link_split import split_links
from graphdam.errors import DataError
from graphdam.evaluation.clustering import clustering_nmi
from graphdam.evaluation.embedding import Normalization
from graphdam.evaluation.links import link_scores
from graphdam.evaluation.probe import linear_probe
from graphdam.evaluation.stability import linear_cka
from graphdam.nn import Encoder
from graphdam.objectives import prepare_graph
from graphdam.pipeline import run
from graphdam.report import read_history, read_record
from graphdam.serving import embed_run, load_run, score_run
from graphdam.training import Settings

LINKS = ("gae", "vgae")
every_objective = pytest.mark.parametrize("objective", ["dgi", "grace", "bgrl", "gae", "vgae"])


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A finished run of an objective with two seeds on karate; do not change it."""
    root = tmp_path_factory.mktemp("objectives")

    def finished(objective: str) -> Path:
        if not (root / objective).exists():
            run(settings_of(objective), root / objective)
        return root / objective

    return finished


def settings_of(objective: str, **given: Any) -> Settings:
    quick: dict[str, Any] = {
        "dataset": "karate",
        "device": "cpu",
        "threads": 1,
        "epochs": 10,
        "hidden_channels": 16,
        "start_width": 8,
        "target_width": (5,),
        "seeds": (0, 1),
    }
    if objective in LINKS:
        quick["embedding_channels"] = 12
    return Settings.of(objective=objective, **{**quick, **given})


@every_objective
def test_a_run_leaves_a_record_with_its_further_scores(
    run_of: Callable[[str], Path], objective: str
) -> None:
    record = read_record(run_of(objective))
    metric, further = (
        ("auc", "average_precision") if objective in LINKS else ("accuracy", "macro_f1")
    )
    assert record.objective == objective
    assert record.val.metric == record.test.metric == metric
    assert list(record.further) == [further, "nmi"]
    assert record.further[further].metric == further
    assert len(record.further[further].values) == 2
    assert record.wide is not None
    assert list(record.wide.further) == [further, "nmi"]
    assert record.widths == [[5] * len(record.start_widths)] * 2
    assert record.start_widths == [8] * len(record.start_widths)
    assert record.wide.widths[-1] == (12 if objective in LINKS else 16)
    assert record.deviation < 1e-5
    assert record.prefixes is not None
    assert record.prefixes[0][-1].val == record.val.values[0]
    assert len(read_history(run_of(objective))) == 20


@every_objective
def test_the_numbers_are_those_of_the_saved_model(
    run_of: Callable[[str], Path], objective: str
) -> None:
    """By another path: the saved model, the split and the scores of `graphdam.evaluation`."""
    record, graph = read_record(run_of(objective)), load_graph("karate")
    at = record.seeds.index(record.model_seed)
    graph = graph.at_split(record.model_seed)
    encoder = Encoder.from_pretrained(run_of(objective) / "model").eval()
    split = split_links(graph, seed=record.model_seed)
    scale: Normalization = "l2" if objective in ("grace", "bgrl") else "standardize"
    edges = split.graph.edge_index if objective in LINKS else graph.edge_index
    with torch.no_grad():
        z = encoder(graph.x, edges)
    if objective in LINKS:
        found = link_scores(z, *split.test)
        expected = [found.auc, found.average_precision]
    else:
        masks = graph.splits[graph.split_index]._asdict()
        probe = linear_probe(z, graph.y, **masks, normalize=scale)
        expected = [probe.test_accuracy, probe.test_macro_f1]
    expected.append(clustering_nmi(z, graph.y, normalize=scale, seed=0))
    told = [scores.values[at] for scores in (record.test, *record.further.values())]
    assert told == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("objective", ["dgi", "vgae"])
def test_the_seeds_embeddings_are_compared(
    run_of: Callable[[str], Path], objective: str, tmp_path: Path
) -> None:
    record, graph = read_record(run_of(objective)), load_graph("karate")
    embeddings = []
    for seed in record.seeds:
        alone = run(settings_of(objective, seeds=(seed,)), tmp_path / str(seed))
        assert alone.stability is None
        encoder = Encoder.from_pretrained(tmp_path / str(seed) / "model").eval()
        with torch.no_grad():
            embeddings.append(encoder(graph.x, graph.edge_index))
    assert record.stability is not None
    assert record.stability == pytest.approx(linear_cka(*embeddings), abs=1e-5)
    assert record.stability < 0.999


@every_objective
def test_a_run_is_scored_and_embeds_every_node(
    run_of: Callable[[str], Path], objective: str
) -> None:
    loaded, record = load_run(run_of(objective)), read_record(run_of(objective))
    at = record.seeds.index(record.model_seed)
    found = score_run(loaded)
    assert found["metric"] == record.test.metric
    assert found["scores"] == {
        "val": pytest.approx(record.val.values[at]),
        "test": pytest.approx(record.test.values[at]),
    }
    assert found["widths"] == record.widths[at]
    assert found["multiply_adds"] == record.multiply_adds[at]
    embedding = embed_run(loaded)
    assert embedding.shape == (34, 5)
    prepared = prepare_graph(loaded.encoder, loaded.graph)
    with torch.no_grad():
        torch.testing.assert_close(embedding, loaded.encoder(prepared.x, prepared.adjacency))


@every_objective
def test_a_wide_model_is_a_run_like_any_other(tmp_path: Path, objective: str) -> None:
    settings = Settings.of("wide", **_without_gates(settings_of(objective, seeds=(0,))))
    record = run(settings, tmp_path / "run")
    assert record.wide is None
    assert record.widths == [record.start_widths]
    assert list(record.further) == [
        "average_precision" if objective in LINKS else "macro_f1",
        "nmi",
    ]


def _without_gates(settings: Settings) -> dict[str, Any]:
    kept = ("objective", "dataset", "device", "threads", "epochs", "hidden_channels", "seeds")
    return {name: getattr(settings, name) for name in kept}


def test_a_seed_repeats_alone(run_of: Callable[[str], Path], tmp_path: Path) -> None:
    alone = run(settings_of("vgae", seeds=(1,)), tmp_path / "run")
    assert alone.test.values[0] == read_record(run_of("vgae")).test.values[1]


def test_a_graph_whose_links_cannot_be_held_out_leaves_no_folder(tmp_path: Path) -> None:
    graph = load_graph("karate")
    one_way = graph.edge_index[:, graph.edge_index[0] < graph.edge_index[1]]
    np.savez(
        tmp_path / "one-way.npz",
        edge_index=one_way.numpy(),
        x=graph.dense_x().numpy(),
        y=graph.y.numpy(),
    )
    settings = settings_of("gae", dataset=str(tmp_path / "one-way.npz"))
    with pytest.raises(DataError, match="Graph 'one-way' is directed"):
        run(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()
