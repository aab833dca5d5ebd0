"""Which runs belong to which bench."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from graphdam.baselines import RATING_RIVALS
from graphdam.bench.grid import FEW_SEEDS, QUICK_SEEDS, Bench, Cell, Method, cells_of
from graphdam.errors import SettingsError, unknown_choice

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
    return Bench("planetoid", summary, cells_of(methods, datasets=PLANETOID, quick=quick))


def _graphs(*, quick: bool) -> Bench:
    """What nobody tuned the recipe on, and other encoders."""
    methods = (DEFAULT, WIDE, _narrow(8, 16, 32), _target(8, 16, 32))
    cells = cells_of(methods, datasets=("photo", "computers", "cs"), quick=quick)
    if not quick:
        both = (DEFAULT, WIDE)
        cells += cells_of(both, datasets=("tolokers", "digits"), quick=quick)
        cells += cells_of(both, datasets=PLANETOID, split="geom-gcn", quick=quick)
        cells += cells_of(both, datasets=PLANETOID, models=("gat", "graphsage"), quick=quick)
        cells += cells_of((GAT_AS_PUBLISHED,), datasets=PLANETOID, models=("gat",), quick=quick)
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
    cells = cells_of(methods, datasets=PLANETOID, objectives=("gae", "vgae"), quick=quick)
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
    cells = cells_of(dgi, datasets=PLANETOID, objectives=("dgi",), quick=quick)
    cells += cells_of(grace, datasets=PLANETOID, objectives=("grace",), quick=quick)
    if not quick:
        prefixes = (NESTED, _nested(8, 16, 32))
        cells += cells_of(prefixes, datasets=PLANETOID[:2], objectives=("dgi",), quick=quick)
    return Bench("embeddings", "DGI and GRACE: a probe against the embedding's dimensions.", cells)


def _paper_graphs(*, quick: bool) -> Bench:
    weights = (0.1, 1.0, 0.01, 0.03, 0.3, 3.0)
    methods = (WIDE, _swept("paper", *weights), _swept("l1", *weights))
    cells = cells_of(methods, datasets=PLANETOID, objectives=("dgi", "gae", "vgae"), quick=quick)
    summary = "The DAM paper's question: quality against the width that each λ learns, DAM and L1."
    return Bench("paper-graphs", summary, cells, seeds=FEW_SEEDS)


_LESS_OF_MNIST: dict[str, dict[str, Any]] = {
    "lenet5": {"max_multiply_adds": 229_300, "epochs": 24},
    "mlp": {"max_parameters": 39_991, "epochs": 60},
}
"""A tenth of the wide model's multiply-adds, 15 % of its parameters; small models learn long."""

_LESS_OF_CIFAR: dict[str, dict[str, Any]] = {
    "preresnet": {"max_multiply_adds": 20_400_000},
    "vgg16": {"max_multiply_adds": 156_600_000},
}
"""Half of the wide model's multiply-adds. λ would take more than that, as the brake lets it."""

_ON_CIFAR: dict[str, Any] = {"precision": "bf16"}
"""Most of what a step of these takes is products, which are faster in bf16 where a CPU has them."""


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
    cells = cells_of(methods, datasets=("mnist",), models=("lenet5", "mlp"), quick=quick)
    if not quick:
        for model, budget in _LESS_OF_MNIST.items():
            method = Method("budget", {**budget, "imitation_shift": 1, "gate_end": 0.4})
            cells += cells_of((method,), datasets=("mnist",), models=(model,), quick=quick)
        for model, budget in _LESS_OF_CIFAR.items():
            # hours a run for VGG16 on two cores: the first λ of a sweep alone
            few = [replace(each, values=each.values[:1]) for each in methods]
            alone = Method("budget", {**budget, "penalty_weight": 0.0, "gate_end": 0.4})
            of_model = (*(few if model == "vgg16" else methods), alone)
            on_cifar = [replace(each, settings={**each.settings, **_ON_CIFAR}) for each in of_model]
            cells += cells_of(on_cifar, datasets=("cifar10-subset",), models=(model,), quick=quick)
    summary = "MLP and CNNs on images: DAM with and without a teacher, and network slimming."
    return Bench("pruning", summary, cells, seeds=FEW_SEEDS)


_REMOVED = (0.5, 0.7, 0.3)
"""Shares of filters, or of what two layers of low rank hold."""

_MASKED = (0.95, 0.9, 0.98)


def _systems(*, quick: bool) -> Bench:
    # in larger balls the weights end well inside, and no rank is any lower
    spectral = {"recipe": "frank-wolfe", "ball": "spectral-k-support", "ball_radius": 3.0}
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
    cells = cells_of(of_images, datasets=("mnist",), models=("lenet5", "mlp"), quick=quick)
    if not quick:
        on_cifar = [replace(each, settings={**each.settings, **_ON_CIFAR}) for each in of_images]
        cells += cells_of(
            on_cifar, datasets=("cifar10-subset",), models=("preresnet",), quick=quick
        )
        cells += cells_of(methods, datasets=PLANETOID[:2], quick=quick)
    summary = "Irrelevance, Frank-Wolfe and ASWL beside DAM: masks and smaller models apart."
    return Bench("systems", summary, cells, seeds=FEW_SEEDS)


def _dimensionality_reduction(*, quick: bool) -> Bench:
    """Linear data at λ of the authors' code and around it; others at one that suits them."""
    swept, models = _swept("paper", 0.01, 0.003, 0.03), ("autoencoder",)
    linear = ("affine-points", "linear-points")
    cells = cells_of((swept,), datasets=linear, models=models, quick=quick)
    if not quick:
        for dataset, weights in (("quadratic-points", (0.1, 0.05)), ("mlp-points", (0.03, 0.01))):
            methods = (_swept("paper", *weights),)
            cells += cells_of(methods, datasets=(dataset,), models=models, quick=quick)
    summary = "Autoencoders of data of known dimension: does the code learn to be as wide?"
    return Bench("dimensionality-reduction", summary, cells)


def _mnist_autoencoder(*, quick: bool) -> Bench:
    swept = (
        _swept("paper", 1.0, 0.01, 5.0, 0.5, 2.0, 11.0, 0.1),
        _swept("l1", 0.5, 0.01, 11.0, 0.1, 2.0),
    )
    methods = swept if quick else (*swept, WIDE, DEFAULT)
    cells = cells_of(methods, datasets=("mnist",), models=("autoencoder",), quick=quick)
    summary = "An autoencoder of MNIST: error, and classes, against the code that each λ learns."
    return Bench("mnist-autoencoder", summary, cells, seeds=FEW_SEEDS)


def _recommender(*, quick: bool) -> Bench:
    """Sweeps of λ have fewer epochs; Douban, which takes eight times as long, fewer cells too."""
    sets = ("flixster",) if quick else ("flixster", "douban")
    paper, l1 = _swept("paper", 0.1, 1, 10, 0.01), _swept("l1", 0.1, 1, 10, 0.01)
    methods = (
        DEFAULT,
        WIDE,
        _target(16, 8, 4),
        _narrow(16, 8, 4),
        _with_epochs(20, paper),
        _with_epochs(20, l1),
        Method("all-layers", {"gate_convs": True}),
    )
    cells = cells_of(methods, datasets=sets[:1], models=("igmc",), quick=quick)
    if not quick:
        few = (DEFAULT, WIDE, _target(16), _narrow(16), paper)
        shorter = [_with_epochs(10, each) for each in few]
        cells += cells_of(shorter, datasets=sets[1:], models=("igmc",), quick=quick)
    cells += tuple(
        Cell(f"{dataset}-{rival}", {"dataset": dataset}, rival=rival)
        for dataset in sets
        for rival in RATING_RIVALS
    )
    summary = "IGMC: the error of predicted ratings against width."
    return Bench("recommender", summary, cells, seeds=FEW_SEEDS)


def _with_epochs(epochs: int, method: Method) -> Method:
    return replace(method, settings={**method.settings, "epochs": epochs})


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
    """The bench of that name, or its quick variant: two seeds, three widths, the first data set.

    Raises:
        SettingsError: there is none; the message lists those there are.
    """
    if name not in BENCHES:
        raise SettingsError(unknown_choice("bench", name, BENCHES))
    bench = BENCHES[name](quick=quick)
    return replace(bench, seeds=QUICK_SEEDS) if quick else bench
