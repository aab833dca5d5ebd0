"""Finished cells of a study, a line of JSON each, so that an interrupted one goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

C = TypeVar("C")


def read_lines(path: Path, kind: type[C]) -> Iterator[C]:
    """The cells in a file, none where there is none; a line that was cut off is left out."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            yield kind(**json.loads(line))
        except (ValueError, TypeError):
            continue
