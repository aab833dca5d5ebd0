"""An encoder on disk: its configuration as JSON, its parameters as safetensors, nothing pickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from graphdam._version import __version__
from graphdam.errors import ModelFileError, SettingsError
from graphdam.files import write_atomically
from graphdam.nn.stack import ConvStack

StackType = TypeVar("StackType", bound=ConvStack)

FORMAT = 1
"""Raised when yesterday's graphdam could not read a file of today."""

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_encoder(encoder: ConvStack, folder: str | os.PathLike[str]) -> None:
    """Write both files, weights first: a folder without `config.json` is not a model yet.

    Raises:
        ModelFileError: the configuration holds something that JSON cannot, such as a callable.
    """
    description = {
        "format": FORMAT,
        "graphdam_version": __version__,
        "class": type(encoder).__name__,
        "widths": encoder.widths,
        "config": encoder.config,
    }
    try:
        text = json.dumps(description, indent=1) + "\n"
    except TypeError:
        unnamed = [key for key, value in encoder.config.items() if not _is_plain(value)]
        raise ModelFileError(
            f"A saved model names its parts, but {', '.join(unnamed)} is given as an object: pass "
            f"it by name ('elu', 'batch_norm') with its arguments in act_kwargs or norm_kwargs."
        ) from None
    # Clones: layers may share parameters, and safetensors stores every name with its own.
    state = {name: value.clone().contiguous() for name, value in encoder.state_dict().items()}
    write_atomically(Path(folder) / WEIGHTS, save(state))
    write_atomically(Path(folder) / CONFIG, text)


def load_encoder(
    cls: type[StackType], source: str | os.PathLike[str], *, known: Mapping[str, type[ConvStack]]
) -> StackType:
    """The encoder in a folder, or in a model repository of the Hugging Face hub.

    Args:
        cls: what is asked for; a subclass of it will do.
        source: the folder, or the hub's id.
        known: the classes that a file may name.

    Raises:
        ModelFileError: nothing there, corrupted, another class or version, other shapes.
    """
    folder = _local_folder(source)
    description = _read_config(folder / CONFIG)
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
    try:
        state = load_file(folder / WEIGHTS)
        dtypes = {value.dtype for value in state.values() if value.is_floating_point()}
        if len(dtypes) == 1:
            encoder.to(dtype=dtypes.pop())
        encoder.load_state_dict(state)
    except FileNotFoundError:
        raise ModelFileError(
            f"{folder} has a {CONFIG} but no {WEIGHTS}: a model needs both; copy the whole folder."
        ) from None
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{folder / WEIGHTS} is corrupted or truncated ({error}): copy or save it again."
        ) from error
    except RuntimeError as error:
        raise ModelFileError(
            f"{folder / WEIGHTS} does not fit {folder / CONFIG}: {_first_mismatch(error)}. The two "
            f"files must come from one save_pretrained call."
        ) from error
    return encoder.eval()


def _read_config(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_text())
    except FileNotFoundError:
        raise ModelFileError(
            f"No model in {path.parent}: {CONFIG} is missing. A run folder keeps its model in "
            f"'model/'."
        ) from None
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"{path} is not readable JSON ({error}): copy or save the model again."
        ) from error
    keys = {"format", "class", "config"}
    if not isinstance(description, Mapping) or not keys <= set(description):
        raise ModelFileError(
            f"{path} is not the configuration of a graphdam model: it needs the keys "
            f"{', '.join(sorted(keys))}."
        )
    if description["format"] != FORMAT:
        raise ModelFileError(
            f"{path} has format {description['format']!r}, written by graphdam "
            f"{description.get('graphdam_version', 'of an unknown version')}; this graphdam "
            f"({__version__}) reads format {FORMAT}: use the version that wrote it."
        )
    return dict(description)


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


def _first_mismatch(error: RuntimeError) -> str:
    lines = [line.strip().rstrip(".") for line in str(error).splitlines()[1:]]
    return lines[0] if lines else str(error)
