"""What can be set of the parts of a graph that steps read, and what contradicts what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from graphdam.training.setting_fields import SettingFields

WALK_LENGTH = 2
"""The steps of a random walk, where nothing else is said: GraphSAINT's."""

NODES_A_CLUSTER = 100
"""About so many nodes make a cluster, where nothing else is said: a batch has several."""


class LoaderFields(SettingFields):
    """The settings of what batches of a graph hold, beside all others."""

    loader: Literal["neighbor", "cluster", "saint"] = Field(
        "neighbor",
        description="What a batch of a graph holds: sampled neighbourhoods of seed nodes; or about "
        "batch_size nodes and the edges among them: clusters by METIS (Cluster-GCN), or what "
        "random walks meet (saint: GraphSAINT).",
    )
    num_clusters: int | None = Field(
        None,
        ge=1,
        description=f"Clusters that METIS makes of the graph; None for {NODES_A_CLUSTER} nodes "
        "each, or for one a step where batches are smaller.",
    )
    walk_length: int | None = Field(
        None, ge=1, description=f"Steps of a random walk of GraphSAINT; None for {WALK_LENGTH}."
    )

    def clusters_of(self, num_nodes: int, *, least: int) -> int:
        """How many clusters a graph is cut into, of which an epoch needs at least so many."""
        return self.num_clusters or max(least, num_nodes // NODES_A_CLUSTER)

    @property
    def steps_of_walk(self) -> int:
        """The steps of a random walk."""
        return self.walk_length or WALK_LENGTH


def require_one_loader(settings: LoaderFields) -> None:
    """Refuse what belongs to another loader, or a loader where there are no batches.

    Raises:
        ValueError: what contradicts what, and which of them to leave out.
    """
    if settings.kind != "graphs":
        return
    is_asked = settings.batch_size is not None or settings.memory_budget is not None
    if settings.loader != "neighbor" and not is_asked:
        raise ValueError(
            f"loader='{settings.loader}' is for batches, and the whole graph is read in every "
            f"step: give batch_size or memory_budget as well, or leave it out"
        )
    for name, whose in _OF_ONE_LOADER.items():
        given = getattr(settings, name)
        if given is not None and settings.loader != whose:
            told = ",".join(map(str, given)) if isinstance(given, tuple) else given
            raise ValueError(
                f"{name}={told} is for loader='{whose}', not for '{settings.loader}': leave it out"
            )


_OF_ONE_LOADER = {"neighbors": "neighbor", "num_clusters": "cluster", "walk_length": "saint"}
