"""Does a link split keep its laws, and hold out what PyG's would?"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import RandomLinkSplit

from graphdam.data.graph import Graph, Split
from graphdam.data.link_split import FreePairs, LinkSplit, split_links
from graphdam.errors import DataError, SettingsError

Pairs = set[tuple[int, ...]]


def undirected(links: list[tuple[int, int]], num_nodes: int) -> Graph:
    """With both directions of every link, ordered by node as a loaded graph's edges are."""
    both = sorted({(u, v) for u, v in links} | {(v, u) for u, v in links})
    part = torch.arange(num_nodes) % 3
    return Graph(
        name="small",
        x=torch.ones(num_nodes, 1),
        edge_index=torch.tensor(both).T,
        edge_weight=None,
        y=part % 2,
        num_classes=2,
        task="multiclass",
        split_name="own",
        splits=(Split(part == 0, part == 1, part == 2),),
    )


def random_graph(num_nodes: int = 40, num_links: int = 120, seed: int = 0) -> Graph:
    every = list(combinations(range(num_nodes), 2))
    return undirected(random.Random(seed).sample(every, num_links), num_nodes)


def columns(edges: Tensor) -> list[tuple[int, ...]]:
    return [tuple(pair) for pair in edges.T.tolist()]


def unordered(edges: Tensor) -> list[tuple[int, ...]]:
    return [tuple(sorted(pair)) for pair in edges.T.tolist()]


@given(
    num_nodes=st.integers(5, 30),
    share=st.floats(0.1, 0.5),
    seed=st.integers(0, 2**32),
    shares=st.sampled_from([(0.05, 0.1), (0.1, 0.1), (0.3, 0.4)]),
    loops=st.booleans(),
)
def test_laws(
    num_nodes: int, share: float, seed: int, shares: tuple[float, float], loops: bool
) -> None:
    every = num_nodes * (num_nodes - 1) // 2
    graph = random_graph(num_nodes, max(1, int(share * every)), seed)
    self_loops = [(node, node) for node in range(num_nodes)] if loops else []
    graph = undirected([*columns(graph.edge_index), *self_loops], num_nodes)  # type: ignore[list-item]
    links = {pair for pair in unordered(graph.edge_index) if pair[0] != pair[1]}
    counts = [int(part * len(links)) for part in shares]
    try:
        split = split_links(graph, val=shares[0], test=shares[1], seed=seed)
    except DataError:
        assert 0 in counts
        return
    check_laws(split, graph, links, counts)


def check_laws(split: LinkSplit, graph: Graph, links: Pairs, counts: list[int]) -> None:
    directed = columns(split.graph.edge_index)
    kept = {pair for pair in unordered(split.graph.edge_index) if pair[0] != pair[1]}
    val, test = ([set(unordered(part)) for part in held] for held in (split.val, split.test))
    # whole: nothing is lost, nothing is made up, nothing stands twice
    assert kept | val[0] | test[0] == links
    assert len(kept) + len(val[0]) + len(test[0]) == len(links)
    # equally many, as asked for, without repetition in either direction
    sizes = [part.size(1) for held in (split.val, split.test) for part in held]
    assert sizes == [counts[0], counts[0], counts[1], counts[1]]
    assert [len(part) for part in (*val, *test)] == sizes
    # non-links are linked nowhere, are no loops, and are not shared
    assert not (val[1] | test[1]) & links
    assert not val[1] & test[1]
    assert all(u < v for held in (split.val, split.test) for part in held for u, v in columns(part))
    # messages pass both ways, along no held-out pair in either direction, and along every loop
    assert {(v, u) for u, v in directed} == set(directed)
    assert len(directed) == len(set(directed))
    assert sum(u == v for u, v in directed) == sum(u == v for u, v in columns(graph.edge_index))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("val", "test"), [(0.05, 0.1), (0.25, 0.5)])
def test_holds_out_what_random_link_split_does(seed: int, val: float, test: float) -> None:
    graph = random_graph()
    torch.manual_seed(seed)
    transform = RandomLinkSplit(val, test, is_undirected=True, split_labels=True)
    theirs = transform(Data(edge_index=graph.edge_index, num_nodes=graph.num_nodes))
    ours = split_links(graph, val=val, test=test, seed=seed)
    assert set(columns(theirs[0].edge_index)) == set(columns(ours.graph.edge_index))
    assert torch.equal(theirs[1].pos_edge_label_index, ours.val.pos_edges)
    assert torch.equal(theirs[2].pos_edge_label_index, ours.test.pos_edges)


def test_every_pair_without_a_link_is_as_likely() -> None:
    """A ring of seven has 14 other pairs, of which each of 700 splits draws two."""
    graph = undirected([(node, (node + 1) % 7) for node in range(7)], 7)
    drawn: Counter[tuple[int, ...]] = Counter()
    for seed in range(700):
        split = split_links(graph, val=0.15, test=0.15, seed=seed)
        drawn.update(columns(torch.cat([split.val.neg_edges, split.test.neg_edges], 1)))
    assert set(drawn) == set(combinations(range(7), 2)) - set(unordered(graph.edge_index))
    # 100 each, with a deviation of 9.3
    assert all(60 < count < 140 for count in drawn.values())


def test_the_last_pairs_without_a_link_are_found() -> None:
    """Four of six nodes' 15 pairs stay free, and all four are needed."""
    every = list(combinations(range(6), 2))
    free = {(0, 5), (1, 2), (2, 3), (4, 5)}
    graph = undirected([pair for pair in every if pair not in free], 6)
    split = split_links(graph, val=0.2, test=0.2, seed=0)
    assert set(columns(split.val.neg_edges)) | set(columns(split.test.neg_edges)) == free
    with pytest.raises(DataError, match="4 pairs of nodes without a link, but 5 are needed"):
        split_links(graph, val=0.2, test=0.3, seed=0)


def test_the_seed_decides_and_nothing_else() -> None:
    graph = random_graph()
    state = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    first = split_links(graph, seed=3)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert random.getstate() == state[1]
    assert np.random.get_state()[1].tolist() == state[2]  # type: ignore[index]
    torch.rand(1)
    again, other = split_links(graph, seed=3), split_links(graph, seed=4)
    for held, same, different in zip(
        (*first.val, *first.test),
        (*again.val, *again.test),
        (*other.val, *other.test),
        strict=True,
    ):
        assert torch.equal(held, same)
        assert not torch.equal(held, different)


def test_edges_keep_their_weights_and_the_rest_of_the_graph() -> None:
    """Weights that differ by direction stay with their direction."""
    graph = random_graph()
    weight = torch.rand(graph.num_edges)
    split = split_links(replace(graph, edge_weight=weight), seed=0)
    assert split.graph.edge_weight is not None
    known = dict(zip(columns(graph.edge_index), weight.tolist(), strict=True))
    kept = columns(split.graph.edge_index)
    assert split.graph.edge_weight.tolist() == [known[edge] for edge in kept]
    assert kept == [edge for edge in known if edge in set(kept)]
    assert split.graph.x is graph.x
    assert split.graph.splits is graph.splits
    assert graph.num_edges == 240


def test_a_directed_graph_is_refused() -> None:
    graph = random_graph()
    lacking = replace(graph, edge_index=graph.edge_index[:, 1:])
    source, target = graph.edge_index[:, 0].tolist()
    with pytest.raises(
        DataError,
        match=rf"'small' is directed: 1 of its 239 edges have no opposite \(the first is {target} →"
        rf" {source}\).*torch_geometric.utils.to_undirected",
    ):
        split_links(lacking, seed=0)


def test_a_graph_with_too_few_links_is_refused() -> None:
    graph = undirected([(node, node + 1) for node in range(15)], 16)
    with pytest.raises(DataError, match=r"has 15 links, too few .* which is 0 and 1; .* larger"):
        split_links(graph, seed=0)
    empty = replace(graph, edge_index=torch.empty(2, 0, dtype=torch.int64))
    with pytest.raises(DataError, match="has 0 links, too few"):
        split_links(empty, seed=0)


@pytest.mark.parametrize(("val", "test"), [(0.0, 0.1), (0.1, 0.0), (0.5, 0.5), (-0.1, 0.2)])
def test_shares_that_leave_nothing_are_refused(val: float, test: float) -> None:
    with pytest.raises(SettingsError, match=rf"are val={val:g} and test={test:g}; the defaults"):
        split_links(random_graph(), val=val, test=test, seed=0)


@given(num_nodes=st.integers(2, 12), data=st.data())
def test_free_pairs_are_all_pairs_without_a_link_in_any_order(
    num_nodes: int, data: st.DataObject
) -> None:
    every = list(combinations(range(num_nodes), 2))
    links = data.draw(st.lists(st.sampled_from(every), unique=True))
    flipped = [pair if data.draw(st.booleans()) else pair[::-1] for pair in links]
    free = FreePairs(torch.tensor(flipped).long().view(-1, 2).t(), num_nodes)
    assert len(free) == len(every) - len(links)
    found = columns(free.at(torch.arange(len(free))))
    assert sorted(found) == sorted(set(every) - set(links))
    if found:
        rank = data.draw(st.integers(0, len(free) - 1))
        assert columns(free.at(torch.tensor([rank, rank]))) == [found[rank]] * 2
