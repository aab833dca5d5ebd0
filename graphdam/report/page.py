"""Many records as files: a table in Markdown and in CSV and two pictures for what is comparable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphdam.files import write_atomically
from graphdam.report.bench_folder import MissingCell
from graphdam.report.caption import caption, notes
from graphdam.report.comparison import comparison
from graphdam.report.figures import draw_frontier, draw_systems
from graphdam.report.leaderboard import on_leaderboard, submission
from graphdam.report.methods import display_name, is_graphdam, is_of_system
from graphdam.report.missing import with_missing
from graphdam.report.record import RunRecord
from graphdam.report.table import TextTable, to_csv, to_markdown
from graphdam.report.verdict import RULE, verdict


@dataclass(frozen=True)
class Group:
    """What may stand in one table: one data set, objective, split, metric and graphdam version."""

    name: str
    title: str
    records: tuple[RunRecord, ...]
    missing: tuple[MissingCell, ...]

    @property
    def table(self) -> TextTable:
        return with_missing(comparison(self.records), self.missing)


def group_records(records: Sequence[RunRecord], missing: Sequence[MissingCell] = ()) -> list[Group]:
    """Splits apart what must not share a table, in the order of the records."""
    members: dict[_Key, list[RunRecord]] = {}
    absent: dict[_Key, list[MissingCell]] = {}
    for record in records:
        members.setdefault(_key(record), []).append(record)
    for cell in missing:
        absent.setdefault(_key_of_missing(cell, list(members)), []).append(cell)
    keys = list(dict.fromkeys([*members, *absent]))
    return [
        Group(
            name=_name(key, keys),
            title=_title(key, keys),
            records=tuple(members.get(key, ())),
            missing=tuple(absent.get(key, ())),
        )
        for key in keys
    ]


def write_group(group: Group, out: Path) -> list[Path]:
    """Writes NAME.md, NAME.csv and the pictures of a group; the same group is the same bytes."""
    table, name = group.table, group.name
    files = [out / f"{name}.md", out / f"{name}.csv"]
    parts = [f"# {group.title}", to_markdown(table)]
    if group.records:
        parts.append(caption(group.records))
    parts += _verdicts(group.records)
    parts += _submissions(group.records)
    met = notes(group.records)
    if met is not None:
        parts.append(met)
    out.mkdir(parents=True, exist_ok=True)
    if any(record.start_widths for record in group.records):
        width, cost = out / f"{name}-width.png", out / f"{name}-multiply-adds.png"
        draw_frontier(group.records, width, further=_held_by_all(group.records))
        draw_frontier(group.records, cost, against="multiply-adds")
        parts.append(f"![Test score against width]({width.name})")
        parts.append(f"![Test score against multiply-adds]({cost.name})")
        files += [width, cost]
    if any(is_of_system(record) for record in group.records):
        picture = out / f"{name}-systems.png"
        draw_systems(group.records, picture)
        parts.append(f"![Test score against size and cost, masks apart]({picture.name})")
        files.append(picture)
    write_atomically(files[0], "\n\n".join(parts) + "\n")
    write_atomically(files[1], to_csv(table))
    return files


def _submissions(records: Sequence[RunRecord]) -> list[str]:
    """The rows for a leaderboard, of records that OGB's evaluator scored."""
    found = on_leaderboard(records)
    if not found:
        return []
    return ["## For OGB's leaderboard", submission(found)]


def _verdicts(records: Sequence[RunRecord]) -> list[str]:
    """The best rivals of graphdam, for every model that has a width which was set."""
    parts = []
    for model in dict.fromkeys(record.model for record in records):
        mine = [record for record in records if record.model == model]
        if any(is_graphdam(record) and "target_width" in record.changed for record in mine):
            found = verdict(mine)
            parts += [
                f"## {display_name(model)}: the best rival at every width",
                to_markdown(found.table),
                " ".join([*found.sentences, RULE]),
            ]
    return parts


def _held_by_all(records: Sequence[RunRecord]) -> list[str]:
    return sorted(set.intersection(*(set(record.further) for record in records)))


_Key = tuple[str, str, str, str, str]


def _key(record: RunRecord) -> _Key:
    metric, version = record.test.metric, record.graphdam_version
    return record.dataset, record.objective, record.split, metric, version


def _key_of_missing(cell: MissingCell, known: Sequence[_Key]) -> _Key:
    """The group where the cell's record would be, as far as can be told without it."""
    plan = cell.plan
    for key in known:
        same_split = plan.split in (None, key[2])
        same_rest = (*key[:2], key[4]) == (plan.dataset, plan.objective, cell.graphdam_version)
        if same_split and same_rest:
            return key
    return plan.dataset, plan.objective, plan.split or "", "", cell.graphdam_version


def _name(key: _Key, keys: Sequence[_Key]) -> str:
    parts = [part for part in (*key[:3], *_ambiguous(key, keys)) if part]
    return "-".join(re.sub(r"[^\w.]+", "-", part) for part in parts)


def _title(key: _Key, keys: Sequence[_Key]) -> str:
    dataset, objective, split, _, _ = key
    parts = [display_name(dataset), display_name(objective), f"{split} split" if split else ""]
    return " · ".join(part for part in (*parts, *_ambiguous(key, keys)) if part)


def _ambiguous(key: _Key, keys: Sequence[_Key]) -> tuple[str, str]:
    """Metric and version of a group, where another group differs in nothing but them."""
    others = [other for other in keys if other[:3] == key[:3]]
    metric = key[3] if len({other[3] for other in others}) > 1 else ""
    version = f"graphdam {key[4]}" if len({other[4] for other in others}) > 1 else ""
    return metric, version
