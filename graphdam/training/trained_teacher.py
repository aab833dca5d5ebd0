"""Teachers that were trained before the run, of which they are a setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from graphdam.errors import RunFolderError, SettingsError
from graphdam.nn import IGMC, Encoder, ImageModel
from graphdam.report import read_record
from graphdam.training.model import SavedModel
from graphdam.training.run_folder import SETTINGS_FILE, RunFolder
from graphdam.training.settings import Settings
from graphdam.training.task import Task
from graphdam.training.task_of import load_model


def build_teacher(task: Task[Any, Any], *, seed: int) -> nn.Module:
    """The teacher that the settings ask for: a fresh wide model, or one that was trained before.

    Raises:
        SettingsError: it is to have been trained and is not there, it does not read and write
            what its student does, or it has learnt from what this seed is tested on.
        RunFolderError: the run that is named has not finished.
        ModelFileError: no model is there, or it cannot be read.
    """
    settings = task.settings
    if settings.teacher_from is not None:
        return _trained(task, Path(settings.teacher_from), seed=seed)
    if settings.teacher_was_trained:
        raise SettingsError(
            "teacher_end=0 is for a teacher that was trained before, and none was named: give "
            "teacher_from (--teacher RUN), or leave teacher_end out."
        )
    wide: nn.Module = task.build_wide()
    return wide


def _trained(task: Task[Any, Any], path: Path, *, seed: int) -> SavedModel:
    settings = task.settings
    if not path.exists():
        raise SettingsError(
            f"There is nothing at {path}, which is to be the teacher: name a finished run, or the "
            f"folder of a saved model."
        )
    if (path / SETTINGS_FILE).exists():
        model = _of_run(task, path, seed=seed)
    else:
        model = load_model(settings, path)
    wide = task.build_wide()
    if _interface(model, settings) != _interface(wide, settings):
        raise SettingsError(
            f"{path} holds {model}, and a teacher here reads and writes what {wide} does: name a "
            f"run of that model on this data."
        )
    draws = settings.loader == "neighbor" and task.comes_in_batches
    if draws and isinstance(model, Encoder) and model.num_layers != settings.num_layers:
        raise SettingsError(
            f"{path} holds {model}, and batches are drawn for {settings.num_layers} layers: give "
            f"num_layers={model.num_layers}, or --loader cluster."
        )
    return model


def _of_run(task: Task[Any, Any], path: Path, *, seed: int) -> SavedModel:
    """The model of a finished run that has not learnt from what this seed is tested on."""
    ours, folder = task.settings, RunFolder.open(path)
    theirs = folder.settings()
    if not folder.is_finished:
        raise RunFolderError(
            f"{path} is a run that has not finished, and has no model to be a teacher: end it with "
            f"graphdam train --resume --out {path}."
        )
    if theirs.objective != ours.objective:
        raise SettingsError(
            f"{path} learnt objective='{theirs.objective}', and its student would learn "
            f"'{ours.objective}': name a run with that objective."
        )
    record = read_record(path)
    learnt_from = record.model_seed
    is_same = record.split == task.split_name and task.same_split(seed, learnt_from)
    if record.dataset == task.name and not is_same:
        raise SettingsError(
            f"The model of {path} learnt from split '{record.split}' of seed {learnt_from}, which "
            f"may hold what split '{task.split_name}' of seed {seed} is tested on: take --seed "
            f"{learnt_from} --split {record.split}, or a teacher of seed {seed}."
        )
    return load_model(theirs, folder.model)


def _interface(model: nn.Module, settings: Settings) -> tuple[Any, ...]:
    """What a model reads and, unless that is an embedding, writes."""
    if isinstance(model, Encoder):
        written = None if settings.learns_embedding else model.out_channels
        return model.adjacency_kind, model.in_channels, written
    if isinstance(model, ImageModel):
        return model.shape, model.arguments.get("out_channels")
    assert isinstance(model, IGMC)
    return (model.config["num_levels"],)
