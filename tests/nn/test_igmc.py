"""Does IGMC compute what its parts do one by one, and does the compact one compute the same?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny_ratings import tiny_ratings
from torch import Tensor
from torch_geometric.nn import RGCNConv

from graphdam.compaction import deviation, slice_in, slice_out
from graphdam.data.enclosing import Enclosing, KnownRatings, Workload
from graphdam.errors import InexactError, ModelFileError
from graphdam.evaluation.cost import num_parameters
from graphdam.gates import Gate, L1Gate
from graphdam.nn import IGMC
from graphdam.nn.relational import Relations, convolve, level_weights

RATINGS = tiny_ratings()
LEVELS = RATINGS.num_levels
SMALL = {"conv_channels": [6, 5, 4, 3], "hidden_channels": 12}


def subgraphs(count: int = 20) -> Enclosing:
    index = RATINGS.train[:count]
    return RATINGS.known().enclose(RATINGS.users[index].numpy(), RATINGS.items[index].numpy())


def model(**given: Any) -> IGMC:
    torch.manual_seed(0)
    return IGMC(LEVELS, **{**SMALL, **given}).double().eval().requires_grad_(False)


def open_some(gates: torch.nn.ModuleList, *, seed: int = 1) -> None:
    """Unequal values, and some channels closed, whatever the kind of gate."""
    generator = torch.Generator().manual_seed(seed)
    for gate in gates:
        assert isinstance(gate, Gate)
        for name, parameter in gate.named_parameters():
            if name == "offset":
                parameter.data.fill_(-2.2)
            else:
                drawn = torch.randn(parameter.shape, generator=generator).to(parameter)
                parameter.data.copy_(drawn * (3 if parameter.numel() > 1 else 0))
        if isinstance(gate, L1Gate):
            gate.threshold = 0.5


def edge_list(found: Enclosing) -> tuple[Tensor, Tensor]:
    return torch.stack([found.source, found.row // LEVELS]), found.row % LEVELS


def by_pyg(conv: torch.nn.Module, x: Tensor, edge_index: Tensor, level: Tensor) -> Tensor:
    """PyG's sums over neighbours, divided by how many there are."""
    assert isinstance(conv, RGCNConv)
    itself: Tensor = x @ conv.root + conv.bias
    count = torch.bincount(edge_index[1], minlength=x.size(0)).clamp(min=1)
    summed: Tensor = conv(x, edge_index, level) - itself
    return summed / count[:, None] + itself


def by_parts(net: IGMC, found: Enclosing) -> Tensor:
    """The formula, with PyG's own convolutions on every node of every layer."""
    edge_index, level = edge_list(found)
    h, states = F.one_hot(found.roles, 4).double(), []
    gates = list(net.gates) if len(net.gates) > 1 else [torch.nn.Identity()] * 4 + list(net.gates)
    gates = gates if len(net.gates) else [torch.nn.Identity()] * 5
    for conv, gate in zip(net.convs, gates, strict=False):
        h = gate(torch.tanh(by_pyg(conv, h, edge_index, level)))
        states.append(h)
    every = torch.cat(states, dim=1)
    users, items = found.roles == 0, found.roles == 1
    z = torch.cat([every[users], every[items]], dim=1)
    out: Tensor = net.lin2(gates[-1](torch.relu(net.lin1(z)))).squeeze(-1)
    return out


# What it computes


def test_a_convolution_is_pyg_s_with_one_mean_over_all_neighbours() -> None:
    found = subgraphs()
    torch.manual_seed(0)
    conv = RGCNConv(7, 5, LEVELS, num_bases=3, aggr="sum").double()
    x = torch.randn(sum(found.num_nodes), 7, dtype=torch.float64, requires_grad=True)
    relations = Relations.of(found, dtype=torch.float64)
    expected = by_pyg(conv, x, *edge_list(found))
    ours = convolve(conv, x, relations, relations.num_nodes)
    assert torch.allclose(ours, expected, rtol=0, atol=1e-12)
    first = convolve(conv, x, relations, 11)
    assert torch.allclose(first, expected[:11], rtol=0, atol=1e-12)
    for own, other in ((ours, expected), (first, expected[:11])):
        gradients = [
            torch.autograd.grad(each.square().sum(), [x, *conv.parameters()], retain_graph=True)
            for each in (own, other)
        ]
        for one, same in zip(*gradients, strict=True):
            assert torch.allclose(one, same, rtol=0, atol=1e-10)


@pytest.mark.parametrize("gate_convs", [False, True])
@pytest.mark.parametrize("gate", [None, "dam", "l1"])
def test_a_rating_is_the_formula_written_out(gate: str | None, gate_convs: bool) -> None:
    net, found = model(gate=gate, gate_convs=gate_convs), subgraphs()
    open_some(net.gates)
    assert torch.allclose(net(found), by_parts(net, found), rtol=0, atol=1e-12)


def test_a_rating_depends_on_its_own_pair_alone() -> None:
    net, known = model(), RATINGS.known()
    users, items = RATINGS.users[RATINGS.train].numpy(), RATINGS.items[RATINGS.train].numpy()
    together = net(known.enclose(users[:9], items[:9]))
    for at in range(9):
        alone = net(known.enclose(users[at : at + 1], items[at : at + 1]))
        assert float((together[at] - alone).abs()) < 1e-12


def test_users_and_items_have_no_names() -> None:
    generator = np.random.default_rng(3)
    rename = generator.permutation(RATINGS.shape[0]), generator.permutation(RATINGS.shape[1])
    index = RATINGS.train
    users, items = RATINGS.users[index].numpy(), RATINGS.items[index].numpy()
    renamed = KnownRatings(
        rename[0][users],
        rename[1][items],
        RATINGS.level[index].numpy(),
        shape=RATINGS.shape,
        num_levels=LEVELS,
    )
    net = model()
    one = net(RATINGS.known().enclose(users, items))
    other = net(renamed.enclose(rename[0][users], rename[1][items]))
    assert torch.allclose(one, other, rtol=0, atol=1e-12)


def test_forgotten_ratings_go_with_both_their_edges_and_means_are_of_what_is_left() -> None:
    found = subgraphs()
    torch.manual_seed(5)
    relations = Relations.of(found, dtype=torch.float64, dropout=0.5)
    torch.manual_seed(5)
    kept = (torch.rand(found.row.numel() // 2) >= 0.5)[found.rating]
    assert 0 < int(kept.sum()) < kept.numel()
    edge_index, level = (each[..., kept] for each in edge_list(found))
    opposite = set(zip(edge_index[1].tolist(), edge_index[0].tolist(), strict=True))
    assert opposite == set(zip(*edge_index.tolist(), strict=True))
    conv = RGCNConv(4, 5, LEVELS, num_bases=3, aggr="sum").double()
    x = torch.randn(sum(found.num_nodes), 4, dtype=torch.float64)
    ours = convolve(conv, x, relations, relations.num_nodes)
    assert torch.allclose(ours, by_pyg(conv, x, edge_index, level), rtol=0, atol=1e-12)


def test_noise_is_of_training_alone() -> None:
    net, found = model(), subgraphs()
    assert torch.equal(net(found), net(found))
    net.train()
    assert not torch.equal(net(found), net(found))
    quiet = model(dropout=0.0, adjacency_dropout=0.0)
    assert torch.equal(quiet.train()(found), quiet.eval()(found))


def test_neighbouring_ratings_are_compared_by_hand() -> None:
    net = model(conv_channels=[2, 1, 1, 1])
    total = 0.0
    for conv in net.convs:
        matrices = level_weights(conv)
        for after, before in zip(matrices[1:], matrices[:-1], strict=True):
            total += float(((after - before) ** 2).sum())
    assert float(net.adjacent_rating_penalty()) == pytest.approx(total)
    with torch.no_grad():
        for conv in net.convs:
            assert isinstance(conv, RGCNConv)
            conv.comp.copy_(conv.comp[:1].expand_as(conv.comp))
    assert float(net.adjacent_rating_penalty()) == 0


def test_what_nobody_predicts_yet_is_the_mean() -> None:
    net = model(mean_rating=3.5)
    assert float(net.lin2.bias) == 3.5


# Compaction


@pytest.mark.parametrize("gate_convs", [False, True])
@pytest.mark.parametrize("gate", ["dam", "l1", "l0"])
def test_compaction_is_exact(gate: str, gate_convs: bool) -> None:
    net, found = model(gate=gate, gate_convs=gate_convs), subgraphs()
    open_some(net.gates)
    small = net.compact()
    assert small.widths == net.widths
    assert sum(net.widths) < sum(net.config["conv_channels"] * gate_convs) + 12
    assert not list(small.gates)
    assert deviation(net, small, found) < 1e-12
    assert num_parameters(small) < num_parameters(net)


def test_the_equality_would_notice_values_that_are_not_folded() -> None:
    net, found = model(gate="dam", gate_convs=True), subgraphs()
    open_some(net.gates)
    small = net.compact()
    gate, reader = net.gates[0], small.convs[1]
    assert isinstance(gate, Gate)
    assert isinstance(reader, RGCNConv)
    with torch.no_grad():
        reader.weight /= gate.final_values()[: small.widths[0]].double()[:, None]
    assert deviation(net, small, found) > 1e-4


def test_compacting_draws_nothing() -> None:
    net = model(gate="dam")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    net.compact()
    assert torch.equal(before, torch.get_rng_state())


def test_r_gcns_that_mix_channels_otherwise_are_refused() -> None:
    keep, blocks = torch.tensor([0, 2]), RGCNConv(4, 4, num_relations=3, num_blocks=2)
    with pytest.raises(InexactError, match=r"An RGCNConv with num_blocks=2 .* use num_bases"):
        slice_out(blocks, keep)
    with pytest.raises(InexactError, match=r"An RGCNConv with num_blocks=2 .* use num_bases"):
        slice_in(blocks, keep, torch.ones(2))
    of_two_kinds = RGCNConv((4, 6), 4, num_relations=3)
    with pytest.raises(InexactError, match=r"A RGCNConv with in_channels=\(4, 6\) .* one number"):
        slice_in(of_two_kinds, keep, torch.ones(2))
    assert slice_out(of_two_kinds, keep).weight.shape == (3, 4, 2)


# Its cost


def test_costs_by_hand() -> None:
    # four nodes, and three known ratings: one at the target user, one at the target item
    known = KnownRatings(
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 1]),
        np.array([0, 1, 1, 0]),
        shape=(2, 2),
        num_levels=2,
    )
    work = known.enclose(np.array([0]), np.array([0])).workload
    assert work == Workload(pairs=1, nodes=4, edges=6, target_edges=2)
    net = IGMC(2, conv_channels=[5, 3], hidden_channels=7)
    first = 6 * 4 + 4 * 3 * 4 * 5
    last = 2 * 5 + 2 * 3 * 5 * 3
    assert net.multiply_adds(work) == first + last + 2 * (5 + 3) * 7 + 7
    assert net.multiply_adds(work + work) == 2 * net.multiply_adds(work)


# On disk


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    net, found = model(gate="dam", gate_convs=True), subgraphs()
    open_some(net.gates)
    small = net.compact()
    small.save_pretrained(tmp_path)
    again = IGMC.from_pretrained(tmp_path)
    assert torch.equal(again(found), small(found))
    assert again.widths == small.widths
    with pytest.raises(ModelFileError, match=r"still has gates: save what its compact\(\) returns"):
        net.save_pretrained(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"config.json is missing. A run folder keeps"):
        IGMC.from_pretrained(tmp_path)
    model().save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace('"IGMC"', '"GCN"'))
    with pytest.raises(ModelFileError, match="holds a GCN, which this graphdam does not know"):
        IGMC.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(text.replace('"hidden_channels": 12', '"hidden": 12'))
    with pytest.raises(ModelFileError, match=r"does not describe a IGMC: .*hidden"):
        IGMC.from_pretrained(tmp_path)
    other = text.replace('"hidden_channels": 12', '"hidden_channels": 9')
    (tmp_path / "config.json").write_text(other)
    with pytest.raises(ModelFileError, match=r"does not fit .*size mismatch for lin1"):
        IGMC.from_pretrained(tmp_path)
