"""Settings under which somebody's own model is narrowed, and which of them say nothing of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import nn

from graphdam.compaction import GatedModel
from graphdam.compaction.tracing.tracer import sentence
from graphdam.data import Graph, GraphSet, Images, is_image_set
from graphdam.errors import SettingsError
from graphdam.training.own_loaders import hops
from graphdam.training.own_task import OwnTask
from graphdam.training.settings import Settings
from graphdam.training.trainer import seeded

AnyOwn: TypeAlias = Graph | GraphSet | Images
"""What a model of one's own can be narrowed on."""


def defaults_for(data: AnyOwn) -> Settings:
    """The default recipe, of what the data is about."""
    if isinstance(data, Graph):
        return Settings.of(feature_dropout=0.0)
    if isinstance(data, GraphSet):
        return Settings.of(objective=_objective_of(data))
    if not is_image_set(data.name):
        raise SettingsError(
            f"'{data.name}' is no set of images with settings of its own: give settings, as "
            f"Settings.of(dataset='cifar10')."
        )
    return Settings.of(dataset=data.name)


def _objective_of(graphs: GraphSet) -> str:
    return "graph-regression" if graphs.task == "regression" else "graph-classification"


def require_fitting(settings: Settings, data: AnyOwn) -> None:
    """Settings with gates, of what the data is about."""
    if isinstance(data, Graph):
        needed, of = "node-classification", "Settings.of('default')"
    elif isinstance(data, GraphSet):
        needed = _objective_of(data)
        of = f"Settings.of(objective='{needed}')"
    else:
        needed, of = "image-classification", "Settings.of(dataset='mnist')"
    if settings.objective != needed:
        raise SettingsError(
            f"A model of your own learns {needed} here; received objective="
            f"'{settings.objective}' and dataset='{settings.dataset}': take settings as {of}."
        )
    if settings.teacher_from is not None:
        raise SettingsError(
            f"teacher_from='{settings.teacher_from}' names a model of graphdam's: give your own as "
            f"teacher=…, and train_teacher=False where it is trained already."
        )
    if settings.gate is None or settings.nested:
        raise SettingsError(
            "A model of your own is narrowed by gates, and these settings know none, or nested "
            "losses: take recipe 'default', 'paper', 'l1' or 'l0'."
        )
    if not isinstance(data, Graph):
        return
    if data.links is not None:
        raise SettingsError(f"{data.name} has links to predict, and no labels to be learnt.")
    if settings.memory_budget is not None:
        raise SettingsError(
            f"memory_budget={settings.memory_budget:g} is for models whose memory can be told "
            f"beforehand: for your own give batch_size, or neither to read the whole graph in "
            f"every step."
        )
    if settings.loader == "saint":
        raise SettingsError(
            "loader='saint' weighs what neighbours send, and a model of your own need not take "
            "weights: take loader='neighbor' or 'cluster'."
        )


def require_as_deep(settings: Settings, net: nn.Module, teacher: nn.Module) -> None:
    """A sample holds as many hops as the model reads, and its teacher reads the same sample."""
    if settings.loader == "cluster":
        return
    drawn, needed = hops(settings, net), hops(settings, teacher)
    if len(needed) > len(drawn):
        raise SettingsError(
            f"The teacher reads neighbours {len(needed)} hops away, and a batch is drawn for the "
            f"{len(drawn)} of the model: take loader='cluster', or a teacher of as many layers."
        )


def with_trained_teacher(settings: Settings, teacher: nn.Module | None) -> Settings:
    """Settings under which the teacher takes no step."""
    if teacher is None and not settings.teacher:
        raise SettingsError(
            f"train_teacher=False is for a teacher that is trained already, and recipe "
            f"'{settings.recipe}' has none: give teacher=…, or take recipe 'default'."
        )
    return settings.model_copy(update={"teacher_end": 0.0})


def with_targets(
    settings: Settings, gated: GatedModel, target_widths: Mapping[str, int]
) -> Settings:
    """Settings that end at these widths, and leave other groups of channels whole."""
    whole = {group.name: group.num_channels for group in gated.groups}
    for name, width in target_widths.items():
        if name not in whole or not 1 <= width <= whole[name]:
            known = ", ".join(f"'{group}' of {count}" for group, count in whole.items())
            raise SettingsError(
                f"target_widths asks for {width} channels of '{name}': a width is at least 1 and "
                f"at most what there is, and the groups of channels are {known}."
            )
    return settings.model_copy(update={"target_width": [*(whole | {**target_widths}).values()]})


def stirred(task: OwnTask[Any]) -> Settings:
    """Settings that say whether training disturbs the model, by its dropout or its norms."""
    trial = copy.deepcopy(task.net)
    given, further = task.example()
    try:
        with torch.no_grad(), seeded(0, next(trial.parameters()).device):
            quiet, noisy = (trial.train(mode)(*given, **further) for mode in (False, True))
    except Exception as error:
        hint = "Give its forward these arguments first."
        looks_up = any(isinstance(module, nn.Embedding) for module in trial.modules())
        if looks_up and isinstance(task.data, GraphSet) and task.data.x.is_floating_point():
            hint = "An Embedding reads whole numbers: GraphSet.of(…, categorical=True) keeps them."
        raise SettingsError(
            f"{type(trial).__name__} could not be called as {task.called} on {task.name}: "
            f"{sentence(error)} {hint}"
        ) from error
    rows, columns = task.example_shape
    if quiet.shape != (rows, columns):
        raise SettingsError(
            f"The model writes {list(quiet.shape)} numbers for {rows} {task.item}s, and "
            f"[{rows}, {columns}] are needed: a row for each {task.item}, a column for each class "
            f"or target."
        )
    dropout = 0.0 if torch.equal(quiet, noisy) else 0.5
    return task.settings.model_copy(update={"dropout": dropout})
