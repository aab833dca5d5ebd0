"""attach_gates on GNNs as people write them with PyG: the compact one is theirs, and equal."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import torch_geometric.nn as gnn
from gated_torch import apart, close_at_random, size, unsettled
from gnn_models import CLASSES, FEATURES, GNNS, NODES, Stack, gnn_example
from gnn_wirings import GraphWiring
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from graphdam import attach_gates, compact_model, load_compact, save_compact
from graphdam.compaction import GatedModel
from graphdam.compaction.trial import failing_groups
from graphdam.errors import InexactError
from graphdam.gates import GATES, gates_of, parameter_groups

every_gnn = pytest.mark.parametrize("name", GNNS)


def build(name: str, kind: str = "dam", dtype: torch.dtype = torch.float64) -> GatedModel:
    torch.manual_seed(0)
    model = unsettled(GNNS[name][0]().to(dtype))
    return attach_gates(model, gnn_example(name, dtype), gate=kind).to(dtype)


@every_gnn
@pytest.mark.parametrize("kind", sorted(GATES))
def test_gated_and_compact_give_the_same_outputs(name: str, kind: str) -> None:
    gated = build(name, kind)
    assert [group.num_channels for group in gated.groups] == GNNS[name][1]
    for seed in range(3):
        close_at_random(gated, seed)
        small = compact_model(gated)
        assert apart(gated, small, gnn_example(name, seed=seed)) < 1e-9
        assert size(small) < size(gated.model)


@every_gnn
def test_in_single_precision_too(name: str) -> None:
    gated = close_at_random(build(name, dtype=torch.float32), seed=1)
    assert apart(gated, gated.compact(), gnn_example(name, torch.float32)) < 1e-5


@every_gnn
def test_open_gates_of_value_one_change_nothing(name: str) -> None:
    torch.manual_seed(0)
    model = unsettled(GNNS[name][0]().double())
    gated = attach_gates(model, gnn_example(name), gate="l1")
    assert apart(model, gated, gnn_example(name)) < 1e-12  # an L1 gate starts at 1


@every_gnn
def test_the_compact_model_is_the_users_own(name: str) -> None:
    gated = close_at_random(build(name))
    small = gated.compact()
    # by name: a copy of what `to_hetero` made is of a class of its own
    kinds = {path: type(module).__qualname__ for path, module in gated.model.named_modules()}
    assert {path: type(each).__qualname__ for path, each in small.named_modules()} == kinds
    assert gates_of(small) == {}
    for module in small.modules():
        assert not module._forward_pre_hooks
        assert not module._forward_hooks
        assert not any(type(v).__module__.startswith("graphdam") for v in vars(module).values())


@every_gnn
def test_saved_and_loaded_it_is_the_same(name: str, tmp_path: Any) -> None:
    small = close_at_random(build(name)).compact()
    save_compact(small, tmp_path)
    loaded = load_compact(GNNS[name][0], tmp_path)
    assert apart(small, loaded, gnn_example(name)) == 0


@pytest.mark.parametrize("name", ["gat", "gatv2", "gatv2-shared", "transformer", "stock-gat"])
def test_closed_channels_have_no_vote(name: str) -> None:
    """Gated at their readers alone, as other layers are, no attention layer could be cut."""
    gated = build(name)
    assert gated.layout.inside
    model, inputs = gated.compact(), gnn_example(name)
    assert failing_groups(model, gated.layout, inputs) == {}
    outside = dataclasses.replace(gated.layout, inside={})
    found = failing_groups(model, outside, inputs)
    assert all("outputs that lie" in what for what in found.values())
    attending = [g for g in gated.groups if any("lin" not in path for path in g.producers)]
    assert {group.name for group in attending} == set(found)


def test_gnns_wired_at_random_are_exact_and_smaller() -> None:
    smaller = 0
    for seed in range(60):
        torch.manual_seed(seed)
        model = unsettled(GraphWiring(seed).double(), seed)
        x, edge_index, batch = gnn_example("of-graphs", seed=seed)
        gated = attach_gates(model, (x, edge_index, batch), gate=sorted(GATES)[seed % 3])
        small = close_at_random(gated.double(), seed).compact()
        for value in (x, x.flip(0)):
            assert apart(gated, small, (value, edge_index, batch)) < 1e-9, seed
        smaller += size(small) < size(model)
    assert smaller == 60


def test_it_learns_on_a_graph_and_shrinks() -> None:
    torch.manual_seed(0)
    x, edge_index = gnn_example("gcn", torch.float32)
    labels = torch.arange(NODES) % CLASSES
    model = Stack(
        gnn.GATConv(FEATURES, 16, heads=2), gnn.SAGEConv(32, 16), gnn.GCNConv(16, CLASSES)
    )
    gated = attach_gates(model, (x, edge_index))
    optimiser = torch.optim.Adam(parameter_groups(gated, lr=0.02, gate_lr=0.1))
    before = cross_entropy(gated.eval()(x, edge_index), labels)
    gated.train()
    for _ in range(120):
        optimiser.zero_grad()
        loss = cross_entropy(gated(x, edge_index), labels) + 0.05 * gated.penalty()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    after = cross_entropy(gated.eval()(x, edge_index), labels)
    assert after < 0.8 * before
    assert all(width < 16 for width in gated.widths)
    assert apart(gated, gated.compact(), (x, edge_index)) < 1e-5


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_an_example_may_be_a_data_object_alone_or_a_sparse_adjacency() -> None:
    (data,) = gnn_example("predicts", torch.float32)
    model = GNNS["predicts"][0]()
    assert attach_gates(model, data).widths == attach_gates(model, (data,)).widths
    x, edge_index = gnn_example("gcn", torch.float32)
    adjacency = torch.sparse_coo_tensor(edge_index.flip(0), torch.ones(edge_index.size(1)))
    model = unsettled(GNNS["gcn"][0]())
    gated = attach_gates(model, (x, adjacency.coalesce().to_sparse_csr()))
    close_at_random(gated, seed=1)
    assert apart(gated, gated.compact(), (x, edge_index)) < 1e-5


def test_what_a_layer_remembers_of_the_example_is_not_handed_on() -> None:
    model = Stack(gnn.GCNConv(FEATURES, 8, cached=True), gnn.GCNConv(8, CLASSES))
    x, edge_index = gnn_example("gcn", torch.float32)
    gated = attach_gates(model, (x, edge_index))
    assert gated.model.convs[0]._cached_edge_index is None  # type: ignore[index,union-attr]


@pytest.mark.parametrize("bare", [gnn.GCNConv, gnn.SAGEConv, gnn.GATConv])
def test_widths_that_pyg_infers_at_the_first_call(bare: Any) -> None:
    x, edge_index = gnn_example("gcn", torch.float32)
    model = Stack(bare(-1, 8), bare(-1, CLASSES))
    gated = attach_gates(model, (x, edge_index))
    gated(x, edge_index)
    close_at_random(gated)
    assert [group.num_channels for group in gated.groups] == [8]
    assert apart(gated, gated.compact(), (x, edge_index)) < 1e-5


class Own(gnn.MessagePassing):  # type: ignore[misc]
    """Somebody's own convolution, with weights that no rule knows."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(aggr="add")
        self.out_channels = outputs
        self.weight = nn.Parameter(torch.randn(inputs, outputs))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=(x @ self.weight).cumsum(-1))  # type: ignore[no-any-return]


class Sub(gnn.GCNConv):  # type: ignore[misc]
    """A subclass may compute something else."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return super().forward(x, edge_index).cumsum(-1)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: Own(8, 8), "no rule says how a Own loses channels"),
        (lambda: Sub(8, 8), "no rule says how a Sub loses channels"),
        (lambda: gnn.GatedGraphConv(8, 2), "no rule says how a GatedGraphConv loses channels"),
        (lambda: gnn.TransformerConv(8, 8, beta=True), "use beta=False"),
        (lambda: gnn.SAGEConv(8, 8, normalize=True), "use normalize=False"),
        (lambda: gnn.SAGEConv(8, 8, project=True), "use project=False"),
        (lambda: gnn.SAGEConv(8, 8, aggr="std"), "gathered by 'std': it is exact with mean"),
        (lambda: gnn.SAGEConv(8, 8, aggr=["mean", "max"]), r"gathered by \['mean', 'max'\]"),
        (lambda: gnn.ResGatedGraphConv((8, 8), 8), "use one number"),
        (lambda: gnn.GINConv(nn.Linear(8, 8), aggr="std"), "messages of a GINConv are gathered"),
        (
            lambda: gnn.ResGatedGraphConv(8, 8, act=nn.Softmax(-1)),
            "act 'Softmax' mixes channels",
        ),
    ],
)
def test_a_convolution_that_is_not_exact_is_named_or_left_alone(layer: Any, message: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = gnn.GCNConv(FEATURES, 8), layer()
            self.third, self.last = gnn.GCNConv(8, 7), gnn.GCNConv(7, CLASSES)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            x = relu(self.second(relu(self.first(x, edge_index)), edge_index))
            return self.last(relu(self.third(x, edge_index)), edge_index)  # type: ignore[no-any-return]

    inputs = gnn_example("gcn")
    with pytest.raises(InexactError, match=message) as caught:
        attach_gates(Net().double(), inputs)
    assert "'second'" in str(caught.value) or "'first'" in str(caught.value)
    gated = close_at_random(attach_gates(unsettled(Net().double()), inputs, inexact="leave"))
    assert 7 in [group.num_channels for group in gated.groups]
    assert apart(gated, gated.compact(), inputs) < 1e-9


@pytest.mark.parametrize("norm", [gnn.LayerNorm, gnn.PairNorm, gnn.MessageNorm])
def test_norms_that_mix_channels_keep_them(norm: Any) -> None:
    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = gnn.GCNConv(FEATURES, 8), gnn.GCNConv(8, CLASSES)
            self.norm = norm(8) if norm is gnn.LayerNorm else norm()

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            x = self.first(x, edge_index)
            x = self.norm(x, x) if norm is gnn.MessageNorm else self.norm(x)
            return self.last(relu(x), edge_index)  # type: ignore[no-any-return]

    with pytest.raises(InexactError, match=f"'first' .*{norm.__name__}"):
        attach_gates(Normed().double(), gnn_example("gcn"))


def test_channels_that_reach_the_edges_stay() -> None:
    class ByEdges(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.edges = nn.Linear(FEATURES, 8)
            self.first = gnn.GATConv(FEATURES, 8, edge_dim=8)
            self.last = gnn.GCNConv(8, CLASSES)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            attributes = self.edges(x[edge_index[0]] - x[edge_index[1]])
            return self.last(self.first(x, edge_index, attributes), edge_index)  # type: ignore[no-any-return]

    with pytest.raises(InexactError, match=r"'edges' .* beside the features of its nodes"):
        attach_gates(ByEdges().double(), gnn_example("gcn"))


def test_a_module_within_a_layer_that_cannot_be_traced_is_named() -> None:
    class Fickle(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = gnn.GCNConv(FEATURES, 8)
            self.gin = gnn.GINConv(nn.Sequential(nn.Linear(8, 7), Fickle()))
            self.last = nn.Linear(7, CLASSES)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            x = relu(self.first(x, edge_index))
            return self.last(self.gin(x, edge_index))  # type: ignore[no-any-return]

    with pytest.raises(InexactError, match=r"Fickle 'gin\.nn\.1' cannot be traced"):
        attach_gates(Net().double(), gnn_example("gcn"))
    gated = attach_gates(Net().double(), gnn_example("gcn"), skip=["gin.nn.1"])
    assert [group.num_channels for group in gated.groups] == [8]


def test_an_error_without_words_is_named_by_its_kind() -> None:
    layers = (gnn.ResGatedGraphConv(FEATURES, 8, edge_dim=2), gnn.GCNConv(8, CLASSES))
    with pytest.raises(InexactError, match=r"in 'convs\.0': AssertionError\. Give what"):
        attach_gates(Stack(*layers).double(), gnn_example("gcn"))


def test_where_every_way_leads_through_a_module_within_a_layer_one_channel_stays() -> None:
    gated = attach_gates(GNNS["of-graphs"][0]().double(), gnn_example("of-graphs"), min_width=0)
    assert not any(group.can_vanish for group in gated.groups)
