"""What a finished run says of new cases: classes of nodes, links and ratings of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphdam.data import Ratings
from graphdam.data.pair_products import pair_products
from graphdam.errors import SettingsError
from graphdam.nn import IGMC
from graphdam.objectives.prepared_ratings import CHUNK
from graphdam.objectives.rating_prediction import predict
from graphdam.serving import LoadedRun, embed_run
from graphdam.training.graph_task import GraphTask


@torch.no_grad()
def class_probabilities(loaded: LoadedRun) -> Tensor:
    """How likely a run's compact model holds every class of every node, or each yes: [N, C].

    Rows sum to 1 where a node has one class, of two as of many.

    Args:
        loaded: a run that classifies nodes; its graph needs no labels.

    Raises:
        SettingsError: the run learnt something else.
    """
    settings, encoder = loaded.settings, loaded.encoder
    if settings.kind != "graphs" or settings.learns_embedding:
        raise SettingsError(
            f"This run learnt {settings.objective}, and tells no classes of nodes: name one that "
            f"was trained without --objective."
        )
    outputs = GraphTask(settings, loaded.graph).outputs(encoder).float()
    if loaded.record.test.metric == "accuracy":
        return outputs.softmax(1)
    if encoder.out_channels == 1:
        return torch.cat([(-outputs).sigmoid(), outputs.sigmoid()], dim=1)
    return outputs.sigmoid()


@torch.no_grad()
def link_probabilities(loaded: LoadedRun, sources: Sequence[str], targets: Sequence[str]) -> Tensor:
    r"""How likely a run holds a link between two nodes, :math:`\sigma(z_i^\top z_j)`: [B].

    The embedding is that of `embed_run`: all links of the graph are known to it.

    Args:
        loaded: a run of `gae` or `vgae`.
        sources, targets: a node a pair each, as the graph calls them, or by number.

    Raises:
        SettingsError: the run learnt something else.
        DataError: there is no such node.
    """
    if not loaded.settings.rebuilds_links:
        raise SettingsError(
            f"This run learnt {loaded.settings.objective}, and tells no links: name one that was "
            f"trained with --objective gae or vgae."
        )
    pairs = torch.stack([loaded.graph.rows_of(ids) for ids in (sources, targets)])
    return pair_products(embed_run(loaded), pairs).sigmoid()


@dataclass(frozen=True)
class Rated:
    """Ratings of pairs: their values [B], and how many pairs are without what others have.

    `num_unseen` pairs have a user or an item without a training rating, and are rated from what is
    known of the other; `num_alone` have nothing known around them, and are rated the mean.
    """

    values: Tensor
    num_unseen: int
    num_alone: int


@torch.no_grad()
def rate_pairs(
    loaded: LoadedRun[IGMC, Ratings], users: Sequence[str], items: Sequence[str]
) -> Rated:
    """What a run's compact model rates pairs of users and items, from the training ratings.

    Args:
        loaded: a run on ratings.
        users: a user a pair, as the ratings name them; others have no known rating.
        items: an item a pair.

    Raises:
        SettingsError: the run is about something else.
    """
    if loaded.settings.kind != "ratings":
        raise SettingsError(
            f"A run on {loaded.settings.kind} rates no pairs: name one on ratings, as "
            f"graphdam train --dataset flixster leaves."
        )
    ratings = loaded.graph
    known = ratings.known(cap=loaded.settings.max_nodes_per_hop, unseen=True)
    numbers = ratings.numbers_of(users, items)
    chunks = [
        known.enclose(*(each[at : at + CHUNK] for each in numbers))
        for at in range(0, len(users), CHUNK)
    ]
    return Rated(
        predict(loaded.encoder, chunks, mean=ratings.mean),
        num_unseen=int((~known.is_warm(*numbers)).sum()),
        num_alone=sum(int(each.is_alone.sum()) for each in chunks),
    )
