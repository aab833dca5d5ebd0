"""What rates without a graph and without layers, scored and recorded as models are."""

from __future__ import annotations

import platform
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import torch

from graphdam._version import __version__
from graphdam.baselines import RATING_RIVALS
from graphdam.data import load_ratings
from graphdam.objectives import PreparedRatings, RatingPrediction
from graphdam.report import RunRecord, Scores
from graphdam.training import Settings

SELECTION = "What there is to choose is chosen on validation; test read once."


def rate_by(
    rival: str, settings: Settings, *, data_root: Path | None = None, command: str
) -> RunRecord:
    """The record of a rival under one seed.

    Args:
        rival: its name in `graphdam.baselines.RATING_RIVALS`.
        settings: the ratings, their split and the seed.
        data_root: where named data sets lie.
        command: what the record names as its origin.

    Raises:
        GraphDamError: the ratings cannot be loaded, or a library is not installed.
    """
    ratings = load_ratings(settings.dataset, split=settings.split, data_root=data_root)
    (seed,) = settings.seeds
    begun = time.perf_counter()
    guess = RATING_RIVALS[rival](ratings, torch.cat([ratings.val, ratings.test]), seed=seed)
    seconds = time.perf_counter() - begun
    objective = RatingPrediction(mean=ratings.mean, adjacent_rating_weight=0.0)
    val, test = objective.results(guess.values, PreparedRatings.of(ratings).scored)
    metric = objective.metric
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    if rival == "factorisation":
        versions["scikit-surprise"] = version("scikit-surprise")
    return RunRecord.model_validate(
        {
            "graphdam_version": __version__,
            "command": command,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "dataset": ratings.name,
            "split": ratings.split_name,
            "model": rival,
            "objective": settings.objective,
            "recipe": "rival",
            "gate": None,
            "seeds": [seed],
            "selection": SELECTION,
            "val": Scores.of(metric, [val[metric]]),
            "test": Scores.of(metric, [test.pop(metric)]),
            "wide": None,
            "start_widths": [],
            "widths": [[]],
            "further": {name: Scores.of(name, [score]) for name, score in test.items()},
            "parameters": [guess.parameters],
            "multiply_adds": [guess.multiply_adds],
            "latency": None,
            "deviation": 0.0,
            "seconds": [seconds],
            "model_seed": seed,
            "device": "cpu",
            "threads": 1,
            "versions": versions,
            "notes": [f"seed {seed}: {guess.about}"] if guess.about else [],
        }
    )
