"""A training state on disk: one safetensors file, replaced whole, nothing pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from graphdam._version import __version__
from graphdam.errors import TrainingError
from graphdam.files import write_atomically

FORMAT = "1"


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors, and the plain values that go with them."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below a prefix, by the rest of their names."""
        start = prefix + "/"
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at `path`; a kill or a full disk leaves the previous one whole."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in checkpoint.tensors.items()
    }
    header = {
        "format": FORMAT,
        "graphdam_version": __version__,
        "values": json.dumps(checkpoint.values),
    }
    write_atomically(path, save(tensors, metadata=header))


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`.

    Raises:
        TrainingError: it is corrupted, or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise TrainingError(
            f"The checkpoint {path} cannot be read ({error}): start again with --overwrite."
        ) from error
    if header.get("format") != FORMAT:
        raise TrainingError(
            f"The checkpoint {path} has format {header.get('format')!r} (graphdam "
            f"{header.get('graphdam_version')}), this graphdam reads {FORMAT!r}: resume with the "
            f"version that began the run, or start again with --overwrite."
        )
    return Checkpoint(tensors, json.loads(header["values"]))


def module_tensors(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """A module's parameters and buffers by their names below `prefix`."""
    return {f"{prefix}/{name}": value for name, value in module.state_dict().items()}


def optimiser_tensors(prefix: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state by the number of each parameter; its options come from the settings."""
    return {
        f"{prefix}/{index}/{name}": value
        for index, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimiser_tensors`, given what stood below its prefix."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict(
        {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
    )
    for parameter, values in optimiser.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:  # fused steps go through memory side by side
                values[name] = torch.empty_like(parameter).copy_(value)
