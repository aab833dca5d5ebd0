"""Objectives on two augmented views of one graph: contrastive (GRACE) and bootstrapped (BGRL)."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdam.data import Graph
from graphdam.nn import Encoder
from graphdam.objectives.augment import without_edges, without_features
from graphdam.objectives.embedding import EmbeddingObjective
from graphdam.objectives.prepared import PreparedGraph


class _TwoViews(EmbeddingObjective):
    """An objective that compares two views of a graph by a cosine, which knows no length.

    Args:
        graph: labels and splits.
        edge_dropout: share of the edges that the first and the second view lack.
        feature_masking: share of the features that they lack.
        options: what else a subclass takes.
    """

    normalization = "l2"

    def __init__(
        self,
        graph: Graph,
        *,
        edge_dropout: tuple[float, float],
        feature_masking: tuple[float, float],
        **options: Any,
    ) -> None:
        super().__init__(
            graph, edge_dropout=edge_dropout, feature_masking=feature_masking, **options
        )
        self.drops = tuple(zip(edge_dropout, feature_masking, strict=True))

    def drawn_views(self, encoder: Encoder, prepared: PreparedGraph) -> list[tuple[Any, Any]]:
        """What an encoder reads of both views, drawn afresh."""
        return [
            (
                without_features(prepared.x, features),
                without_edges(encoder, prepared.graph, edges),
            )
            for edges, features in self.drops
        ]


class Grace(_TwoViews):
    r"""`"Deep Graph Contrastive Representation Learning" (GRACE)
    <https://arxiv.org/abs/2006.04131>`_.

    Every node is to be found again among all nodes of another view of the graph:

    .. math::
        \ell(u_i, v_i) = -\log \frac{e^{\theta(u_i, v_i)}}{\sum_j e^{\theta(u_i, v_j)} +
            \sum_{j \ne i} e^{\theta(u_i, u_j)}}, \qquad
        L = \frac{1}{2N} \sum_i \Big( \ell(u_i, v_i) + \ell(v_i, u_i) \Big)

    with the cosine :math:`\theta` of two projected embeddings, divided by the temperature. The two
    views lack random edges and random features.

    Departure: where a graph has more than `num_contrasted` nodes, the sums run over so many, drawn
    afresh every epoch: N² similarities cost more than all the rest, and soon fit no memory.

    Args:
        graph: labels and splits.
        encoder: what is to be trained; its output is the embedding.
        edge_dropout: share of the edges that the first and the second view lack.
        feature_masking: share of the features that they lack.
        temperature: divides the cosines.
        projection_channels: width of the two-layer projection.
        num_contrasted: the most nodes that are told apart in a step.
    """

    def __init__(
        self,
        graph: Graph,
        encoder: Encoder,
        *,
        edge_dropout: tuple[float, float] = (0.2, 0.4),
        feature_masking: tuple[float, float] = (0.3, 0.4),
        temperature: float = 0.4,
        projection_channels: int = 128,
        num_contrasted: int = 1000,
    ) -> None:
        super().__init__(
            graph,
            edge_dropout=edge_dropout,
            feature_masking=feature_masking,
            temperature=temperature,
            projection_channels=projection_channels,
            num_contrasted=num_contrasted,
        )
        self.temperature = temperature
        self.num_contrasted = num_contrasted
        self.projection = nn.Sequential(
            nn.Linear(encoder.out_channels, projection_channels),
            nn.ELU(),
            nn.Linear(projection_channels, projection_channels),
        )

    def loss(self, encoder: Encoder, prepared: PreparedGraph, outputs: Tensor) -> Tensor:
        nodes = torch.randperm(outputs.size(0), device=outputs.device)[: self.num_contrasted]
        first, second = (
            F.normalize(self.projection(encoder.outputs_of(nodes, *view)))
            for view in self.drawn_views(encoder, prepared)
        )
        return (self._contrast(first, second) + self._contrast(second, first)) / 2

    def _contrast(self, one: Tensor, other: Tensor) -> Tensor:
        between, within = one @ other.t() / self.temperature, one @ one.t() / self.temperature
        within.fill_diagonal_(-torch.inf)
        total = torch.logaddexp(between.logsumexp(1), within.logsumexp(1))
        return (total - between.diagonal()).mean()


class Bootstrap(_TwoViews):
    r"""`"Large-Scale Representation Learning on Graphs via Bootstrapping" (BGRL)
    <https://arxiv.org/abs/2102.06514>`_.

    From a node's embedding in one view, the online encoder predicts the embedding that a target
    encoder gives it in the other; the target follows the online encoder slowly, without gradient:

    .. math::
        L = 2 - \frac1N \sum_i \Big( \cos(p(z^1_i), h^2_i) + \cos(p(z^2_i), h^1_i) \Big), \qquad
        \phi \leftarrow \tau \phi + (1 - \tau) \theta

    with online embeddings Z, target embeddings H, a two-layer predictor p, and the weights of
    online and target encoder :math:`\theta` and :math:`\phi`. No node is told from another.

    Departures: :math:`\tau` is constant, where the paper lets it rise to 1; the target begins as a
    copy of the online encoder, not with weights of its own.

    Args:
        graph: labels and splits.
        encoder: what is to be trained; its output is the embedding.
        edge_dropout: share of the edges that the first and the second view lack.
        feature_masking: share of the features that they lack.
        momentum: :math:`\tau`.
        predictor_channels: hidden width of the predictor.
    """

    def __init__(
        self,
        graph: Graph,
        encoder: Encoder,
        *,
        edge_dropout: tuple[float, float] = (0.2, 0.4),
        feature_masking: tuple[float, float] = (0.3, 0.4),
        momentum: float = 0.99,
        predictor_channels: int = 512,
    ) -> None:
        super().__init__(
            graph,
            edge_dropout=edge_dropout,
            feature_masking=feature_masking,
            momentum=momentum,
            predictor_channels=predictor_channels,
        )
        self.momentum = momentum
        self.target = copy.deepcopy(encoder).requires_grad_(False)
        self.predictor = nn.Sequential(
            nn.Linear(encoder.out_channels, predictor_channels),
            nn.PReLU(),
            nn.Linear(predictor_channels, encoder.out_channels),
        )

    def loss(self, encoder: Encoder, prepared: PreparedGraph, outputs: Tensor) -> Tensor:
        del outputs
        views = self.drawn_views(encoder, prepared)
        online = [self.predictor(encoder(*view)) for view in views]
        with torch.no_grad():
            target = [self.target(*view) for view in views]
        cosines = [
            F.cosine_similarity(online[0], target[1]).mean(),
            F.cosine_similarity(online[1], target[0]).mean(),
        ]
        return 2 - cosines[0] - cosines[1]

    @torch.no_grad()
    def after_step(self, encoder: Encoder) -> None:
        online = encoder.state_dict()
        for name, value in self.target.state_dict().items():
            if value.is_floating_point():
                value.lerp_(online[name], 1 - self.momentum)
            else:
                value.copy_(online[name])
