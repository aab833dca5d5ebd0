"""The scores of OGB's leaderboards, by OGB's own evaluators."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

from torch import Tensor

_VERSION_CHECK = "outdated"
_LEFT_BY_THE_CHECK = "OUTDATED_IGNORE"


def import_ogb(module: str) -> Any:
    """A module of `ogb`, whose first import would ask PyPI whether there is a newer version.

    It asks from a thread, for which the interpreter waits when it ends. Where the package that asks
    cannot be imported, `ogb` does without, and so it finds things here while it is imported.
    """
    if "ogb" not in sys.modules:
        with _no_version_check():
            import_module("ogb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(module)


def evaluator_name(name: str) -> str:
    """How a record names the evaluator of a set."""
    return f"ogb {version('ogb')}, Evaluator('{name}')"


def ogb_score(name: str, outputs: Tensor, y: Tensor) -> float:
    """The score of some nodes of a set as OGB reports it: accuracy, or ROC-AUC, in [0, 1].

    Args:
        name: the set, such as `ogbn-arxiv`.
        outputs: a row a node: scores of its classes, or of its yes-or-no tasks.
        y: classes [N], or 0 and 1 [N, T].

    >>> import torch
    >>> ogb_score("ogbn-arxiv", torch.eye(3), torch.tensor([0, 1, 0])) == 2 / 3
    True
    """
    evaluator = _evaluator(name)
    if y.dim() == 1:
        outputs, y = outputs.argmax(dim=-1, keepdim=True), y.unsqueeze(1)
    scores = evaluator.eval({"y_true": y, "y_pred": outputs})
    return float(scores[evaluator.eval_metric])


def hits_at(name: str) -> int:
    """K of a set of links that is scored by the share of links above the K highest other pairs.

    >>> hits_at("ogbl-collab")
    50
    """
    return int(_evaluator(name).K)


def ogb_link_score(name: str, positive: Tensor, negative: Tensor) -> float:
    """The score of held-out pairs of a set as OGB reports it: Hits@K, in [0, 1].

    The share of the links whose score is above that of the K-th highest pair without a link.

    Args:
        name: the set, such as `ogbl-collab`.
        positive: scores of linked pairs [E].
        negative: scores of pairs that are not linked [E']; fewer than K make the score 1.

    >>> import torch
    >>> ogb_link_score("ogbl-collab", torch.tensor([49.0, 50.0, 51.0]), torch.arange(100.0))
    0.3333333333333333
    """
    evaluator = _evaluator(name)
    scores = evaluator.eval({"y_pred_pos": positive, "y_pred_neg": negative})
    return float(scores[evaluator.eval_metric])


@cache
def _evaluator(name: str) -> Any:
    module = "ogb.linkproppred" if name.startswith("ogbl-") else "ogb.nodeproppred"
    return import_ogb(module).Evaluator(name)


@contextmanager
def _no_version_check() -> Iterator[None]:
    modules: dict[str, Any] = sys.modules
    known = modules.get(_VERSION_CHECK)
    variable = os.environ.get(_LEFT_BY_THE_CHECK)
    modules[_VERSION_CHECK] = None
    try:
        yield
    finally:
        del modules[_VERSION_CHECK]
        if known is not None:
            modules[_VERSION_CHECK] = known
        os.environ.pop(_LEFT_BY_THE_CHECK, None)
        if variable is not None:
            os.environ[_LEFT_BY_THE_CHECK] = variable
