"""What a killed run has left so far, and what must be the same in the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphdam.report import read_history


def num_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def content(out: Path) -> tuple[dict[str, Any], bytes, list[Any]]:
    result = json.loads((out / "result.json").read_text())
    for passing in ("created", "command", "seconds", "latency"):
        del result[passing]
    lines = [line.model_copy(update={"seconds": 0.0}) for line in read_history(out)]
    return result, (out / "model" / "model.safetensors").read_bytes(), lines
