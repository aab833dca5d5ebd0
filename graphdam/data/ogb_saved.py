"""Files of torch in which OGB saves splits: arrays and tensors in dictionaries, never unpickled."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from graphdam.data.ogb_arrays import one_line
from graphdam.data.quiet import quietly
from graphdam.errors import DataError

T = TypeVar("T")

_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]

_OF_ARRAYS: list[Any] = [
    np.ndarray,
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.int64, np.int32, np.float64, np.float32)),
    _RECONSTRUCT,
    (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),  # as NumPy 1 wrote it
]
"""What torch has to know, beside its tensors, to load an array of NumPy without unpickling."""


def read_saved(path: Path, take: Callable[[Any], T], *, instead: str) -> T:
    """What `take` finds in a file of torch.

    Args:
        path: the file.
        take: reads what was saved; whatever it raises says that the file is none of OGB's.
        instead: what the caller can do about a file of pickled objects.

    Raises:
        DataError: the file is cut off, pickled, or not what `take` expects.
    """
    try:
        with quietly(), torch.serialization.safe_globals(_OF_ARRAYS):
            return take(torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path}: the file holds pickled Python objects, which are not read because they can"
            f" run code; {instead}."
        ) from error
    except Exception as error:  # torch raises errors of many kinds for a broken file
        raise DataError(
            f"{path}: the file cannot be read as a split of OGB ({one_line(error)}); copy or"
            " download it again."
        ) from error
