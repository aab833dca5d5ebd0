"""Values that options are given as text."""

from __future__ import annotations

import json
from typing import Any

from graphdam.errors import SettingsError


def numbers(option: str, text: str | None, example: str) -> tuple[int, ...] | None:
    """What an option says that takes a number, or one a layer."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        one = example.split(",")[0]
        raise SettingsError(
            f"{option} takes one number or one a layer, as in {one} or {example}; received "
            f"'{text}'."
        ) from None


def assignments(texts: list[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value is read as JSON where it is JSON, else as text."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"--set takes NAME=VALUE, as in --set lr=0.02; received '{text}'.")
        try:
            values[name.strip()] = json.loads(value)
        except ValueError:
            values[name.strip()] = None if value in ("None", "none") else value
    if "recipe" in values:
        raise SettingsError("A recipe is not set by --set: name it with --recipe.")
    return values
