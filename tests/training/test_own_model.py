"""Somebody's own GNN under the whole recipe: what comes back is theirs, narrower, and as scored."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from own_nets import Net, Weighted, of_graph
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GCN
from training_runs import assert_same_weights

import graphdam
from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.evaluation.module_cost import matrix_multiply_adds, module_multiply_adds
from graphdam.gates import gates_of
from graphdam.training import Settings, Trainer, narrow, own_task
from graphdam.training.own_settings import stirred
from graphdam.training.own_task import OwnGraphTask, prepare_edges, takes_one

MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings(quick: MakeSettings) -> Settings:
    return quick(epochs=40, feature_dropout=0.0, brake_tolerance=100.0, brake_loss=10.0)


def test_what_comes_back_is_a_narrower_net_that_scores_what_is_said(
    sbm: Graph, settings: Settings
) -> None:
    net = of_graph(Net, sbm)
    before = copy.deepcopy(net)
    found = narrow(net, sbm, settings=settings)
    assert type(found.model) is Net
    assert gates_of(found.model) == {}
    assert found.start_widths == {"attend": 8, "convolve": 16}
    assert found.widths["convolve"] == found.model.convolve.out_channels < 16
    assert found.widths["attend"] == found.model.attend.out_channels
    with torch.no_grad():
        hits = found.model(sbm.dense_x(), sbm.edge_index).argmax(-1) == sbm.y
    assert found.metric == "accuracy"
    assert found.test == pytest.approx(float(hits[sbm.mask("test")].double().mean()))
    assert found.val == pytest.approx(float(hits[sbm.mask("val")].double().mean()))
    assert found.deviation < 1e-5
    assert_same_weights(net, before)


def test_the_teacher_is_trained_beside_it_and_imitated(sbm: Graph, settings: Settings) -> None:
    teacher = of_graph(Net, sbm, width=32)
    before = copy.deepcopy(teacher)
    found = narrow(of_graph(Net, sbm), sbm, teacher=teacher, settings=settings)
    assert_same_weights(teacher, before)
    assert found.fit.teacher.convolve.out_channels == 32
    assert not torch.equal(found.fit.teacher.classify.weight, teacher.classify.weight)
    assert found.teacher_test is not None
    alone = narrow(of_graph(Net, sbm), sbm, settings=Settings.of("paper", epochs=10))
    assert (alone.teacher_val, alone.teacher_test, alone.fit.teacher) == (None, None, None)


def test_a_seed_gives_the_same_bits_and_goes_on_after_an_interruption(
    sbm: Graph, settings: Settings, tmp_path: Path
) -> None:
    def interrupted(line: Any) -> None:
        if line.epoch == 25:
            raise KeyboardInterrupt

    net = of_graph(Net, sbm)
    whole = narrow(net, sbm, settings=settings, seed=3)
    torch.rand(5)  # the caller's generator has no say
    assert_same_weights(narrow(net, sbm, settings=settings, seed=3).model, whole.model)
    file = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        narrow(
            net,
            sbm,
            settings=settings,
            seed=3,
            checkpoint=file,
            on_epoch=interrupted,
            checkpoint_seconds=0,
        )
    resumed = narrow(net, sbm, settings=settings, seed=3, checkpoint=file)
    assert_same_weights(resumed.model, whole.model)
    other = narrow(net, sbm, settings=settings, seed=4)
    assert not torch.equal(other.fit.teacher.classify.weight, whole.fit.teacher.classify.weight)


def test_widths_that_are_asked_for_are_met(sbm: Graph, quick: MakeSettings) -> None:
    settings = quick(epochs=20, feature_dropout=0.0)
    found = narrow(of_graph(Net, sbm), sbm, settings=settings, target_widths={"attend": 1})
    assert found.widths == {"attend": 1, "convolve": 16}
    assert found.model.get_submodule("attend").out_channels == 1
    same = quick(epochs=20, feature_dropout=0.0, target_width=5)
    assert narrow(of_graph(Net, sbm), sbm, settings=same).widths == {"attend": 5, "convolve": 5}
    for wrong in ({"attend": 9}, {"convolve": 0}, {"hidden": 4}):
        with pytest.raises(SettingsError, match=r"'attend' of 8, 'convolve' of 16"):
            narrow(of_graph(Net, sbm), sbm, settings=settings, target_widths=wrong)


def test_a_budget_of_parameters_is_kept(sbm: Graph, quick: MakeSettings) -> None:
    settings = quick(epochs=20, feature_dropout=0.0, max_parameters=900)
    found = narrow(of_graph(Net, sbm), sbm, settings=settings)
    assert sum(p.numel() for p in found.model.parameters()) <= 900


def test_a_budget_of_multiply_adds_counts_matrix_products(sbm: Graph, quick: MakeSettings) -> None:
    net, prepared = of_graph(Net, sbm), (sbm.dense_x(), sbm.edge_index)
    limit = matrix_multiply_adds(net, *prepared) // 2
    settings = quick(epochs=20, feature_dropout=0.0, max_multiply_adds=limit)
    found = narrow(net, sbm, settings=settings)
    assert matrix_multiply_adds(found.model, *prepared) <= limit


def test_matrix_products_are_counted_as_by_hand() -> None:
    nodes, edges = 7, torch.randint(0, 7, (2, 12))
    net = Weighted(5, 3)
    assert matrix_multiply_adds(net, torch.zeros(nodes, 5), edges) == nodes * (5 * 16 + 16 * 3)
    cnn = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 16, 5)).train()
    images = torch.zeros(2, 3, 6, 6)
    assert matrix_multiply_adds(cnn, images) == module_multiply_adds(cnn, images)
    assert cnn.training


def test_a_gated_model_can_be_trained_directly(sbm: Graph, settings: Settings) -> None:
    net, inputs = of_graph(Net, sbm), (sbm.dense_x(), sbm.edge_index)
    gated = graphdam.attach_gates(net, inputs)
    fit = Trainer(settings).fit(gated, sbm)
    assert fit.encoder is gated
    assert sum(gated.widths) < 24
    small = gated.compact()
    assert graphdam.deviation(gated, small, *inputs, relative=True) < 1e-5


class OfEveryNode(nn.Module):
    """A weight for each node: it cannot be tried on a part of the graph."""

    def __init__(self, num_nodes: int, features: int, classes: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(num_nodes, 1))
        self.inner = Weighted(features, classes)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.inner(x + self.shift, edge_index)  # type: ignore[no-any-return]


def test_a_large_graph_is_tried_in_a_corner_if_the_model_lets_it(
    sbm: Graph, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighted = replace(sbm, edge_weight=torch.ones(sbm.num_edges))
    nets = of_graph(Net, sbm), of_graph(Weighted, sbm)
    whole = [OwnGraphTask(settings, weighted, net).build_gated() for net in nets]
    monkeypatch.setattr(own_task, "LARGE", 50)
    monkeypatch.setattr(own_task, "CORNER", 40)
    seen: list[int] = []
    attach = graphdam.attach_gates

    def noted(net: nn.Module, inputs: tuple[Tensor, ...], **kwargs: Any) -> Any:
        seen.append(len(inputs[0]))
        return attach(net, inputs, **kwargs)

    monkeypatch.setattr(own_task, "attach_gates", noted)
    corner = [OwnGraphTask(settings, weighted, net).build_gated() for net in nets]
    assert [str(a.layout) for a in whole] == [str(b.layout) for b in corner]
    assert seen == [40, 40]
    net = OfEveryNode(sbm.num_nodes, sbm.num_features, sbm.out_channels)
    assert OwnGraphTask(settings, sbm, net).build_gated().widths == [16]
    assert seen == [40, 40, 40, sbm.num_nodes]


def test_edge_weights_reach_a_model_that_takes_them(sbm: Graph, settings: Settings) -> None:
    weights = torch.rand(sbm.num_edges, generator=torch.Generator().manual_seed(0)) + 0.5
    weighted = replace(sbm, edge_weight=weights)
    net = of_graph(Weighted, sbm)
    assert set(prepare_edges(net, weighted).further) == {"edge_weight"}
    found = narrow(net, weighted, settings=settings)
    assert found.notes == found.fit.notes
    plain = narrow(net, sbm, settings=settings)
    assert not torch.equal(found.fit.teacher.first.lin.weight, plain.fit.teacher.first.lin.weight)
    without = narrow(of_graph(Net, sbm), weighted, settings=settings)
    assert any("edge weights of" in note for note in without.notes)


def test_a_data_object_of_pyg_will_do(sbm: Graph, settings: Settings) -> None:
    masks = {f"{part}_mask": sbm.mask(part) for part in ("train", "val", "test")}
    data = Data(x=sbm.dense_x(), edge_index=sbm.edge_index, y=sbm.y, **masks)
    found = narrow(of_graph(Weighted, sbm), data, settings=settings)
    assert found.test == narrow(of_graph(Weighted, sbm), sbm, settings=settings).test


def test_whether_training_disturbs_a_model_is_seen(sbm: Graph, settings: Settings) -> None:
    def disturbed(net: nn.Module) -> bool:
        return stirred(OwnGraphTask(settings, sbm, net)).disturbs_teacher

    assert disturbed(of_graph(Net, sbm))
    assert disturbed(of_graph(Net, sbm, dropout=0.0))  # its norm tells training from evaluation
    assert not disturbed(of_graph(Weighted, sbm))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings.of(objective="dgi"), "learns node-classification here; received objective='dgi'"),
        (Settings.of(dataset="mnist"), "dataset='mnist'"),
        (Settings.of("wide"), "narrowed by gates"),
        (Settings.of("nested"), "nested losses"),
        (Settings.of(memory_budget=1.0), "memory_budget=1 is for models whose memory"),
        (Settings.of(batch_size=64, loader="saint"), "take loader='neighbor' or 'cluster'"),
    ],
)
def test_settings_that_say_nothing_of_such_a_model_are_refused(
    sbm: Graph, settings: Settings, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        narrow(of_graph(Net, sbm), sbm, settings=settings)


class OfData(Weighted):
    """Called with a PyG `Data`, as in PyG's introduction."""

    def forward(self, data: Data) -> Tensor:  # type: ignore[override]
        assert data.x is not None
        assert data.edge_index is not None
        return super().forward(data.x, data.edge_index, data.edge_weight)


def test_a_model_that_takes_a_data_object_is_given_one(sbm: Graph, settings: Settings) -> None:
    weights = torch.rand(sbm.num_edges, generator=torch.Generator().manual_seed(0))
    weighted = replace(sbm, edge_weight=weights)
    found = narrow(of_graph(OfData, sbm), weighted, settings=settings)
    assert type(found.model) is OfData
    assert found.notes == found.fit.notes
    same = narrow(of_graph(Weighted, sbm), weighted, settings=settings)
    assert_same_weights(found.model, same.model)


def test_which_models_take_a_data_object_is_seen() -> None:
    class Optional(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor | None = None) -> Tensor:
            return x if edge_index is None else x[edge_index[0]]

    class Flagged(nn.Module):
        def forward(self, data: Data, flag: bool = False, *, scale: float) -> Data:
            del flag, scale
            return data

    nets = (OfData(4, 3), Flagged(), Weighted(4, 3), Optional(), GCN(4, 4, num_layers=1))
    assert [takes_one(net) for net in nets] == [True, True, False, False, False]


def test_a_model_that_is_called_otherwise_is_refused(sbm: Graph, settings: Settings) -> None:
    class OfThree(Weighted):
        def forward(self, x: Tensor, edge_index: Tensor, z: Tensor) -> Tensor:  # type: ignore[override]
            return super().forward(x, edge_index) + z

    class OfFeatures(Weighted):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return self.first.lin(x)  # type: ignore[no-any-return]

    with pytest.raises(SettingsError, match=r"OfThree could not be called as net\(x, edge_index\)"):
        narrow(of_graph(OfThree, sbm), sbm, settings=settings)
    with pytest.raises(SettingsError, match=r"OfFeatures could not be called as net\(data\) on"):
        narrow(of_graph(OfFeatures, sbm), sbm, settings=settings)


def test_a_model_whose_outputs_do_not_fit_is_refused(sbm: Graph, settings: Settings) -> None:
    with pytest.raises(
        SettingsError, match=r"writes \[\d+, 1\] numbers for \d+ nodes, and \[\d+, \d\] are needed"
    ):
        narrow(Net(sbm.num_features, 1), sbm, settings=settings)
