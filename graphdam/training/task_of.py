"""Data in, the task of a run on it out; and the model that such a run leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from graphdam.compaction import GatedModel
from graphdam.data import AnyData, Graph, Images, Ratings
from graphdam.data.registry import DataKind
from graphdam.nn import IGMC, Encoder, ImageModel
from graphdam.training.autoencoder_task import AutoencoderTask
from graphdam.training.graph_task import GraphTask
from graphdam.training.image_task import ImageTask
from graphdam.training.model import SavedModel
from graphdam.training.own_task import OwnTask
from graphdam.training.rating_task import RatingTask
from graphdam.training.settings import Settings
from graphdam.training.task import Task


def task_of(settings: Settings, data: AnyData, model: nn.Module | None = None) -> Task[Any, Any]:
    """What a run under these settings does with this data.

    Args:
        settings: see `Settings`.
        data: what it is about.
        model: what is to be trained, if that is there: somebody's own is a task of its own.
    """
    if isinstance(model, GatedModel):
        assert isinstance(data, Graph), "attach_gates has the Trainer for graphs alone"
        return OwnTask.around(settings, data, model)
    if isinstance(data, Graph):
        return GraphTask(settings, data)
    if isinstance(data, Ratings):
        return RatingTask(settings, data)
    if settings.reconstructs:
        return AutoencoderTask(settings, data)
    assert isinstance(data, Images)
    return ImageTask(settings, data)


def load_model(settings: Settings, folder: Path) -> SavedModel:
    """The compact model that a task saved.

    Raises:
        ModelFileError: nothing there, corrupted, or another model or version.
    """
    classes: dict[DataKind, type[SavedModel]] = {
        "images": ImageModel,
        "points": ImageModel,
        "ratings": IGMC,
    }
    return classes.get(settings.kind, Encoder).from_pretrained(folder)
