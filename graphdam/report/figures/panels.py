"""The panels of a figure: the records of one setting, and the score that is drawn of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from graphdam.report.methods import display_name, setting_of, wide_alone
from graphdam.report.metrics import is_error, shown
from graphdam.report.record import RunRecord
from graphdam.report.scores import Scores


@dataclass(frozen=True)
class Panel:
    """The records of one setting that hold one score, and that score."""

    title: str
    records: tuple[RunRecord, ...]
    score: str

    def of(self, record: RunRecord) -> Scores:
        scores = _score(record, self.score)
        assert scores is not None
        return scores

    @property
    def is_whole(self) -> bool:
        """An error told beside a share is drawn whole: it may differ by factors."""
        return is_error(self.score) and self.score != self.records[0].test.metric

    def mean(self, record: RunRecord) -> float:
        return shown(self.score, self.of(record).mean)

    def std(self, record: RunRecord) -> float:
        return shown(self.score, self.of(record).std or 0.0)

    def band(self) -> tuple[str, Scores] | None:
        """The wide model's score and its name: trained alone, or the widest run's teacher."""
        records = self.records
        alone = [wide for record in records if (wide := wide_alone(record, records)) is not None]
        if alone:
            widest = max(alone, key=lambda record: sum(record.start_widths))
            return "wide, trained alone", self.of(widest)
        beside = [record.wide for record in records if record.wide is not None]
        if beside:
            teacher = max(beside, key=lambda reference: sum(reference.widths))
            scores = teacher.further.get(self.score)
            if teacher.test.metric == self.score:
                scores = teacher.test
            return None if scores is None else (f"wide ({teacher.name})", scores)
        return None


def panels_of(records: Sequence[RunRecord], further: Sequence[str]) -> list[Panel]:
    """A panel a setting and score, the scores of a setting beside each other."""
    settings: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        settings.setdefault(setting_of(record), []).append(record)
    panels = []
    for members, name in product(settings.values(), (None, *further)):
        score = name or members[0].test.metric
        holding = tuple(record for record in members if _score(record, score) is not None)
        if holding:
            panels.append(Panel(_title(members[0], records), holding, score))
    return panels


def _title(record: RunRecord, records: Sequence[RunRecord]) -> str:
    """The setting in words, with as much of it as tells it from the others."""
    words = [display_name(record.dataset), display_name(record.model)]
    if any(other.learns_embedding for other in records):
        words.append(display_name(record.objective))
    if len({other.split for other in records}) > 1:
        words.append(record.split)
    if len({other.graphdam_version for other in records}) > 1:
        words.append(f"graphdam {record.graphdam_version}")
    return ", ".join(words)


def _score(record: RunRecord, name: str) -> Scores | None:
    return record.test if record.test.metric == name else record.further.get(name)
