"""From a run between two epochs to its checkpoint, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from graphdam.errors import TrainingError
from graphdam.training.checkpoint import Checkpoint, module_tensors
from graphdam.training.settings import Settings
from graphdam.training.state import TrainingState


def checkpoint_of(state: TrainingState) -> Checkpoint:
    """Everything that the rest of the run depends on."""
    learners = state.learners()
    tensors = {"random": torch.get_rng_state()}
    for name, objective in state.objectives().items():
        tensors.update(module_tensors(name, objective))
    device = state.student.device
    if device.type == "cuda":
        tensors["random_cuda"] = torch.cuda.get_rng_state(device)
    for name, learner in learners.items():
        tensors.update(learner.tensors(name))
    chosen = {
        name: None if learner.chosen is None else asdict(learner.chosen)
        for name, learner in learners.items()
    }
    values = {
        "seed": state.seed,
        "epoch": state.epoch,
        "seconds": state.seconds,
        "chosen": chosen,
        "systems": {name: learner.system.values() for name, learner in learners.items()},
        "control": state.control.values(),
        "settings": _identity(state.settings),
    }
    return Checkpoint(tensors, values)


def restore(state: TrainingState, checkpoint: Checkpoint) -> None:
    """Make a state go on where a checkpoint was written.

    Raises:
        TrainingError: it belongs to another run.
    """
    values = checkpoint.values
    # one of an older version lacks what is new since
    began_with = {**_identity(Settings.of()), **values["settings"]}
    if began_with != _identity(state.settings) or values["seed"] != state.seed:
        raise TrainingError(
            f"The checkpoint is of seed {values['seed']} under other settings: resume with the "
            f"settings of the run, or start again with --overwrite."
        )
    for name, learner in state.learners().items():
        learner.restore(name, checkpoint)
    for name, objective in state.objectives().items():
        objective.load_state_dict(checkpoint.part(name))
    state.control.restore(values["control"])
    state.epoch, state.seconds = values["epoch"], values["seconds"]
    torch.set_rng_state(checkpoint.tensors["random"])
    device = state.student.device
    if "random_cuda" in checkpoint.tensors and device.type == "cuda":
        torch.cuda.set_rng_state(checkpoint.tensors["random_cuda"], device)


def _identity(settings: Settings) -> dict[str, Any]:
    """The settings that a seed's result depends on."""
    return settings.model_dump(mode="json", exclude={"seeds", "device", "threads"})
