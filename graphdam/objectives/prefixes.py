"""The curve of one run: what a compact encoder scores when it is cut to its first channels."""

from __future__ import annotations

from dataclasses import dataclass

from graphdam.data.graph import SplitName
from graphdam.nn import Encoder
from graphdam.objectives.objective import Objective
from graphdam.objectives.prepared import PreparedGraph

POINTS = 16
"""At most so many prefixes are scored: a probe may be fitted for each."""


@dataclass(frozen=True)
class PrefixScore:
    """The widths of a truncated encoder, and what it scores."""

    widths: list[int]
    score: float


def score_prefixes(
    encoder: Encoder, objective: Objective, prepared: PreparedGraph, split: SplitName = "val"
) -> list[PrefixScore]:
    """Scores of `encoder.truncate(...)`, from one channel a layer up to the encoder itself.

    Of a wide encoder some widths are scored, in about equal ratios (`prefix_widths`).

    Layers of unequal width are cut in proportion, each rounded up. Since DAM's channels are in
    the order in which they would close, a prefix is the best cut there is without training.

    Args:
        encoder: compact.
        objective: decides the score.
        prepared: the graph.
        split: the part that is scored.
    """
    groups = encoder.channel_groups()
    widest = max((group.num_channels for group in groups), default=0)
    scores = []
    for channels in prefix_widths(widest):
        widths = [-(-channels * group.num_channels // widest) * group.repeats for group in groups]
        small = encoder.truncate(_by_layer(encoder, widths))
        score = objective.score(small, prepared, split)[objective.metric]
        scores.append(PrefixScore(small.widths, score))
    return scores


def prefix_widths(widest: int) -> list[int]:
    """The first few widths, then ever fewer, up to the widest.

    >>> prefix_widths(5), prefix_widths(64)
    ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 7, 9, 12, 16, 21, 28, 37, 49, 64])
    """
    if widest <= POINTS:
        return list(range(1, widest + 1))
    ratio = widest ** (1 / (POINTS - 1))
    return sorted({round(ratio**power) for power in range(POINTS)})


def _by_layer(encoder: Encoder, widths: list[int]) -> list[int]:
    """One width a layer: layers that share their channels stand for themselves again."""
    missing = len(encoder.widths) - len(widths)
    return widths[:1] * missing + widths
