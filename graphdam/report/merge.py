"""One record of runs that were made a seed at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from graphdam.errors import RunFolderError
from graphdam.report.metrics import goodness
from graphdam.report.record import RunRecord
from graphdam.report.record_parts import Latency, WideReference
from graphdam.report.scores import Scores

_SAME = (
    *("graphdam_version", "dataset", "split", "model", "objective", "recipe", "gate", "changed"),
    *("penalty_weight", "reduction", "selection", "start_widths", "device", "threads", "versions"),
    "evaluator",
)
"""The fields that must be equal in records that are merged."""

_SEED_NOTE = re.compile(r"seeds? (\d+(?:, \d+)*): (.*)", re.DOTALL)


def merge_records(records: Sequence[RunRecord], *, command: str) -> RunRecord:
    """The record that one run of all these seeds would have left, in the order of the seeds.

    The model seed is that of the best validation score; `created` is the latest date. Every run has
    measured its own model's latency, at another moment of a machine that does other work as well:
    the one in the middle by ratio is kept.

    Raises:
        RunFolderError: the records differ in more than their seeds, or share a seed.
    """
    if not records:
        raise ValueError("Merging needs at least one record, received none.")
    for record in records[1:]:
        _require_alike(records[0], record)
    entries = sorted(
        ((seed, at, record) for record in records for at, seed in enumerate(record.seeds)),
        key=lambda entry: entry[0],
    )
    seeds = [seed for seed, _, _ in entries]
    twice = [seed for seed in seeds if seeds.count(seed) > 1]
    if twice:
        raise RunFolderError(
            f"Seed {twice[0]} of {records[0].dataset} is in two of the records that are to be "
            f"merged: a run counts once, so leave one of them out."
        )
    model_seed, _, _ = max(
        entries, key=lambda entry: goodness(entry[2].val.metric, entry[2].val.values[entry[1]])
    )
    first = entries[0][2]
    merged = {
        **dict(first),
        "command": command,
        "created": max(record.created for record in records),
        "seeds": seeds,
        "selected_epochs": _a_seed(entries, lambda record: record.selected_epochs),
        "val": _scores(entries, lambda record: record.val),
        "test": _scores(entries, lambda record: record.test),
        "further": {name: _scores(entries, _further(name)) for name in first.further},
        "wide": None if first.wide is None else _wide(first.wide, entries),
        "widths": _a_seed(entries, lambda record: record.widths),
        "prefixes": _a_seed(entries, lambda record: record.prefixes),
        "parameters": _a_seed(entries, lambda record: record.parameters),
        "multiply_adds": _a_seed(entries, lambda record: record.multiply_adds),
        "sparsity": _a_seed(entries, lambda record: record.sparsity),
        "trained_parameters": _a_seed(entries, lambda record: record.trained_parameters),
        "latency": _middle_latency(records),
        "deviation": max(record.deviation for record in records),
        "stability": None,  # a record does not hold the embeddings that are compared
        "seconds": _a_seed(entries, lambda record: record.seconds),
        "model_seed": model_seed,
        "notes": _notes(record for _, _, record in entries),
    }
    return RunRecord.model_validate(merged)


def _require_alike(one: RunRecord, other: RunRecord) -> None:
    found = [(name, getattr(one, name), getattr(other, name)) for name in _SAME]
    found += [
        ("metrics", _metrics(one), _metrics(other)),
        ("wide model", _wide_model(one), _wide_model(other)),
    ]
    found += [
        (f"having {name}", getattr(one, name) is not None, getattr(other, name) is not None)
        for name in ("latency", "prefixes", "selected_epochs", "sparsity")
    ]
    for name, mine, theirs in found:
        if mine != theirs:
            raise RunFolderError(
                f"Records of {one.dataset} differ in {name} ({mine!r} and {theirs!r}), and only "
                f"runs that differ in nothing but their seeds are merged: train all seeds alike."
            )


def _metrics(record: RunRecord) -> list[str]:
    return [record.val.metric, record.test.metric, *sorted(record.further)]


def _wide_model(record: RunRecord) -> tuple[object, ...] | None:
    """What a wide model is, without what its seed made of it."""
    wide = record.wide
    return None if wide is None else (wide.name, wide.widths, wide.parameters)


_Entries = Sequence[tuple[int, int, RunRecord]]
"""A seed, its place in its record, and the record; one entry a seed."""


def _a_seed(
    entries: _Entries, of: Callable[[RunRecord], Sequence[object] | None]
) -> list[object] | None:
    """What each seed found, or `None` where a record says nothing of it."""
    found = [(at, of(record)) for _, at, record in entries]
    known = [values[at] for at, values in found if values is not None]
    return known if len(known) == len(found) else None


def _scores(entries: _Entries, of: Callable[[RunRecord], Scores]) -> Scores:
    values = [of(record).values[at] for _, at, record in entries]
    return Scores.of(of(entries[0][2]).metric, values)


def _further(name: str) -> Callable[[RunRecord], Scores]:
    return lambda record: record.further[name]


def _wide(first: WideReference, entries: _Entries) -> WideReference:
    """The wide models of all seeds as one reference; its cost is that of the first seed."""

    def scores(of: Callable[[WideReference], Scores]) -> Scores:
        return _scores(entries, lambda record: of(record.wide or first))

    def further(name: str) -> Scores:
        return scores(lambda wide: wide.further[name])

    return first.model_copy(
        update={
            "val": scores(lambda wide: wide.val),
            "test": scores(lambda wide: wide.test),
            "further": {name: further(name) for name in first.further},
        }
    )


def _middle_latency(records: Sequence[RunRecord]) -> Latency | None:
    found = [record.latency for record in records if record.latency is not None]
    by_ratio = sorted(found, key=lambda latency: latency.ratio)
    return by_ratio[(len(found) - 1) // 2] if found else None


def _notes(records: Iterable[RunRecord]) -> list[str]:
    """Every note once: those on seeds with all the seeds that they are about, then the others."""
    about: dict[str, set[int]] = {}
    others: dict[str, None] = {}
    for note in dict.fromkeys(note for record in records for note in record.notes):
        match = _SEED_NOTE.fullmatch(note)
        if match is None:
            others[note] = None
        else:
            about.setdefault(match[2], set()).update(map(int, match[1].split(", ")))
    return [
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, sorted(seeds)))}: {note}"
        for note, seeds in about.items()
    ] + list(others)
