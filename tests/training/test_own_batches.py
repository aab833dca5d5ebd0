"""Somebody's own GNN learns from batches: what they hold, what they add up to, what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from own_nets import Net, Weighted, of_graph
from sampler import needs_metis, needs_sampler
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GraphSAGE
from torch_geometric.utils import subgraph
from training_runs import assert_same_weights

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.gates import gates_of
from graphdam.objectives import NodeClassification, PreparedEdges, PreparedParts
from graphdam.training import Settings, narrow
from graphdam.training.own_loaders import hops, in_parts
from graphdam.training.own_task import prepare_edges

MakeSettings = Callable[..., Settings]

every_loader = pytest.mark.parametrize(
    "loader", ["cluster", pytest.param("neighbor", marks=needs_sampler)]
)


@pytest.fixture
def weighted(sbm: Graph) -> Graph:
    """Every edge has a weight that says which one it is."""
    return replace(sbm, edge_weight=1 + torch.arange(sbm.num_edges) / sbm.num_edges)


def settings_of(**given: Any) -> Settings:
    return Settings.of(feature_dropout=0.0, **given)


def parts_of(settings: Settings, graph: Graph, net: nn.Module) -> PreparedParts:
    return in_parts(settings, prepare_edges(net, graph), net)


def written(net: nn.Module, prepared: PreparedEdges) -> Tensor:
    with torch.no_grad():
        return prepared.outputs(net.eval())


# What a batch holds


@needs_sampler
def test_with_all_neighbours_a_batch_says_of_its_seeds_what_the_whole_graph_says(
    sbm: Graph,
) -> None:
    net = of_graph(Net, sbm)  # of attention and of means, which know no degrees
    whole = written(net, prepare_edges(net, sbm))
    parts = parts_of(settings_of(batch_size=50, neighbors=-1), sbm, net)
    seen = []
    for part in parts.batches():
        torch.testing.assert_close(written(net, part), whole[part.nodes], rtol=1e-4, atol=1e-5)
        assert torch.equal(part.y, sbm.y[part.nodes])
        assert part.num_items("train") > 0
        seen.append(part.nodes)
    assert len(seen) == parts.num_batches == -(-sbm.num_nodes // 50)
    assert torch.equal(torch.cat(seen).sort().values, torch.arange(sbm.num_nodes))


@needs_sampler
def test_no_more_neighbours_are_drawn_than_asked_each_with_its_own_weight(weighted: Graph) -> None:
    net, weight = of_graph(Weighted, weighted), {}
    assert weighted.edge_weight is not None
    for edge, (source, target) in enumerate(weighted.edge_index.t().tolist()):
        weight[source, target] = float(weighted.edge_weight[edge])
    parts = parts_of(settings_of(batch_size=64, neighbors=(3, 2)), weighted, net)
    for part in (*parts.batches(), parts.watched):
        assert int(part.edge_index[1].bincount().max()) <= 3
        place = {tuple(row): node for node, row in enumerate(weighted.dense_x().tolist())}
        nodes = [place[tuple(row)] for row in part.x.tolist()]
        assert nodes[: len(part.nodes)] == part.nodes.tolist()
        found = part.further["edge_weight"].tolist()
        for (source, target), told in zip(part.edge_index.t().tolist(), found, strict=True):
            assert told == weight[nodes[source], nodes[target]]
    assert bool(parts.watched.mask("val").all())


@needs_sampler
@pytest.mark.parametrize("recipe", ["paper", "default"])
def test_an_epoch_is_about_the_training_nodes_and_all_where_a_teacher_is_imitated(
    sbm: Graph, recipe: str
) -> None:
    net = of_graph(Net, sbm)
    settings = Settings.of(recipe, batch_size=40, feature_dropout=0.0)
    nodes = torch.cat([part.nodes for part in parts_of(settings, sbm, net).batches()])
    expected = sbm.mask("train") if recipe == "paper" else torch.ones(sbm.num_nodes) > 0
    assert torch.equal(nodes.sort().values, expected.nonzero().squeeze(1))


@pytest.mark.usefixtures("cut")
def test_clusters_hold_the_edges_among_their_nodes(weighted: Graph) -> None:
    net = of_graph(Weighted, weighted)
    parts = parts_of(settings_of(batch_size=100, loader="cluster"), weighted, net)
    for part in parts.batches():
        edges, weights = subgraph(
            part.nodes, weighted.edge_index, weighted.edge_weight, relabel_nodes=True
        )
        rows = {(*edge, told) for *edge, told in _rows(edges, weights)}
        assert rows == {
            (*edge, told) for *edge, told in _rows(part.edge_index, part.further["edge_weight"])
        }
    assert parts.watched.num_items("val") > 0


def _rows(edges: Tensor, weights: Tensor) -> list[tuple[float, ...]]:
    return [tuple(row) for row in torch.cat([edges.double(), weights[None].double()]).t().tolist()]


# What the steps add up to


@pytest.mark.usefixtures("cut")
def test_one_cluster_is_the_whole_graph(weighted: Graph) -> None:
    net = of_graph(Weighted, weighted)
    settings = settings_of(batch_size=weighted.num_nodes, loader="cluster", num_clusters=1)
    (part,) = parts_of(settings, weighted, net).batches()
    torch.testing.assert_close(written(net, part), written(net, prepare_edges(net, weighted)))


@pytest.mark.usefixtures("cut")
def test_the_losses_of_clusters_have_that_of_the_whole_graph_as_their_mean(sbm: Graph) -> None:
    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(sbm.num_features, sbm.out_channels)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            del edge_index  # so that no cut edge matters
            return self.lin(x)  # type: ignore[no-any-return]

    net, objective = Rows(), NodeClassification(sbm)
    whole = prepare_edges(net, sbm)
    parts = in_parts(settings_of(batch_size=90, loader="cluster"), whole, net)
    taught = torch.randn(sbm.num_nodes, sbm.out_channels)
    losses, imitations = [], []
    for part in parts.batches():
        outputs = written(net, part)
        losses.append(objective.loss(net, part, outputs))  # type: ignore[arg-type]
        imitations.append(objective.imitation_in(part, outputs, taught[part.nodes]))  # type: ignore[arg-type]
    outputs = written(net, whole)
    assert len(losses) > 3
    torch.testing.assert_close(
        torch.stack(losses).mean(),
        objective.loss(net, whole, outputs),  # type: ignore[arg-type]
    )
    torch.testing.assert_close(torch.stack(imitations).mean(), objective.imitation(outputs, taught))


# Narrowing


@pytest.mark.usefixtures("cut")
@every_loader
def test_what_comes_back_is_narrower_and_scores_on_the_whole_graph_what_is_said(
    sbm: Graph, quick: MakeSettings, loader: str
) -> None:
    settings = quick(
        epochs=20,
        batch_size=60,
        loader=loader,
        feature_dropout=0.0,
        brake_tolerance=100.0,
        brake_loss=10.0,
        gate_lr=0.1,
    )
    found = narrow(of_graph(Net, sbm), sbm, settings=settings)
    assert type(found.model) is Net
    assert gates_of(found.model) == {}
    assert found.widths["convolve"] == found.model.convolve.out_channels < 16
    with torch.no_grad():
        hits = found.model(sbm.dense_x(), sbm.edge_index).argmax(-1) == sbm.y
    assert found.test == pytest.approx(float(hits[sbm.mask("test")].double().mean()))
    assert found.test > 0.6  # five classes
    assert found.deviation < 1e-5


@pytest.mark.usefixtures("cut")
@every_loader
def test_a_seed_gives_the_same_bits_and_goes_on_after_an_interruption(
    sbm: Graph, quick: MakeSettings, loader: str, tmp_path: Path
) -> None:
    def interrupted(line: Any) -> None:
        if line.epoch == 3:
            raise KeyboardInterrupt

    settings = quick(epochs=6, batch_size=100, loader=loader, feature_dropout=0.0)
    net, file = of_graph(Net, sbm), tmp_path / "checkpoint"
    whole = narrow(net, sbm, settings=settings, seed=3)
    kept: dict[str, Any] = {"settings": settings, "seed": 3, "checkpoint": file}
    with pytest.raises(KeyboardInterrupt):
        narrow(net, sbm, **kept, on_epoch=interrupted, checkpoint_seconds=0)
    assert file.exists()
    assert_same_weights(narrow(net, sbm, **kept).model, whole.model)


@pytest.mark.usefixtures("cut")
def test_a_model_of_a_data_object_reads_batches_as_one(
    weighted: Graph, quick: MakeSettings
) -> None:
    class OfData(Weighted):
        def forward(self, data: Data) -> Tensor:  # type: ignore[override]
            assert data.x is not None
            assert data.edge_index is not None
            return super().forward(data.x, data.edge_index, data.edge_weight)

    settings = quick(epochs=3, batch_size=100, loader="cluster", feature_dropout=0.0)
    found, same = (
        narrow(of_graph(kind, weighted), weighted, settings=settings) for kind in (OfData, Weighted)
    )
    assert_same_weights(found.model, same.model)


@needs_metis
def test_clusters_of_metis_are_learnt_from(sbm: Graph, quick: MakeSettings) -> None:
    settings = quick(
        epochs=20, batch_size=200, loader="cluster", num_clusters=40, feature_dropout=0.0
    )
    assert narrow(of_graph(Net, sbm), sbm, settings=settings).test > 0.6  # five classes


# What cannot be read so


class Bare(nn.Module):
    """Passes messages by hand."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])


def test_a_hop_is_drawn_for_every_layer_that_reads_neighbours(sbm: Graph) -> None:
    net = of_graph(Net, sbm)
    assert hops(settings_of(batch_size=9, num_layers=3), net) == (15, 10)
    assert hops(settings_of(batch_size=9, neighbors=4), net) == (4, 4)
    assert hops(settings_of(batch_size=9, neighbors=(4, 3)), net) == (4, 3)
    assert hops(settings_of(batch_size=9, neighbors=(4, 3)), Bare()) == (4, 3)
    with pytest.raises(SettingsError, match=r"neighbors=4,3,2 is of 3 hops, and Net has 2 layers"):
        hops(settings_of(batch_size=9, neighbors=(4, 3, 2), num_layers=3), net)
    with pytest.raises(SettingsError, match="No layer of Bare is a MessagePassing of PyG's"):
        hops(settings_of(batch_size=9, neighbors=4), Bare())


@pytest.mark.usefixtures("cut")
def test_a_teacher_that_reads_further_than_a_sample_is_refused(
    sbm: Graph, quick: MakeSettings
) -> None:
    deeper = GraphSAGE(sbm.num_features, 16, 3, sbm.out_channels)
    net = of_graph(Net, sbm)
    sampled = quick(batch_size=100, feature_dropout=0.0, epochs=2)
    with pytest.raises(SettingsError, match=r"neighbours 3 hops away, .* for the 2 of the model"):
        narrow(net, sbm, teacher=deeper, settings=sampled)
    clusters = quick(batch_size=100, loader="cluster", feature_dropout=0.0, epochs=2)
    assert narrow(net, sbm, teacher=deeper, settings=clusters).teacher_test is not None


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 2}, "batch_size=2 cuts .* take at least"),
        ({"batch_size": 50, "num_clusters": 2}, "num_clusters=2 cannot be dealt to the"),
        ({"batch_size": 50, "num_clusters": 10_000}, "num_clusters=10,000 is more than"),
    ],
)
def test_batches_that_the_graph_does_not_fill_are_refused(
    sbm: Graph, given: dict[str, Any], message: str
) -> None:
    settings = settings_of(loader="cluster", **given)
    with pytest.raises(SettingsError, match=message):
        narrow(of_graph(Net, sbm), sbm, settings=settings)
