"""The row that OGB's leaderboards ask for."""

from __future__ import annotations

from collections.abc import Sequence

from graphdam.report.caption import machine, software
from graphdam.report.methods import display_name, method_name
from graphdam.report.numbers import MISSING, metric_text
from graphdam.report.record import RunRecord
from graphdam.report.scores import Scores
from graphdam.report.table import TextTable, to_markdown

SEEDS = 10
"""As many runs as OGB asks a mean of."""


def on_leaderboard(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Those that OGB's evaluator scored."""
    return [record for record in records if record.evaluator is not None]


def leaderboard(records: Sequence[RunRecord]) -> TextTable:
    """A row a record, with what a submission names (https://ogb.stanford.edu/docs/leader_rules).

    Scores are shares with four digits, as there. Parameters are those of all stages of a run, its
    teacher's included; the model that is left has few of them.
    """
    metric = metric_text(records[0].test.metric)
    columns = (
        "method",
        f"test {metric}",
        f"validation {metric}",
        "seeds",
        "parameters of all stages",
        "of the model left",
        "hardware",
        "scored by",
        "versions",
        "command",
    )
    rows = [
        (
            _method(record),
            _score(record.test),
            _score(record.val),
            str(len(record.seeds)),
            f"{max(record.trained_parameters):,}" if record.trained_parameters else MISSING,
            f"{max(record.parameters):,}",
            machine(record),
            record.evaluator or MISSING,
            software(record),
            f"`{record.command}`",
        )
        for record in records
    ]
    return TextTable(columns, tuple(rows), columns, tuple(rows))


def submission(records: Sequence[RunRecord]) -> str:
    """The rows of records on one data set, and what they are, as Markdown."""
    return f"{to_markdown(leaderboard(records))}\n\n{leaderboard_note(records)}"


def _method(record: RunRecord) -> str:
    """The method with the model that it is about, such as "GCN, GAE, DAM + teacher"."""
    words = [display_name(record.model)]
    if record.learns_embedding:
        words.append(display_name(record.objective))
    return ", ".join([*words, method_name(record)])


def _score(scores: Scores) -> str:
    return f"{scores.mean:.4f}" + ("" if scores.std is None else f" ± {scores.std:.4f}")


def leaderboard_note(records: Sequence[RunRecord]) -> str:
    """What the rows are, and how many lack seeds."""
    short = sum(len(record.seeds) < SEEDS for record in records)
    said = f"± is the unbiased standard deviation over seeds, of which OGB asks for {SEEDS}."
    if short:
        rows = "1 row has" if short == 1 else f"{short} rows have"
        said += f" {rows} fewer: train with `--seeds {SEEDS}`."
    return said
