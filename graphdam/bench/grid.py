"""Which runs belong to which bench."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any, Protocol

from graphdam.errors import SettingsError, unknown_choice
from graphdam.training import Settings

QUICK_SEEDS = 2
QUICK_WIDTHS = 3

_OPTIONS = {
    name: f"--{name.replace('_', '-')}"
    for name in (
        *("dataset", "model", "objective", "recipe", "target_width", "hidden_channels"),
        *("num_layers", "epochs", "split", "device", "threads"),
    )
}
"""The settings that `graphdam train` has an option for; the others go through `--set`."""


@dataclass(frozen=True)
class Cell:
    """One record of a bench: a name and the settings of its run, the seeds apart.

    `settings` is what `Settings.of` takes, `recipe` included. A cell computes in one thread unless
    they say otherwise, because its seeds run side by side.
    """

    name: str
    settings: Mapping[str, Any] = field(hash=False)

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
    """A named grid of cells."""

    name: str
    summary: str
    cells: tuple[Cell, ...]

    def only(self, pattern: str) -> Bench:
        """The cells whose names fit a pattern such as `cora-*`.

        Raises:
            SettingsError: none does.
        """
        cells = tuple(cell for cell in self.cells if fnmatch(cell.name, pattern))
        if not cells:
            names = [cell.name for cell in self.cells]
            hint = "A pattern may hold * and ?."
            raise SettingsError(unknown_choice("cell", pattern, names, hint))
        return Bench(self.name, self.summary, cells)


@dataclass(frozen=True)
class Method:
    """A line of a bench: one cell, or one at each of `widths`, which is what `varies` is set to."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    varies: str | None = None
    widths: tuple[int, ...] = ()

    def at_widths(self, *, most: int | None) -> dict[str, dict[str, Any]]:
        """The settings of each of its cells, by name."""
        if self.varies is None:
            return {self.name: dict(self.settings)}
        return {
            f"{self.name}-{width}": {**self.settings, self.varies: width}
            for width in self.widths[:most]
        }


DEFAULT = Method("default")
WIDE = Method("wide", {"recipe": "wide"})


def _target(*widths: int) -> Method:
    return Method("target", {}, "target_width", widths)


def _narrow(*widths: int) -> Method:
    return Method("narrow", {"recipe": "wide"}, "hidden_channels", widths)


def _grid(
    methods: Sequence[Method],
    *,
    datasets: Sequence[str],
    objectives: Sequence[str] = ("node-classification",),
    model: str = "gcn",
    quick: bool,
) -> tuple[Cell, ...]:
    """Every method on every data set with every objective; a quick grid is on the first set."""
    cells = []
    for dataset in datasets[:1] if quick else datasets:
        for objective in objectives:
            learns = {} if objective == "node-classification" else {"objective": objective}
            where = "-".join([dataset, model, *learns.values()])
            cells += [
                Cell(f"{where}-{name}", {"dataset": dataset, "model": model, **learns, **settings})
                for method in methods
                for name, settings in method.at_widths(most=QUICK_WIDTHS if quick else None).items()
            ]
    return tuple(cells)


_PLANETOID = ("cora", "citeseer", "pubmed")


def _planetoid(*, quick: bool) -> Bench:
    methods = (
        DEFAULT,
        WIDE,
        Method("wide-relu", {"recipe": "wide", "act": "relu"}),
        _narrow(4, 8, 16, 32),
        _target(4, 8, 16, 32),
    )
    summary = "Supervised GCN: accuracy against the hidden width."
    return Bench("planetoid", summary, _grid(methods, datasets=_PLANETOID, quick=quick))


def _links(*, quick: bool) -> Bench:
    methods = (
        DEFAULT,
        WIDE,
        Method("narrow-32-16", {"recipe": "wide", "hidden_channels": 32, "embedding_channels": 16}),
    )
    cells = _grid(methods, datasets=_PLANETOID, objectives=("gae", "vgae"), quick=quick)
    return Bench("links", "Graph auto-encoders: links rebuilt from narrow embeddings.", cells)


def _embeddings(*, quick: bool) -> Bench:
    methods = (
        DEFAULT,
        WIDE,
        _narrow(8, 16, 32, 64),
        _target(8, 16, 32),
    )
    cells = _grid(methods, datasets=_PLANETOID, objectives=("dgi", "grace"), quick=quick)
    return Bench("embeddings", "DGI and GRACE: a probe against the embedding's dimensions.", cells)


class _Builder(Protocol):
    def __call__(self, *, quick: bool) -> Bench: ...


BENCHES: dict[str, _Builder] = {
    "planetoid": _planetoid,
    "links": _links,
    "embeddings": _embeddings,
}
"""The named benches, each a function of `quick`."""


def find_bench(name: str, *, quick: bool = False) -> Bench:
    """The bench of that name, or its quick variant: three widths, the first data set only.

    Raises:
        SettingsError: there is none; the message lists those there are.
    """
    if name not in BENCHES:
        raise SettingsError(unknown_choice("bench", name, BENCHES))
    return BENCHES[name](quick=quick)
