"""Are GAE's and VGAE's losses PyG's, on pairs that are what they should be?"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from embeddings import WIDTH, embedder, small_graph
from scipy.linalg import orthogonal_procrustes
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch_geometric.nn import GAE, VGAE

from graphdam.baselines import pca
from graphdam.data.held_out import HeldOutLinks
from graphdam.data.link_split import LinkSplit, links_of, split_links
from graphdam.evaluation.links import link_scores
from graphdam.gates import DAMGate
from graphdam.nn import GCN
from graphdam.objectives import LinkReconstruction, PreparedGraph, prepare_graph
from graphdam.objectives.links import Pairs, missed_by_rotation


def held_out() -> LinkSplit:
    return split_links(small_graph(), val=0.1, test=0.2, seed=0)


def outputs_of(width: int = WIDTH, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(34, width, generator=generator, dtype=torch.float64)


def prepared_of(objective: LinkReconstruction) -> PreparedGraph:
    graph = objective.training_graph(small_graph())
    return prepare_graph(embedder(graph), graph)


def test_gaes_loss_is_pygs_on_the_same_pairs() -> None:
    objective, z = LinkReconstruction(held_out()), outputs_of().requires_grad_()
    encoder, prepared = embedder(small_graph()), prepared_of(LinkReconstruction(held_out()))
    loss = objective.loss(encoder, prepared, z)
    stock = GAE(torch.nn.Identity()).recon_loss(z, objective.pairs.links, objective.pairs.others)
    torch.testing.assert_close(loss, stock, rtol=1e-10, atol=1e-12)  # PyG adds 1e-15 to a log
    (ours,), (expected,) = torch.autograd.grad(loss, z), torch.autograd.grad(stock, z)
    torch.testing.assert_close(ours, expected, rtol=1e-7, atol=1e-10)


def test_the_loss_stays_finite_where_pygs_epsilon_decides() -> None:
    objective = LinkReconstruction(held_out())
    z = (40 * outputs_of()).requires_grad_()
    loss = objective.loss(embedder(small_graph()), prepared_of(objective), z)
    products = (z[objective.pairs.links[0]] * z[objective.pairs.links[1]]).sum(1)
    assert float(products.detach().min()) < -800
    (gradient,) = torch.autograd.grad(loss, z)
    assert bool(gradient.isfinite().all())
    assert bool(gradient.any())


def test_vgaes_loss_is_pygs_with_the_divergence_of_torch_distributions() -> None:
    encoder = embedder(small_graph())
    objective = LinkReconstruction(held_out(), variational=encoder).double()
    prepared, mean = prepared_of(objective), outputs_of().requires_grad_()
    assert objective.log_deviation is not None
    torch.manual_seed(9)
    loss = objective.loss(encoder, prepared, mean)
    torch.manual_seed(9)
    log_deviation = objective.log_deviation(mean)
    z = mean + log_deviation.exp() * torch.randn_like(mean)
    prior = kl_divergence(Normal(mean, log_deviation.exp()), Normal(0.0, 1.0)).sum(1).mean()
    rebuilt = GAE(torch.nn.Identity()).recon_loss(z, objective.pairs.links, objective.pairs.others)
    torch.testing.assert_close(loss, rebuilt + prior / 34, rtol=1e-10, atol=1e-12)
    stock = VGAE(torch.nn.Identity()).kl_loss(mean, log_deviation)
    torch.testing.assert_close(prior, stock, rtol=1e-10, atol=1e-12)
    parameters = [mean, *objective.parameters()]
    for gradient in torch.autograd.grad(loss, parameters):
        assert bool(gradient.any())


def test_closed_dimensions_are_no_part_of_the_posterior() -> None:
    """The other path: the loss of the compact encoder, whose posterior never had them."""
    graph = small_graph()
    gated = GCN(graph.num_features, WIDTH, 1, gate="dam", gate_output=True).double()
    gate = gated.gates[0]
    assert isinstance(gate, DAMGate)
    gate.set_offset(gate.offset_of(3))
    objective = LinkReconstruction(held_out(), variational=gated).double()
    compact = gated.compact()
    other = LinkReconstruction(held_out(), variational=compact).double()
    other.pairs = objective.pairs
    assert objective.log_deviation is not None
    assert other.log_deviation is not None
    with torch.no_grad():
        other.log_deviation.weight.copy_(objective.log_deviation.weight[:3, :3])
    prepared, losses = prepared_of(objective), []
    for each, encoder in ((objective, gated), (other, compact)):
        torch.manual_seed(0)
        with torch.no_grad():
            sample = [
                each.loss(encoder, prepared, each.outputs(encoder, prepared)) for _ in "a" * 400
            ]
        losses.append(torch.stack(sample).mean().item())
    assert losses[0] == pytest.approx(losses[1], abs=5e-3)


def test_a_posterior_may_not_become_infinitely_wide() -> None:
    objective = LinkReconstruction(held_out(), variational=embedder(small_graph())).double()
    assert objective.log_deviation is not None
    objective.log_deviation.bias.data.fill_(1e3)
    loss = objective.loss(embedder(small_graph()), prepared_of(objective), outputs_of())
    assert math.isfinite(float(loss.detach()))


# Pairs


def test_other_pairs_are_no_links_of_the_training_graph_and_every_free_pair_is_drawn() -> None:
    split = held_out()
    pairs = Pairs(split.graph.edge_index, 34)
    links = {tuple(pair) for pair in pairs.links.t().tolist()}
    assert len(links) == pairs.links.size(1) == split.graph.num_edges // 2
    drawn: list[tuple[int, ...]] = []
    for _ in range(400):
        before = pairs.others
        pairs.draw()
        assert pairs.others.shape == pairs.links.shape
        assert not torch.equal(pairs.others, before)
        drawn += [tuple(pair) for pair in pairs.others.t().tolist()]
    assert all(u < v for u, v in drawn)
    assert not links & set(drawn)
    assert len(set(drawn)) == 34 * 33 // 2 - len(links)
    held = {tuple(pair) for pair in split.test.pos_edges.t().tolist()}
    assert held <= set(drawn)  # training knows nothing of the held-out links


def test_self_loops_are_no_links() -> None:
    loops = torch.arange(34).expand(2, 34)
    edges = held_out().graph.edge_index
    with_loops = Pairs(torch.cat([edges, loops], dim=1), 34)
    assert torch.equal(with_loops.links, Pairs(edges, 34).links)


def test_pairs_are_drawn_before_the_first_epoch_and_anew_in_each() -> None:
    objective = LinkReconstruction(held_out())
    assert not torch.equal(objective.pairs.others, objective.pairs.links)
    before = objective.pairs.others
    objective.begin_epoch()
    assert not torch.equal(objective.pairs.others, before)


# Imitation


def test_imitation_adds_the_mean_divergence_of_two_outcomes_to_what_rotation_misses() -> None:
    objective = LinkReconstruction(held_out())
    z, taught = outputs_of(4).requires_grad_(), outputs_of(9, 1)
    ours, theirs = objective.pairs.logits(z), objective.pairs.logits(taught)
    divergence = kl_divergence(Bernoulli(logits=theirs), Bernoulli(logits=ours)).mean()
    expected = missed_by_rotation(z, taught) + 0.1 * divergence
    found = objective.imitation(z, taught)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, z)[0] for loss in (found, expected)))


def test_imitation_is_zero_where_inner_products_are_equal_and_nowhere_else() -> None:
    objective = LinkReconstruction(held_out())
    taught = outputs_of()
    turned, _ = torch.linalg.qr(torch.randn(WIDTH, WIDTH, dtype=torch.float64))
    for same in (taught.clone(), taught @ turned):
        assert float(objective.imitation(same, taught)) == pytest.approx(0, abs=1e-12)
    assert float(objective.imitation(outputs_of(seed=2), taught)) > 1e-2


@pytest.mark.parametrize("width", [1, 4, WIDTH, 2 * WIDTH])
def test_what_rotation_misses_is_scipys_procrustes_residual(width: int) -> None:
    z, taught = outputs_of(width, 1), outputs_of()
    size = max(width, WIDTH)  # columns of zeros make a matrix with orthonormal rows square
    padded = [torch.nn.functional.pad(each, (0, size - each.size(1))) for each in (z, taught)]
    rotation = torch.from_numpy(orthogonal_procrustes(*(each.numpy() for each in padded))[0])
    residual = (padded[0] @ rotation - padded[1]).square().sum() / taught.square().sum()
    torch.testing.assert_close(missed_by_rotation(z, taught), residual)


@pytest.mark.parametrize("width", [1, 3, WIDTH])
def test_principal_axes_reach_the_least_that_rotation_can_miss(width: int) -> None:
    taught = outputs_of()
    variance = torch.linalg.svdvals(taught).square()
    least = float(variance[width:].sum() / variance.sum())
    best = missed_by_rotation(pca(taught, width, center=False), taught)
    assert float(best) == pytest.approx(least, abs=1e-10)
    for seed in range(5):
        noise = 0.01 * outputs_of(width, seed)
        near = pca(taught, width, center=False) + noise
        assert float(missed_by_rotation(near, taught)) > least


def test_the_rotation_adds_nothing_to_the_gradient() -> None:
    """The other path: the residual in closed form, which has no rotation in it."""
    taught = outputs_of()
    z = outputs_of(4, 1).requires_grad_()
    closed = z.square().sum() - 2 * torch.linalg.svdvals(z.t() @ taught).sum()
    closed = 1 + closed / taught.square().sum()
    found = missed_by_rotation(z, taught)
    torch.testing.assert_close(found, closed)
    torch.testing.assert_close(*(torch.autograd.grad(loss, z)[0] for loss in (found, closed)))


def test_embeddings_that_are_not_finite_give_a_loss_that_is_not() -> None:
    z = outputs_of(4)
    z[0, 0] = math.nan
    assert math.isnan(float(missed_by_rotation(z, outputs_of())))


def test_a_teacher_is_asked_about_the_same_pairs() -> None:
    graph = small_graph()
    plain = LinkReconstruction(held_out())
    assert plain.for_teacher(embedder(graph, 10)) is plain
    variational = LinkReconstruction(held_out(), variational=embedder(graph))
    of_teacher = variational.for_teacher(embedder(graph, 10))
    assert isinstance(of_teacher, LinkReconstruction)
    assert of_teacher.log_deviation is not None
    assert of_teacher.log_deviation.weight.shape == (10, 10)
    variational.begin_epoch()
    assert torch.equal(of_teacher.pairs.others, variational.pairs.others)


# Scores


@pytest.mark.parametrize("part", ["val", "test"])
def test_evaluation_is_scikit_learns(part: str) -> None:
    split = held_out()
    objective, z = LinkReconstruction(split), outputs_of()
    positive, negative = split.val if part == "val" else split.test
    logits = torch.cat([(z[u] * z[v]).sum(1) for u, v in (positive, negative)])
    truth = [1] * positive.size(1) + [0] * negative.size(1)
    prepared = prepared_of(objective)
    found = objective.evaluate(z, prepared, part)  # type: ignore[arg-type]
    assert found.score == pytest.approx(roc_auc_score(truth, logits))
    expected = GAE(torch.nn.Identity()).recon_loss(z, positive, negative)
    assert found.loss == pytest.approx(float(expected))
    assert objective.num_scored(prepared, part) == len(truth)  # type: ignore[arg-type]


def held_out_by_the_set() -> LinkSplit:
    """Fewer links than other pairs, as a set may have, one of the links in training too."""
    split = held_out()
    generator = torch.Generator().manual_seed(4)
    others = torch.randint(0, 34, (2, 120), generator=generator)
    part = split.val._replace(neg_edges=others)
    known = HeldOutLinks(part, split.test._replace(neg_edges=others.flip(1)))
    return links_of(replace(split.graph, links=known, evaluator="ogbl-collab"), seed=0)


def test_the_links_of_a_set_are_its_own_whatever_the_seed() -> None:
    split = held_out_by_the_set()
    assert split.graph.links is not None
    again = links_of(split.graph, seed=1)
    for mine, theirs, own in zip(
        (again.val, again.test), (split.val, split.test), split.graph.links, strict=True
    ):
        assert all(map(torch.equal, mine, theirs))
        assert all(map(torch.equal, mine, own))
    assert torch.equal(again.graph.edge_index, held_out().graph.edge_index)
    drawn = links_of(small_graph(), seed=0)
    assert drawn.evaluator is None
    assert torch.equal(drawn.test.neg_edges, split_links(small_graph(), seed=0).test.neg_edges)


@pytest.mark.parametrize("part", ["val", "test"])
def test_hits_are_the_share_of_links_above_the_fiftieth_other_pair(part: str) -> None:
    split = held_out_by_the_set()
    objective, z = LinkReconstruction(split), outputs_of()
    assert objective.metric == "hits_at_50"
    pairs = split.val if part == "val" else split.test
    linked, others = ((z[u] * z[v]).sum(1) for u, v in pairs)
    expected = float((linked > others.sort(descending=True).values[49]).double().mean())
    assert 0 < expected < 1
    prepared = prepared_of(objective)
    found = objective.evaluate(z, prepared, part)  # type: ignore[arg-type]
    assert found.score == expected
    loss = GAE(torch.nn.Identity()).recon_loss(z, *pairs)
    assert found.loss == pytest.approx(float(loss))
    [scores] = objective.score_outputs(z, prepared, part)  # type: ignore[arg-type]
    beside = link_scores(z, *pairs)
    assert scores == {
        "hits_at_50": expected,
        "auc": beside.auc,
        "average_precision": beside.average_precision,
    }
    assert list(scores) == ["hits_at_50", "auc", "average_precision"]
    assert objective.num_scored(prepared, part) == len(linked)  # type: ignore[arg-type]


def test_a_look_at_training_has_as_many_pairs_of_each_kind_as_validation() -> None:
    split = held_out_by_the_set()
    objective = LinkReconstruction(split)
    pairs = objective._held_out("train")
    assert pairs.pos_edges.shape == split.val.pos_edges.shape
    count = min(120, objective.pairs.others.size(1))
    assert pairs.neg_edges.shape == (2, count)
    few = replace(split, val=split.val._replace(pos_edges=split.val.pos_edges[:, :2]))
    assert LinkReconstruction(few)._held_out("train").pos_edges.shape == (2, 2)


def test_scores_are_those_of_the_held_out_links_and_the_mode_is_restored() -> None:
    split = held_out()
    objective, prepared = LinkReconstruction(split), prepared_of(LinkReconstruction(split))
    encoder = embedder(prepared.graph).train()
    scores = objective.score(encoder, prepared, "test")
    assert encoder.training
    with torch.no_grad():
        z = encoder.eval()(prepared.x, prepared.graph.edge_index)
    u, v = torch.cat(list(split.test), dim=1)
    truth = [1] * split.test.pos_edges.size(1) + [0] * split.test.neg_edges.size(1)
    products = (z[u] * z[v]).sum(1).numpy()
    assert scores == {
        "auc": pytest.approx(roc_auc_score(truth, products)),
        "average_precision": pytest.approx(average_precision_score(truth, products)),
    }


def test_encoders_read_the_training_links_only() -> None:
    split = held_out()
    objective = LinkReconstruction(split)
    scaled = replace(small_graph(), x=2 * small_graph().dense_x())
    graph = objective.training_graph(scaled)
    assert torch.equal(graph.edge_index, split.graph.edge_index)
    assert torch.equal(graph.dense_x(), scaled.dense_x())
    edges = {tuple(edge) for edge in graph.edge_index.t().tolist()}
    for part in (split.val, split.test):
        assert not edges & {tuple(edge) for edge in part.pos_edges.t().tolist()}


def test_a_look_at_training_takes_as_many_pairs_as_validation_from_all_over_the_graph() -> None:
    objective = LinkReconstruction(held_out())
    pairs = objective._held_out("train")
    assert pairs.pos_edges.shape == pairs.neg_edges.shape == held_out().val.pos_edges.shape
    links = {tuple(pair) for pair in objective.pairs.links.t().tolist()}
    assert {tuple(pair) for pair in pairs.pos_edges.t().tolist()} <= links
    assert int(pairs.pos_edges[0].max()) > 17
