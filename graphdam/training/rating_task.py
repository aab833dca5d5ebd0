"""A run on ratings: IGMC, which reads the enclosing subgraphs of shuffled batches of pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from graphdam.compaction import deviation
from graphdam.data import Ratings
from graphdam.gates import Gate
from graphdam.nn import IGMC
from graphdam.objectives import PreparedRatings, RatingPrediction
from graphdam.training.build import gate_maker
from graphdam.training.settings import Settings
from graphdam.training.task import Task

NUM_CONVS = 4

TIMED = 50
"""Pairs of a timed inference: one alone is mostly the calls themselves."""


@dataclass(frozen=True)
class RatingTask(Task[IGMC, PreparedRatings]):
    """See `Task`."""

    settings: Settings
    ratings: Ratings

    items_a_call: ClassVar[dict[str, int]] = {"pairs": TIMED}

    @property
    def data(self) -> Ratings:
        return self.ratings

    @property
    def name(self) -> str:
        return self.ratings.name

    @property
    def split_name(self) -> str:
        return self.ratings.split_name

    def build_wide(self) -> IGMC:
        return self._build(self.settings.hidden_channels, self.settings.dropout, gate=None)

    def build_gated(self) -> IGMC:
        settings = self.settings
        return self._build(settings.start_width, settings.gated_dropout, gate=gate_maker(settings))

    def _build(self, width: int, dropout: float, *, gate: Callable[[int], Gate] | None) -> IGMC:
        settings = self.settings
        return IGMC(
            self.ratings.num_levels,
            conv_channels=[settings.conv_channels] * NUM_CONVS,
            hidden_channels=width,
            dropout=dropout,
            adjacency_dropout=settings.adjacency_dropout,
            mean_rating=self.ratings.mean,
            gate=gate,
            gate_convs=settings.gate_convs,
        )

    def build_objective(self, model: IGMC, *, seed: int) -> RatingPrediction:
        del model, seed
        weight = self.settings.adjacent_rating_weight
        return RatingPrediction(mean=self.ratings.mean, adjacent_rating_weight=weight)

    def prepare(self, model: IGMC | None, objective: object) -> PreparedRatings:
        del model, objective
        settings = self.settings
        return PreparedRatings.of(
            self.ratings, batch_size=settings.batch_size, cap=settings.max_nodes_per_hop
        )

    def deviation(self, model: IGMC, compact: IGMC, prepared: PreparedRatings) -> float:
        chunks = prepared.watched.inputs()
        return max(deviation(model, compact, each, relative=True) for each in chunks)

    def multiply_adds(self, model: IGMC, prepared: PreparedRatings) -> int:
        work = prepared.workload
        return round(model.multiply_adds(work) / work.pairs)

    def inference(self, model: IGMC) -> Callable[[], Any]:
        subgraphs = self.prepare(model, None).subgraphs(self.ratings.test[:TIMED])
        return lambda: model(subgraphs)

    def notes(self) -> list[str]:
        prepared, told = self.prepare(None, None), []
        total, unseen = prepared.num_items("test"), int((~prepared.is_warm("test")).sum())
        if unseen:
            told.append(
                f"{unseen:,} of {total:,} test pairs have a user or an item without a training "
                "rating"
            )
        alone = sum(int(each.is_alone.sum()) for each in prepared.tested)
        if alone:
            told.append(
                f"{alone:,} of {total:,} test pairs have nothing known around them and are rated "
                f"{self.ratings.mean:.2f}, the mean of the training ratings"
            )
        return told
