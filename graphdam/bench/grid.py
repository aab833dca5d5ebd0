"""Which runs belong to which bench."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from itertools import product
from typing import Any, Protocol

from graphdam.baselines import RATING_RIVALS
from graphdam.errors import SettingsError, unknown_choice
from graphdam.report import Reduction
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
    """A named grid of cells."""

    name: str
    summary: str
    cells: tuple[Cell, ...]

    def only(self, pattern: str) -> Bench:
        """The cells whose names fit a pattern such as `cora-*`, with those whose models they cut.

        Raises:
            SettingsError: none does.
        """
        chosen = [cell for cell in self.cells if fnmatch(cell.name, pattern)]
        if not chosen:
            known = [cell.name for cell in self.cells]
            hint, listing = "A pattern may hold * and ?.", f"graphdam bench {self.name} --list"
            raise SettingsError(unknown_choice("cell", pattern, known, hint, listed_by=listing))
        names = {cell.name for cell in chosen} | {cell.source for cell in chosen}
        cells = tuple(cell for cell in self.cells if cell.name in names)
        return Bench(self.name, self.summary, cells)

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


DEFAULT = Method("default")
WIDE = Method("wide", {"recipe": "wide"})
WIDE_RELU = Method("wide-relu", {"recipe": "wide", "act": "relu"})
MINGE = Method("minge", {"recipe": "minge"})
RANDOM = Method("random", {"recipe": "random"})
NESTED = Method("nested", {"recipe": "nested"})
GAT_AS_PUBLISHED = Method(
    "published",
    {
        "recipe": "wide",
        "hidden_channels": 64,
        "epochs": 500,
        "lr": 0.005,
        "dropout": 0.6,
        "feature_dropout": 0.6,
    },
)
"""The settings of arXiv 1710.10903, but for one output head and the rule that ends training."""


def _target(*widths: int) -> Method:
    return Method("target", {}, ("target_width",), widths)


def _taught(*widths: int) -> Method:
    """As narrow as it ends from the first epoch on, beside the same teacher."""
    return Method("taught", {}, ("start_width", "target_width"), widths)


def _narrow(*widths: int, varies: str = "hidden_channels", **settings: Any) -> Method:
    return Method("narrow", {"recipe": "wide", **settings}, (varies,), widths)


def _nested(*widths: int) -> Method:
    return Method("nested", {"recipe": "nested"}, values=widths, cuts="truncate")


def _of_wide(cuts: str, *widths: int) -> Method:
    return Method(cuts, {"recipe": "wide"}, values=widths, cuts=cuts)


def _swept(recipe: str, *weights: float) -> Method:
    """One recipe under every λ."""
    return Method(recipe, {"recipe": recipe}, ("penalty_weight",), weights)


def _grid(
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


PLANETOID = ("cora", "citeseer", "pubmed")


def _planetoid(*, quick: bool) -> Bench:
    main = (DEFAULT, WIDE, WIDE_RELU, _narrow(4, 8, 16, 32), _target(4, 8, 16, 32))
    rivals = (
        _taught(4, 8, 16, 32),
        NESTED,
        _nested(4, 8, 16, 32),
        _swept("l1", 0.5, 2, 8),
        _swept("l0", 0.5, 2, 8),
        _swept("paper", 0.1, 0.3, 1),
        MINGE,
    )
    summary = "Supervised GCN: accuracy against the hidden width, with every rival."
    methods = main if quick else main + rivals
    return Bench("planetoid", summary, _grid(methods, datasets=PLANETOID, quick=quick))


def _graphs(*, quick: bool) -> Bench:
    """What nobody tuned the recipe on, and other encoders."""
    methods = (DEFAULT, WIDE, _narrow(8, 16, 32), _target(8, 16, 32))
    cells = _grid(methods, datasets=("photo", "computers", "cs"), quick=quick)
    if not quick:
        both = (DEFAULT, WIDE)
        cells += _grid(both, datasets=("tolokers", "digits"), quick=quick)
        cells += _grid(both, datasets=PLANETOID, split="geom-gcn", quick=quick)
        cells += _grid(both, datasets=PLANETOID, models=("gat", "graphsage"), quick=quick)
        cells += _grid((GAT_AS_PUBLISHED,), datasets=PLANETOID, models=("gat",), quick=quick)
    return Bench("graphs", "Supervised: further graphs, splits and encoders.", cells)


def _links(*, quick: bool) -> Bench:
    methods = (
        DEFAULT,
        WIDE,
        # the hidden layer costs little beside the embedding that is handed on
        Method("target-16", {"target_width": [64, 16]}),
        Method("narrow-32-16", {"recipe": "wide", "hidden_channels": 32, "embedding_channels": 16}),
        _of_wide("pca", 16, 32),
        RANDOM,
    )
    cells = _grid(methods, datasets=PLANETOID, objectives=("gae", "vgae"), quick=quick)
    return Bench("links", "Graph auto-encoders: links rebuilt from narrow embeddings.", cells)


def _embeddings(*, quick: bool) -> Bench:
    cut = (_of_wide("pca", 8, 16, 32), _of_wide("columns", 8, 16, 32), MINGE, RANDOM)
    dgi = (DEFAULT, WIDE, _target(8, 16), _narrow(16, 8, 32, varies="embedding_channels"), *cut)
    # GRACE has a hidden layer, which costs little beside the embedding that is handed on
    grace = (
        DEFAULT,
        WIDE,
        *(Method(f"target-{width}", {"target_width": [32, width]}) for width in (8, 16)),
        _narrow(16, 8, 32, varies="embedding_channels", hidden_channels=32),
        *cut,
    )
    cells = _grid(dgi, datasets=PLANETOID, objectives=("dgi",), quick=quick)
    cells += _grid(grace, datasets=PLANETOID, objectives=("grace",), quick=quick)
    if not quick:
        prefixes = (NESTED, _nested(8, 16, 32))
        cells += _grid(prefixes, datasets=PLANETOID[:2], objectives=("dgi",), quick=quick)
    return Bench("embeddings", "DGI and GRACE: a probe against the embedding's dimensions.", cells)


def _paper_graphs(*, quick: bool) -> Bench:
    weights = (0.1, 1.0, 0.01, 0.03, 0.3, 3.0)
    methods = (WIDE, _swept("paper", *weights), _swept("l1", *weights))
    cells = _grid(methods, datasets=PLANETOID, objectives=("dgi", "gae", "vgae"), quick=quick)
    summary = "The DAM paper's question: quality against the width that each λ learns, DAM and L1."
    return Bench("paper-graphs", summary, cells)


def _pruning(*, quick: bool) -> Bench:
    slimming = _swept("l1", 0.5, 0.1, 2.0)
    methods = (
        DEFAULT,
        WIDE,
        _swept("paper", 0.1, 0.3, 1.0),
        slimming,
        # no epoch is left at the final widths: accuracy as the last closing leaves it
        replace(slimming, name="l1-untuned", settings={**slimming.settings, "gate_end": 1.0}),
    )
    cells = _grid(methods, datasets=("mnist",), models=("lenet5", "mlp"), quick=quick)
    if not quick:
        models = ("preresnet", "vgg16")
        cells += _grid(methods, datasets=("cifar10-subset",), models=models, quick=quick)
    summary = "MLP and CNNs on images: DAM with and without a teacher, and network slimming."
    return Bench("pruning", summary, cells)


_REMOVED = (0.5, 0.7, 0.3)
"""Shares of filters, or of what two layers of low rank hold."""

_MASKED = (0.95, 0.9, 0.98)


def _systems(*, quick: bool) -> Bench:
    spectral = {"recipe": "frank-wolfe", "ball": "spectral-k-support"}
    frank_wolfe = Method("frank-wolfe", {"recipe": "frank-wolfe"})
    methods = (
        DEFAULT,
        WIDE,
        Method("wide-filters", WIDE.settings, values=_REMOVED, cuts="filters"),
        Method("wide-magnitude", WIDE.settings, values=_MASKED, cuts="magnitude"),
        frank_wolfe,
        replace(frank_wolfe, name="frank-wolfe-filters", values=_REMOVED, cuts="filters"),
        Method("irrelevance", {"recipe": "irrelevance"}),
        Method("aswl", {"recipe": "aswl"}, ("target_sparsity",), _MASKED),
    )
    of_images = (
        *methods,
        Method("wide-svd", WIDE.settings, values=_REMOVED, cuts="svd"),
        Method("spectral", spectral),
        Method("spectral-svd", spectral, values=_REMOVED, cuts="svd"),
    )
    cells = _grid(of_images, datasets=("mnist",), models=("lenet5", "mlp"), quick=quick)
    if not quick:
        cells += _grid(of_images, datasets=("cifar10-subset",), models=("preresnet",), quick=quick)
        cells += _grid(methods, datasets=PLANETOID[:2], quick=quick)
    summary = "Irrelevance, Frank-Wolfe and ASWL beside DAM: masks and smaller models apart."
    return Bench("systems", summary, cells)


def _dimensionality_reduction(*, quick: bool) -> Bench:
    """Linear data at λ of the authors' code and around it; others at one that suits them."""
    swept, models = _swept("paper", 0.01, 0.003, 0.03), ("autoencoder",)
    linear = ("affine-points", "linear-points")
    cells = _grid((swept,), datasets=linear, models=models, quick=quick)
    if not quick:
        for dataset, weights in (("quadratic-points", (0.1, 0.05)), ("mlp-points", (0.03, 0.01))):
            methods = (_swept("paper", *weights),)
            cells += _grid(methods, datasets=(dataset,), models=models, quick=quick)
    summary = "Autoencoders of data of known dimension: does the code learn to be as wide?"
    return Bench("dimensionality-reduction", summary, cells)


def _mnist_autoencoder(*, quick: bool) -> Bench:
    swept = (
        _swept("paper", 1.0, 0.01, 5.0, 0.5, 2.0, 11.0, 0.1),
        _swept("l1", 0.5, 0.01, 11.0, 0.1, 2.0),
    )
    methods = swept if quick else (*swept, WIDE, DEFAULT)
    cells = _grid(methods, datasets=("mnist",), models=("autoencoder",), quick=quick)
    summary = "An autoencoder of MNIST: error, and classes, against the code that each λ learns."
    return Bench("mnist-autoencoder", summary, cells)


def _recommender(*, quick: bool) -> Bench:
    """Douban takes eight times as long an epoch as Flixster, so it has fewer cells and epochs."""
    sets = ("flixster",) if quick else ("flixster", "douban")
    paper = _swept("paper", 0.1, 1, 10, 0.01)
    methods = (
        DEFAULT,
        WIDE,
        _target(16, 8, 4),
        _narrow(16, 8, 4),
        paper,
        _swept("l1", 0.1, 1, 10, 0.01),
        Method("all-layers", {"gate_convs": True}),
    )
    cells = _grid(methods, datasets=sets[:1], models=("igmc",), quick=quick)
    if not quick:
        few = (DEFAULT, WIDE, _target(16), _narrow(16), paper)
        shorter = [replace(each, settings={**each.settings, "epochs": 10}) for each in few]
        cells += _grid(shorter, datasets=sets[1:], models=("igmc",), quick=quick)
    cells += tuple(
        Cell(f"{dataset}-{rival}", {"dataset": dataset}, rival=rival)
        for dataset in sets
        for rival in RATING_RIVALS
    )
    return Bench("recommender", "IGMC: the error of predicted ratings against width.", cells)


class _Builder(Protocol):
    def __call__(self, *, quick: bool) -> Bench: ...


BENCHES: dict[str, _Builder] = {
    "planetoid": _planetoid,
    "graphs": _graphs,
    "links": _links,
    "embeddings": _embeddings,
    "paper-graphs": _paper_graphs,
    "pruning": _pruning,
    "systems": _systems,
    "dimensionality-reduction": _dimensionality_reduction,
    "mnist-autoencoder": _mnist_autoencoder,
    "recommender": _recommender,
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
