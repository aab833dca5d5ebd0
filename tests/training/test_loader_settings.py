"""Do a loader's settings mean something, say what batches hold, and count their memory?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.training import Settings
from graphdam.training.batching import choose_batching
from graphdam.training.memory_estimate import bytes_in_batches

MakeSettings = Callable[..., Settings]


def test_how_many_clusters_and_how_far(quick: MakeSettings) -> None:
    assert quick(loader="cluster", batch_size=8).clusters_of(5_000, least=20) == 50
    assert quick(loader="cluster", batch_size=8).clusters_of(500, least=20) == 20
    given = quick(loader="cluster", batch_size=8, num_clusters=7)
    assert given.clusters_of(5_000, least=20) == 7
    assert quick(loader="saint", batch_size=8).steps_of_walk == 2
    assert quick(loader="saint", batch_size=8, walk_length=4).steps_of_walk == 4


def test_what_batches_hold_is_said(quick: MakeSettings, sbm: Graph) -> None:
    def said(**given: Any) -> str:
        return choose_batching(quick(batch_size=32, **given), sbm).reason

    assert said(loader="cluster") == (
        "batches of about 32 nodes, whole clusters by METIS, as batch_size asks"
    )
    assert said(loader="cluster", num_clusters=1500) == (
        "batches of about 32 nodes, some of 1,500 clusters by METIS, as batch_size asks"
    )
    assert said(loader="saint") == (
        "batches of at most 32 nodes, which random walks meet, as batch_size asks"
    )


def test_a_subgraph_is_estimated_below_what_its_nodes_as_seeds_reach(
    quick: MakeSettings, sbm: Graph
) -> None:
    seeds = bytes_in_batches(quick(batch_size=1000, hidden_channels=256), sbm, 1000)
    sizes = [
        bytes_in_batches(quick(batch_size=1000, hidden_channels=256, loader="saint"), sbm, size)
        for size in (10, 50, 1000)
    ]
    assert sizes == sorted(sizes)
    assert sizes[-1] <= seeds


CONTRADICTION = "These settings contradict each other: "


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"loader": "cluster"},
            "loader='cluster' is for batches, and the whole graph is read in every step: give "
            "batch_size or memory_budget as well, or leave it out.",
        ),
        (
            {"loader": "saint", "batch_size": 64, "neighbors": (5, 5)},
            "neighbors=5,5 is for loader='neighbor', not for 'saint': leave it out.",
        ),
        (
            {"batch_size": 64, "num_clusters": 9},
            "num_clusters=9 is for loader='cluster', not for 'neighbor': leave it out.",
        ),
        (
            {"loader": "cluster", "batch_size": 64, "walk_length": 4},
            "walk_length=4 is for loader='saint', not for 'cluster': leave it out.",
        ),
        (
            {"dataset": "digits-images", "model": "mlp", "objective": "image-classification"}
            | {"loader": "saint"},
            "loader=saint is for graphs, and dataset='digits-images' is a set of images: leave it "
            "out.",
        ),
    ],
)
def test_loaders_that_mean_nothing_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.of(**given)
    assert str(caught.value) == CONTRADICTION + message


def test_an_unknown_loader_is_refused() -> None:
    with pytest.raises(SettingsError, match="Setting loader='walks': input should be 'neighbor'"):
        Settings.of(loader="walks", batch_size=9)
