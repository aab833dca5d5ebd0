"""Does a pair's subgraph hold what it should, and never the rating that is asked for?"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from tiny_ratings import rating_table

from graphdam.data.enclosing import Enclosing, KnownRatings

SHAPE, LEVELS = (30, 24), 5
TABLE = rating_table()
USERS, ITEMS = TABLE[:, 0].astype(int), TABLE[:, 1].astype(int)
GRADES = np.floor(TABLE[:, 2]).astype(int) - 1
PAIRS = [(user, item) for user in range(0, 30, 4) for item in range(0, 24, 3)]


def known(without: int | None = None, *, cap: int | None = None, **changed: Any) -> KnownRatings:
    """All ratings, perhaps but one."""
    rows = np.arange(len(USERS)) != (-1 if without is None else without)
    arrays = {"users": USERS, "items": ITEMS, "levels": GRADES} | changed
    chosen = (arrays[name][rows] for name in ("users", "items", "levels"))
    return KnownRatings(*chosen, shape=SHAPE, num_levels=LEVELS, cap=cap)


def edges(found: Enclosing) -> list[tuple[int, int, int]]:
    """From, to and level of every edge."""
    to, level = found.row // LEVELS, found.row % LEVELS
    triples = zip(found.source.tolist(), to.tolist(), level.tolist(), strict=True)
    return list(triples)


def subgraph(user: int, item: int) -> Counter[tuple[tuple[str, int], tuple[str, int], int]]:
    """The ratings of a pair's subgraph, one entry each, written out rating by rating."""
    known_of = {(u, i): grade for u, i, grade in zip(USERS, ITEMS, GRADES, strict=True)}
    users = {user} | {u for u, i in known_of if i == item}
    items = {item} | {i for u, i in known_of if u == user}
    return Counter(
        (("user", u), ("item", i), grade)
        for (u, i), grade in known_of.items()
        if u in users and i in items and (u, i) != (user, item)
    )


def test_a_case_by_hand() -> None:
    # user 0 rates items 0 and 1, user 1 rates items 0 and 1, user 2 rates item 2 alone
    few = KnownRatings(
        np.array([0, 0, 1, 1, 2]),
        np.array([0, 1, 0, 1, 2]),
        np.array([3, 0, 1, 2, 4]),
        shape=(3, 3),
        num_levels=5,
    )
    found = few.enclose(np.array([0]), np.array([0]))
    # nodes: user 0, item 0, user 1, item 1; the rating of item 0 by user 0 is asked for
    assert found.num_nodes == (1, 1, 1, 1)
    assert found.roles.tolist() == [0, 1, 2, 3]
    assert sorted(edges(found)) == [
        (0, 3, 0),
        (1, 2, 1),
        (2, 1, 1),
        (2, 3, 2),
        (3, 0, 0),
        (3, 2, 2),
    ]
    assert found.is_alone.tolist() == [False]
    unrated = few.enclose(np.array([0]), np.array([2]))
    assert unrated.num_nodes == (1, 1, 1, 2), "user 2; items 0 and 1"
    assert Counter(edges(unrated)) == Counter(
        [(1, 2, 4), (2, 1, 4), (0, 3, 3), (3, 0, 3), (0, 4, 0), (4, 0, 0)]
    )


@pytest.mark.parametrize(("user", "item"), PAIRS)
def test_a_subgraph_holds_the_known_ratings_around_its_pair(user: int, item: int) -> None:
    found = known().enclose(np.array([user]), np.array([item]))
    expected = subgraph(user, item)
    assert found.row.numel() == 2 * sum(expected.values())
    users = {u for (_, u), _, _ in expected} | {user}
    items = {i for _, (_, i), _ in expected} | {item}
    assert found.num_nodes == (1, 1, len(users) - 1, len(items) - 1)
    assert Counter(level for _, _, level in edges(found)) == Counter(
        {grade: 2 * count for grade, count in Counter(level for *_, level in expected).items()}
    )
    degree = Counter(to for _, to, _ in edges(found))
    assert degree[0] == sum(1 for (_, u), _, _ in expected if u == user)
    assert degree[1] == sum(1 for _, (_, i), _ in expected if i == item)
    others = [degree[node] for node in range(2, sum(found.num_nodes))]
    wanted = Counter(u for (_, u), _, _ in expected if u != user).values()
    assert sorted(others[: len(users) - 1]) == sorted(wanted)


@pytest.mark.parametrize("cap", [None, 3])
def test_a_rating_never_leaks_into_its_own_subgraph(cap: int | None) -> None:
    everything = known(cap=cap)
    for asked in range(0, len(USERS), 5):
        pair = USERS[asked : asked + 1], ITEMS[asked : asked + 1]
        whole = everything.enclose(*pair)
        assert (0, 1) not in {edge[:2] for edge in edges(whole)}
        for level in range(LEVELS):
            other = GRADES.copy()
            other[asked] = level
            assert_same(whole, known(cap=cap, levels=other).enclose(*pair))


def test_the_subgraph_is_that_of_a_world_without_the_rating() -> None:
    for asked in range(0, len(USERS), 5):
        pair = USERS[asked : asked + 1], ITEMS[asked : asked + 1]
        whole, without = (each.enclose(*pair) for each in (known(), known(asked)))
        assert whole.num_nodes == without.num_nodes
        assert Counter(level for *_, level in edges(whole)) == Counter(
            level for *_, level in edges(without)
        )


def assert_same(one: Enclosing, other: Enclosing) -> None:
    assert one.num_nodes == other.num_nodes
    assert edges(one) == edges(other)
    assert one.rating.tolist() == other.rating.tolist()


def test_a_batch_is_the_subgraphs_of_its_pairs_side_by_side() -> None:
    pairs = np.array(PAIRS)
    together = known().enclose(pairs[:, 0], pairs[:, 1])
    alone = [known().enclose(pair[:1], pair[1:]) for pair in pairs]
    assert together.num_pairs == len(pairs)
    for role in range(4):
        assert together.num_nodes[role] == sum(each.num_nodes[role] for each in alone)
    assert together.row.numel() == sum(each.row.numel() for each in alone)
    firsts = [len(pairs) * 2, len(pairs) * 2 + together.num_nodes[2]]
    found = Counter(edges(together))
    for at, each in enumerate(alone):
        lasts = [first + size for first, size in zip(firsts, each.num_nodes[2:], strict=True)]
        place = [at, len(pairs) + at, *range(firsts[0], lasts[0]), *range(firsts[1], lasts[1])]
        found -= Counter((place[a], place[b], level) for a, b, level in edges(each))
        firsts = lasts
    assert not found


def test_rows_ascend_and_both_edges_of_a_rating_are_one_anothers_opposites() -> None:
    pairs = np.array(PAIRS)
    found = known().enclose(pairs[:, 0], pairs[:, 1])
    assert bool((found.row.diff() >= 0).all())
    ends: dict[int, list[tuple[int, int, int]]] = {}
    for rating, edge in zip(found.rating.tolist(), edges(found), strict=True):
        ends.setdefault(rating, []).append(edge)
    for (a, b, level), (c, d, same) in ends.values():
        assert (a, b, level) == (d, c, same)


def test_a_cap_keeps_so_many_neighbours_of_either_end_and_always_the_same() -> None:
    pairs = np.array(PAIRS)
    for user, item in pairs:
        whole, capped = (
            each.enclose(np.array([user]), np.array([item])) for each in (known(), known(cap=3))
        )
        assert capped.num_nodes[2:] == tuple(min(3, size) for size in whole.num_nodes[2:])
        again = known(cap=3).enclose(np.array([user]), np.array([item]))
        assert_same(capped, again)


def test_pairs_with_nothing_around_them_are_told() -> None:
    few = KnownRatings(
        np.array([0, 1]), np.array([0, 0]), np.array([0, 1]), shape=(3, 3), num_levels=2
    )
    found = few.enclose(np.array([0, 0, 2, 2, 1]), np.array([0, 1, 0, 2, 2]))
    assert found.is_alone.tolist() == [False, False, False, True, False]
    only = KnownRatings(np.array([0]), np.array([0]), np.array([0]), shape=(1, 1), num_levels=1)
    assert only.enclose(np.array([0]), np.array([0])).is_alone.tolist() == [True]
    assert few.is_warm(np.array([0, 2, 1]), np.array([0, 0, 1])).tolist() == [True, False, False]
