"""A model on disk: what it is as JSON, its parameters as safetensors, nothing pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from graphdam._version import __version__
from graphdam.errors import ModelFileError
from graphdam.files import write_atomically

FORMAT = 1
"""Raised when yesterday's graphdam could not read a file of today."""

WEIGHTS = "model.safetensors"


def write_model(description_file: Path, text: str, state: Mapping[str, Tensor]) -> None:
    """Write both files, weights first: a folder without a description is not a model yet."""
    # Clones: layers may share parameters, and safetensors stores every name with its own.
    weights = {name: value.clone().contiguous() for name, value in state.items()}
    write_atomically(description_file.parent / WEIGHTS, save(weights))
    write_atomically(description_file, text)


def described(**content: Any) -> str:
    """The text of a description with the format and the version that wrote it.

    Raises:
        TypeError: some of it is not what JSON can hold.
    """
    return (
        json.dumps({"format": FORMAT, "graphdam_version": __version__, **content}, indent=1) + "\n"
    )


def read_description(path: Path, *, keys: Sequence[str], kind: str, missing: str) -> dict[str, Any]:
    """What a description says.

    Args:
        path: the JSON file.
        keys: what it must hold beside its format.
        kind: what it describes, for the message.
        missing: what to say where there is none.

    Raises:
        ModelFileError: it is missing, unreadable, no description, or of another format.
    """
    try:
        description = json.loads(path.read_text())
    except FileNotFoundError:
        raise ModelFileError(missing) from None
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"{path} is not readable JSON ({error}): copy or save the model again."
        ) from error
    needed = {"format", *keys}
    if not isinstance(description, dict) or not needed <= set(description):
        raise ModelFileError(
            f"{path} does not describe a {kind}: it needs the keys {', '.join(sorted(needed))}."
        )
    if description["format"] != FORMAT:
        raise ModelFileError(
            f"{path} has format {description['format']!r}, written by graphdam "
            f"{description.get('graphdam_version', 'of an unknown version')}; this graphdam "
            f"({__version__}) reads format {FORMAT}: use the version that wrote it."
        )
    return description


def read_weights(description_file: Path) -> dict[str, Tensor]:
    """The parameters that lie beside a description.

    Raises:
        ModelFileError: they are missing, corrupted or cut off.
    """
    folder = description_file.parent
    try:
        return load_file(folder / WEIGHTS)
    except FileNotFoundError:
        raise ModelFileError(
            f"{folder} has a {description_file.name} but no {WEIGHTS}: a model needs both; copy "
            f"the whole folder."
        ) from None
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{folder / WEIGHTS} is corrupted or truncated ({error}): copy or save it again."
        ) from error


def first_mismatch(error: RuntimeError) -> str:
    """The first of what `load_state_dict` complains about."""
    lines = [line.strip().rstrip(".") for line in str(error).splitlines()[1:]]
    return lines[0] if lines else str(error)
