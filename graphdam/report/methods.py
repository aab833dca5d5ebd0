"""What a record is called in tables and pictures, and which records may be compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphdam.errors import RunFolderError
from graphdam.report.numbers import human
from graphdam.report.record import RunRecord

_GATES = {"dam": "DAM", "l1": "L1 gate", "l0": "L0 gate", "hard_concrete": "L0 gate"}
_ALONE = {
    "wide": "trained alone",
    "minge": "trained alone, MinGE's width",
    "random": "random weights",
    "nested": "nested losses",
    "irrelevance": "irrelevance (masks)",
    "aswl": "ASWL (masks)",
    "frank-wolfe": "Frank-Wolfe",
    "rival": "without layers",
}
_SYSTEMS = ("irrelevance", "aswl", "frank-wolfe")
_SHARES = {"filters": "filters removed", "svd": "split by SVD", "magnitude": "smallest masked"}
_SIZES = {
    "bound_tolerance": "tolerance",
    "target_sparsity": "target",
    "removed_filters": "filters removed",
    "ball_radius": "radius",
}
"""Settings that say how small a model becomes, as λ does, and what they are called."""
_LIMITS = {"max_parameters": "parameters", "max_multiply_adds": "multiply-adds"}
_REDUCTIONS = {"pca": "PCA", "top-variance": "columns of largest variance", "columns": "columns"}
_NAMES = {
    "cora": "Cora",
    "citeseer": "CiteSeer",
    "pubmed": "PubMed",
    "photo": "Photo",
    "computers": "Computers",
    "cs": "CS",
    "tolokers": "Tolokers",
    "enzymes": "ENZYMES",
    "gcn": "GCN",
    "graphsage": "GraphSAGE",
    "gat": "GAT",
    "digits-images": "Digits",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "cifar10-subset": "CIFAR-10 (JPEG, subset)",
    "mlp": "MLP",
    "lenet5": "LeNet-5",
    "vgg16": "VGG-16",
    "preresnet": "PreResNet",
    "linear-points": "linear",
    "affine-points": "affine",
    "quadratic-points": "quadratic",
    "mlp-points": "random MLP",
    "flixster": "Flixster",
    "douban": "Douban",
    "igmc": "IGMC",
    "global-mean": "mean of all ratings",
    "user-mean": "mean of the user's ratings",
    "item-mean": "mean of the item's ratings",
    "factorisation": "matrix factorisation",
    "dgi": "DGI",
    "grace": "GRACE",
    "bgrl": "BGRL",
    "gae": "GAE",
    "vgae": "VGAE",
}
_ACTIVATIONS = {"relu": "ReLU", "elu": "ELU", "prelu": "PReLU"}

_OF_GATES = {"gate_begin", "gate_end", "decay_relief", "task_weight"}
"""Settings that decide nothing about a model without gates."""


def setting_of(record: RunRecord) -> tuple[str, str, str, str, str, str]:
    """What two runs must share to be compared.

    That is the data set, the split, the model, the objective, the metric and graphdam's version.
    """
    return (
        record.dataset,
        record.split,
        record.model,
        record.objective,
        record.test.metric,
        record.graphdam_version,
    )


def require_one_version(records: Iterable[RunRecord]) -> None:
    """Refuses records of several versions of graphdam, whose numbers may differ."""
    versions = sorted({record.graphdam_version for record in records})
    if len(versions) > 1:
        raise RunFolderError(
            f"Records of graphdam {' and '.join(versions)} are not put into one table, because "
            f"numbers may differ from version to version: make a table of each, or make the older "
            f"records anew."
        )


def require_one_setting(records: Iterable[RunRecord]) -> None:
    """Refuses records that differ in what they were trained and scored on."""
    settings = list(dict.fromkeys(setting_of(record) for record in records))
    if len(settings) > 1:
        one, other = (", ".join(setting) for setting in settings[:2])
        raise RunFolderError(
            f"Records of '{one}' and of '{other}' are not held against each other: name records "
            f"of one data set, split, model, objective, metric and version of graphdam."
        )


def wide_alone(record: RunRecord, records: Iterable[RunRecord]) -> RunRecord | None:
    """The widest model trained alone (recipe "wide") in the same setting with the same seeds.

    Of several as wide, with other activations say, the one that scores best on the test part:
    a compact model is held against the best that width can do.
    """
    candidates = [
        other
        for other in records
        if other.recipe == "wide"
        and other.reduction is None
        and setting_of(other) == setting_of(record)
        and set(other.seeds) == set(record.seeds)
    ]
    return max(
        candidates, key=lambda other: (sum(other.start_widths), other.test.goodness), default=None
    )


def method_name(record: RunRecord) -> str:
    """The method in the words of the tables, such as "DAM + teacher" or "trained alone"."""
    weight = record.penalty_weight
    # under a brake λ decides little, so it is named only where somebody set it
    tells = record.wide is None or "penalty_weight" in record.changed
    penalty = [f"λ = {weight:g}"] if weight and tells else []
    sizes = [f"{_SIZES[name]} = {value:g}" for name, value in _sizes(record)]
    share = record.reduction.share if record.reduction is not None else None
    removed = [] if share is None else [f"{100 * share:g} %"]
    return ", ".join([line_name(record), *removed, *penalty, *sizes])


def line_name(record: RunRecord) -> str:
    """What a line of a figure is called: a method at every size, whatever led there."""
    return ", ".join([_recipe_name(record), *_changes(record)])


def _recipe_name(record: RunRecord) -> str:
    if record.reduction is not None and not record.reduction.cuts_encoder:
        model = "wide" if record.recipe == "wide" else record.recipe
        return f"{_REDUCTIONS[record.reduction.method]} of {model} (output only)"
    if record.reduction is not None and record.recipe == "wide" and not _share_removed(record):
        return "wide, truncated"
    if record.recipe in _ALONE:
        return ", ".join([_ALONE[record.recipe], *_share_removed(record)])
    if starts_at_target(record):
        return f"narrow + {record.wide.name}" if record.wide is not None else "narrow"
    gate = "no gate" if record.gate is None else _GATES.get(record.gate, record.gate)
    if record.recipe == "paper":
        return f"{gate} (paper's recipe)"
    name = f"{gate} + {record.wide.name}" if record.wide is not None else gate
    # other recipes are named by their gate, if it is one of their own
    own = record.recipe == "default" or record.gate not in ("dam", None)
    return name if own else f"{name} ({record.recipe})"


def _share_removed(record: RunRecord) -> list[str]:
    """What a trained model lost a share of, in words."""
    method = None if record.reduction is None else record.reduction.method
    return [_SHARES[method]] if method in _SHARES else []


def _sizes(record: RunRecord) -> list[tuple[str, Any]]:
    return [(name, record.changed[name]) for name in _SIZES if name in record.changed]


def is_of_system(record: RunRecord) -> bool:
    """Whether one of the systems beside DAM made it, whose training may take longer."""
    return record.recipe in _SYSTEMS


def is_graphdam(record: RunRecord) -> bool:
    """Whether it is what graphdam stands for: a DAM gate that closed beside a teacher."""
    taught = record.recipe == "default" and record.wide is not None
    return taught and record.gate == "dam" and not starts_at_target(record)


def starts_at_target(record: RunRecord) -> bool:
    """Whether no gate ever closed anything: the model was as narrow as asked for at once."""
    target = record.changed.get("target_width")
    return bool(record.start_widths) and target == record.start_widths[:1]


def _changes(record: RunRecord) -> list[str]:
    """Departures from the recipe in words, without the widths and what leads to them."""
    is_set = "target_width" in record.changed and not starts_at_target(record)
    words = ["width set"] if is_set else []
    shown = {"target_width", "hidden_channels", "embedding_channels", "start_width"}
    shown |= {"penalty_weight", "precision", *_SIZES}
    if record.gate is None:
        shown |= _OF_GATES
    return words + [
        _change(name, value) for name, value in record.changed.items() if name not in shown
    ]


def _change(name: str, value: object) -> str:
    if name == "ball":
        return str(value)
    if name == "gate_end" and value == 1:
        return "untuned"
    if name == "teacher_from":
        return "teacher trained before"
    if name in _LIMITS and isinstance(value, int):
        return f"≤ {human(value)} {_LIMITS[name]}"
    if name == "act":
        return _ACTIVATIONS.get(str(value), f"act={value}")
    return f"{name}={value}"


def display_name(name: str) -> str:
    """A data set, model or objective as its authors spell it.

    >>> display_name("citeseer"), display_name("my_graph")
    ('CiteSeer', 'my_graph')
    """
    return _NAMES.get(name, name)
