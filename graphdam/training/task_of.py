"""Data in, the task of a run on it out; and the model that such a run leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphdam.data import AnyData, Graph, Images, Ratings
from graphdam.data.registry import DataKind
from graphdam.nn import IGMC, Encoder, ImageModel
from graphdam.training.autoencoder_task import AutoencoderTask
from graphdam.training.graph_task import GraphTask
from graphdam.training.image_task import ImageTask
from graphdam.training.model import Model
from graphdam.training.rating_task import RatingTask
from graphdam.training.settings import Settings
from graphdam.training.task import Task


def task_of(settings: Settings, data: AnyData) -> Task[Any, Any]:
    """What a run under these settings does with this data."""
    if isinstance(data, Graph):
        return GraphTask(settings, data)
    if isinstance(data, Ratings):
        return RatingTask(settings, data)
    if settings.reconstructs:
        return AutoencoderTask(settings, data)
    assert isinstance(data, Images)
    return ImageTask(settings, data)


def load_model(settings: Settings, folder: Path) -> Model:
    """The compact model that a task saved.

    Raises:
        ModelFileError: nothing there, corrupted, or another model or version.
    """
    classes: dict[DataKind, type[Model]] = {
        "images": ImageModel,
        "points": ImageModel,
        "ratings": IGMC,
    }
    return classes.get(settings.kind, Encoder).from_pretrained(folder)
