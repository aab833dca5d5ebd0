"""Data in, the task of a run on it out; and the model that such a run leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphdam.compaction import GatedModel
from graphdam.data import Graph, GraphSet, Images, Ratings, TrainingData
from graphdam.data.registry import DataKind
from graphdam.nn import IGMC, Encoder, ImageModel
from graphdam.training.autoencoder_task import AutoencoderTask
from graphdam.training.graph_task import GraphTask
from graphdam.training.image_task import ImageTask
from graphdam.training.model import SavedModel
from graphdam.training.own_set_task import OwnGraphSetTask, OwnImageTask
from graphdam.training.own_task import OwnGraphTask, OwnTask
from graphdam.training.rating_task import RatingTask
from graphdam.training.settings import Settings
from graphdam.training.task import Task


def task_of(
    settings: Settings, data: TrainingData, model: nn.Module | None = None
) -> Task[Any, Any]:
    """What a run under these settings does with this data.

    Args:
        settings: see `Settings`.
        data: what it is about.
        model: what is to be trained, if that is there: somebody's own is a task of its own.
    """
    if isinstance(model, GatedModel):
        every = {group.name: torch.arange(group.num_channels) for group in model.groups}
        return own_task(settings, data, model.compact(keep=every))
    assert not isinstance(data, GraphSet), "sets of graphs are for models of attach_gates"
    if isinstance(data, Graph):
        return GraphTask(settings, data)
    if isinstance(data, Ratings):
        return RatingTask(settings, data)
    if settings.reconstructs:
        return AutoencoderTask(settings, data)
    assert isinstance(data, Images)
    return ImageTask(settings, data)


def own_task(settings: Settings, data: TrainingData, net: nn.Module) -> OwnTask[Any]:
    """What a run does with somebody's own model, as it was before it had gates."""
    if isinstance(data, Graph):
        return OwnGraphTask(settings, data, net)
    if isinstance(data, GraphSet):
        return OwnGraphSetTask(settings, data, net)
    assert isinstance(data, Images), "models of one's own learn classes, of nodes, graphs or images"
    return OwnImageTask(settings, data, net)


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
