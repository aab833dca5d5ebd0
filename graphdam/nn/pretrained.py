"""An encoder, or IGMC, on disk: its configuration as JSON, its parameters as safetensors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import nn

from graphdam.compaction.model_folder import (
    WEIGHTS,
    described,
    first_mismatch,
    read_description,
    read_weights,
    write_model,
)
from graphdam.errors import ModelFileError, SettingsError

ModelType = TypeVar("ModelType", bound=nn.Module)

CONFIG = "config.json"


class Configured(Protocol):
    """A model that can be built again from what it was built with."""

    config: dict[str, Any]

    @property
    def widths(self) -> list[int]: ...

    def state_dict(self) -> dict[str, Any]: ...


def save_encoder(encoder: Configured, folder: str | os.PathLike[str]) -> None:
    """Write `config.json` and the weights, each whole or not at all.

    Raises:
        ModelFileError: the configuration holds something that JSON cannot, such as a callable.
    """
    description = {
        "class": type(encoder).__name__,
        "widths": encoder.widths,
        "config": encoder.config,
    }
    try:
        text = described(**description)
    except TypeError:
        unnamed = [key for key, value in encoder.config.items() if not _is_plain(value)]
        raise ModelFileError(
            f"A saved model names its parts, but {', '.join(unnamed)} is given as an object: pass "
            f"it by name ('elu', 'batch_norm') with its arguments in act_kwargs or norm_kwargs."
        ) from None
    write_model(Path(folder) / CONFIG, text, encoder.state_dict())


def load_encoder(
    cls: type[ModelType], source: str | os.PathLike[str], *, known: Mapping[str, type[nn.Module]]
) -> ModelType:
    """The encoder in a folder, or in a model repository of the Hugging Face hub.

    Args:
        cls: what is asked for; a subclass of it will do.
        source: the folder, or the hub's id.
        known: the classes that a file may name.

    Raises:
        ModelFileError: nothing there, corrupted, another class or version, other shapes.
    """
    folder = _local_folder(source)
    description = read_description(
        folder / CONFIG,
        keys=("class", "config"),
        kind="graphdam model",
        missing=f"No model in {folder}: {CONFIG} is missing. A run folder keeps its model in "
        f"'model/'.",
    )
    name = description["class"]
    kind = known.get(str(name))
    if kind is None or not issubclass(kind, cls):
        if kind is None:
            raise ModelFileError(
                f"{folder / CONFIG} holds a {name}, which this graphdam does not know; it knows "
                f"{', '.join(sorted(known))}."
            )
        raise ModelFileError(
            f"{folder / CONFIG} holds a {name}, and {cls.__name__} was asked for: load it with "
            f"graphdam.{name}.from_pretrained."
        )
    try:
        encoder = kind(**description["config"])
    except (SettingsError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{folder / CONFIG} does not describe a {name}: {error} Save the model again."
        ) from error
    state = read_weights(folder / CONFIG)
    dtypes = {
        value.dtype
        for name, value in state.items()
        if value.is_floating_point()
        and not name.startswith("gates.")  # of a precision of their own
    }
    if len(dtypes) == 1:
        encoder.to(dtype=dtypes.pop())
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise ModelFileError(
            f"{folder / WEIGHTS} does not fit {folder / CONFIG}: {first_mismatch(error)}. The two "
            f"files must come from one save_pretrained call."
        ) from error
    return encoder.eval()


def _local_folder(source: str | os.PathLike[str]) -> Path:
    folder = Path(source)
    if folder.exists() or str(source).count("/") != 1 or str(source).startswith((".", "/")):
        return folder
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise ModelFileError(
            f"'{source}' is no folder here; to load it from the Hugging Face hub, install "
            f"graphdam[hub]."
        ) from None
    try:
        return Path(snapshot_download(str(source), allow_patterns=[CONFIG, WEIGHTS]))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ModelFileError(
            f"'{source}' is no folder here and could not be had from the Hugging Face hub: {error}"
        ) from error


def _is_plain(value: object) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
