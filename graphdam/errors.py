"""The errors that a user can meet.

Every message names the thing, what was received, what is accepted and what to do. They are
`ValueError`s, so that callers who know nothing of graphdam can still catch them.
"""

from __future__ import annotations

from collections.abc import Iterable


class GraphDamError(ValueError):
    """Something that the caller can mend: the base of all errors below."""


class SettingsError(GraphDamError):
    """An unknown, missing or contradictory setting."""


class DataError(GraphDamError):
    """A graph, or a set of images, that is missing, unreadable or not a valid one."""


class InexactError(GraphDamError):
    """An arrangement of layers from which channels cannot be removed without changing outputs."""


class ModelFileError(GraphDamError):
    """A saved model that is missing, corrupted, of another class or of another version."""


class RunFolderError(GraphDamError):
    """A run folder that is missing, incomplete, in the way, or not one of ours."""


class TrainingError(GraphDamError):
    """A training run that cannot go on: a loss that is not a number, a mismatched checkpoint."""


def unknown_choice(
    kind: str, received: object, known: Iterable[str], hint: str = "", *, listed_by: str = ""
) -> str:
    """One sentence for a name that is not among the known ones, with the nearest known name.

    Where the names are too many for a sentence, `listed_by` is the command that shows them.

    >>> unknown_choice("data set", "coral", ["cora", "pubmed"])
    "Unknown data set 'coral': did you mean 'cora'? Known: cora, pubmed."
    """
    from difflib import get_close_matches

    names = sorted(known)
    close = get_close_matches(str(received), names, n=1)
    guess = f": did you mean '{close[0]}'?" if close else "."
    tail = f" {hint}" if hint else ""
    if listed_by:
        return f"Unknown {kind} '{received}'{guess} {listed_by} shows all {len(names)}.{tail}"
    return f"Unknown {kind} '{received}'{guess} Known: {', '.join(names)}.{tail}"
