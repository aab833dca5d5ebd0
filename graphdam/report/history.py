"""How one run went: the lines of `history.jsonl`, one an epoch and seed."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError, model_validator

from graphdam.errors import RunFolderError
from graphdam.report._refusal import first_fault
from graphdam.report.scores import Count, Fraction, Frozen, NonNegative

HISTORY_FILE = "history.jsonl"


class HistoryLine(Frozen):
    """One epoch of one seed.

    `train`, `val` and `teacher_val` are scores as fractions, or errors (`teacher_val` is `None`
    without a teacher); `widths`, `offsets` and `gate_values` have an entry a gate. `gate_values`
    holds the soft value of every channel and is there only on some epochs, to keep the file small.
    `sparsity` is the share of weights that are masked, where a system masks any.
    `seconds` counts from the seed's start.
    """

    seed: Count
    epoch: Count
    loss: float
    train: NonNegative
    val: NonNegative
    teacher_val: NonNegative | None
    penalty: float
    widths: list[Count]
    offsets: list[float]
    steepness: float
    sparsity: Fraction | None = None
    gate_values: list[list[float]] | None = None
    seconds: NonNegative

    @model_validator(mode="after")
    def _one_entry_a_gate(self) -> HistoryLine:
        if self.gate_values is not None and len(self.gate_values) != len(self.widths):
            raise ValueError(
                f"gate_values are of {len(self.gate_values)} gates, widths of {len(self.widths)}"
            )
        return self


def read_history(path: str | Path) -> list[HistoryLine]:
    """The lines of a `history.jsonl` (or of the run folder that holds it), in their order.

    A run that was stopped may have left half a last line: that one is ignored.
    """
    file = Path(path)
    if file.is_dir():
        file = file / HISTORY_FILE
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunFolderError(
            f"The history {file} cannot be read ({error}): a run folder holds '{HISTORY_FILE}'. "
            "Name the folder that `graphdam train` wrote."
        ) from error
    numbered = [(at, line) for at, line in enumerate(content.split(b"\n"), start=1) if line.strip()]
    lines: list[HistoryLine] = []
    for at, line in numbered:
        try:
            json.loads(line)
        except ValueError as error:
            if at == numbered[-1][0]:
                break
            raise RunFolderError(
                f"The history {file}, line {at}, is not JSON ({error}): only the last line may be "
                "cut off. Remove the line, or train again."
            ) from error
        try:
            lines.append(HistoryLine.model_validate_json(line))
        except ValidationError as error:
            raise RunFolderError(
                f"The history {file}, line {at}, is not valid: {first_fault(error)}. It must be "
                "as graphdam wrote it: undo the edit, or train again."
            ) from error
    return lines
