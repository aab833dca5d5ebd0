"""What the processes of a run do that do not lead it: they train along, and write nothing."""

from __future__ import annotations

import torch

from graphdam.data import AnyData
from graphdam.errors import SettingsError
from graphdam.report import RunRecord
from graphdam.training.compute import threads_for
from graphdam.training.settings import Settings
from graphdam.training.task_of import task_of
from graphdam.training.team import Team
from graphdam.training.trainer import Trainer, seeded


def follow(settings: Settings, data: AnyData, device: torch.device, team: Team) -> RunRecord:
    """Train every seed that the leader trains, and return the record that it makes."""
    require_shareable(settings, data, device, team)
    with threads_for(settings, data), seeded(0, device):
        task = task_of(settings, data)
        for seed in settings.seeds:
            (is_done,) = team.agreed(0.0)
            if is_done:
                continue
            at_split = task.at_split(seed)
            with seeded(seed, device):
                model = at_split.build()
                objective = at_split.build_objective(model, seed=seed)
            Trainer(settings).fit(model, at_split.data, objective, seed=seed)
    return RunRecord.model_validate_json(team.shared(b""))


def require_shareable(settings: Settings, data: AnyData, device: torch.device, team: Team) -> None:
    """Refuse several processes where they have nothing to share.

    Raises:
        SettingsError: steps that read a graph whole, images, another system than gates, or a GPU.
    """
    if team.size == 1:
        return
    if not task_of(settings, data).comes_in_batches:
        raise SettingsError(
            f"{team.size} processes share the seed nodes of batches, and this run has none: give "
            f"batch_size (of a graph, for node-classification), or start one process."
        )
    if settings.system is not None:
        raise SettingsError(
            f"method '{settings.system}' decides by its own looks at validation, which "
            f"{team.size} processes may round differently: start one process."
        )
    if device.type != "cpu":
        raise SettingsError(
            f"{team.size} processes train together on CPUs, and device='{device}' is none: give "
            f"--device cpu, or start one process."
        )
