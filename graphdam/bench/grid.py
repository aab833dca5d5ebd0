"""What a bench is made of: cells, and methods that make them on every data set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import filter as fnmatch_filter
from itertools import product
from typing import Any

from graphdam.errors import SettingsError, unknown_choice
from graphdam.report import Reduction
from graphdam.training import Settings

QUICK_SEEDS, FEW_SEEDS = 2, 3
QUICK_WIDTHS = 3

_OPTIONS = {
    name: f"--{name.replace('_', '-')}"
    for name in (
        *("dataset", "model", "objective", "recipe", "target_width", "max_parameters"),
        *("max_multiply_adds", "hidden_channels", "num_layers", "epochs", "split", "device"),
        *("threads", "precision"),
    )
}
"""The settings that `graphdam train` has an option for; the others go through `--set`."""


@dataclass(frozen=True)
class Cell:
    """One record of a bench: a name and the settings of its run, the seeds apart.

    `settings` is what `Settings.of` takes, `recipe` included. A cell computes in one thread unless
    they say otherwise, because its seeds run side by side. A cell with a `reduction` trains
    nothing: it cuts the models of the cell `source`, whose settings it shares. A cell with a
    `rival` (`graphdam.baselines.RATING_RIVALS`) has a record of that on the same ratings.
    """

    name: str
    settings: Mapping[str, Any] = field(hash=False)
    reduction: Reduction | None = None
    source: str | None = None
    rival: str | None = None

    @property
    def is_run(self) -> bool:
        """Whether `graphdam train` makes its record."""
        return self.reduction is None and self.rival is None

    def resolve(self, seeds: Sequence[int]) -> Settings:
        """The settings of the cell's run over these seeds.

        Raises:
            SettingsError: they are unknown or contradict each other; the cell is named.
        """
        try:
            return Settings.of(**{"threads": 1, **self.settings, "seeds": tuple(seeds)})
        except SettingsError as error:
            raise SettingsError(f"Cell {self.name}: {error}") from None

    def command(self, seeds: Sequence[int]) -> str:
        """The `graphdam train` that makes the same record alone.

        >>> Cell("a", {"dataset": "cora", "act": "relu"}).command([0, 1])
        'graphdam train --dataset cora --set act=relu --threads 1 --seeds 2'
        """
        words = ["graphdam", "train"]
        for name, value in {**self.settings, "threads": self.settings.get("threads", 1)}.items():
            text = value if isinstance(value, str) else json.dumps(value)
            if name in _OPTIONS and isinstance(value, list | tuple):
                text = ",".join(map(str, value))
            words += [_OPTIONS[name], text] if name in _OPTIONS else ["--set", f"{name}={text}"]
        if list(seeds) == list(range(len(seeds))) and len(seeds) > 1:
            words += ["--seeds", str(len(seeds))]
        elif len(seeds) == 1:
            words += ["--seed", str(seeds[0])]
        else:
            words += ["--set", f"seeds={json.dumps(list(seeds))}"]
        return shlex.join(words)


@dataclass(frozen=True)
class Bench:
    """A named grid of cells, each for seeds 0 … `seeds` − 1 where nobody says otherwise."""

    name: str
    summary: str
    cells: tuple[Cell, ...]
    seeds: int = 10

    def only(self, pattern: str) -> Bench:
        """The cells whose names fit a pattern such as `cora-*`, with those whose models they cut.

        Args:
            pattern: one, or several with commas between them, each of which must fit a cell.

        Raises:
            SettingsError: none fits.
        """
        known = [cell.name for cell in self.cells]
        fitting = {each: fnmatch_filter(known, each) for each in pattern.split(",")}
        for each, found in fitting.items():
            if not found:
                hint, listing = "A pattern may hold * and ?.", f"graphdam bench {self.name} --list"
                raise SettingsError(unknown_choice("cell", each, known, hint, listed_by=listing))
        named = set().union(*fitting.values())
        chosen = [cell for cell in self.cells if cell.name in named]
        names = {cell.name for cell in chosen} | {cell.source for cell in chosen}
        cells = tuple(cell for cell in self.cells if cell.name in names)
        return replace(self, cells=cells)

    def command(self, cell: Cell, seeds: Sequence[int]) -> str:
        """What makes a cell's record: one run's command, or this bench's where it is no run."""
        if cell.is_run:
            return cell.command(seeds)
        return f"graphdam bench {self.name} --only {cell.name} --seeds {max(seeds) + 1}"


@dataclass(frozen=True)
class Method:
    """A line of a bench: one cell, or one for each of `values`.

    Attributes:
        name: of the line; a cell's name adds its value.
        settings: of every cell.
        varies: the settings that take the value; several take the same one.
        values: widths or other numbers, the most telling first: a quick bench takes a few.
        cuts: the cells train nothing, and cut the model that `settings` make to these widths, or
            take these shares of it away.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    varies: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    cuts: str | None = None

    def cells(self, where: str, common: Mapping[str, Any], *, most: int | None) -> list[Cell]:
        """Its cells on one data set."""
        settings = {**common, **self.settings}
        if not self.values:
            return [Cell(f"{where}-{self.name}", settings)]
        values = sorted(self.values[:most])
        if self.cuts is None:
            return [
                Cell(f"{where}-{self.name}-{value}", settings | dict.fromkeys(self.varies, value))
                for value in values
            ]
        return [
            Cell(
                f"{where}-{self.name}-{value}",
                settings,
                Reduction.model_validate({"method": self.cuts, _size_of(value): value}),
            )
            for value in values
        ]


def _size_of(value: float) -> str:
    """What a reduction calls a value: widths are whole numbers, shares are not."""
    return "width" if isinstance(value, int) else "share"


def cells_of(
    methods: Sequence[Method],
    *,
    datasets: Sequence[str],
    objectives: Sequence[str] = ("node-classification",),
    models: Sequence[str] = ("gcn",),
    split: str | None = None,
    quick: bool,
) -> tuple[Cell, ...]:
    """Every method on every data set with every objective; a quick grid is on the first set."""
    cells: list[Cell] = []
    most = QUICK_WIDTHS if quick else None
    for dataset, model, objective in product(
        datasets[:1] if quick else datasets, models, objectives
    ):
        common = {"dataset": dataset, "model": model}
        where = [dataset, model]
        if split is not None:
            common["split"] = split
            where.insert(1, "geom" if split == "geom-gcn" else split)
        if objective != "node-classification":
            common["objective"] = objective
            where.append(objective)
        for method in methods:
            cells += method.cells("-".join(where), common, most=most)
    return tuple(_with_sources(cells))


def _with_sources(cells: Sequence[Cell]) -> Iterator[Cell]:
    """Names the cell whose models a cell cuts: the one that trains with its settings."""
    for cell in cells:
        if cell.reduction is None:
            yield cell
        else:
            source = next(
                other.name
                for other in cells
                if other.reduction is None and other.settings == cell.settings
            )
            yield replace(cell, source=source)
