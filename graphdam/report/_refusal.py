"""What pydantic found wrong, said in half a sentence that a user can act on."""

from __future__ import annotations

from pydantic import ValidationError


def first_fault(error: ValidationError) -> str:
    """The first fault: where it is, what is wrong, what was received; and how many follow."""
    faults = error.errors(include_url=False)
    fault = faults[0]
    where = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ").rstrip(".")
    text = message[:1].lower() + message[1:]
    if fault["type"] == "missing":
        text = "is missing"
    elif fault["type"] == "extra_forbidden":
        text = "is not a field that is known here"
    elif fault["type"] != "value_error":
        text = f"{text}, received {_short(fault['input'])}"
    others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"'{where}': {text}{others}" if where else f"{text}{others}"


def _short(received: object) -> str:
    text = repr(received)
    return text if len(text) <= 60 else f"{text[:57]}..."
