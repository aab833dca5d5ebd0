"""Where the files of a named data set lie: given roots, then our cache, then a download."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from platformdirs import user_cache_dir

from graphdam.data.registry import DatasetInfo
from graphdam.errors import DataError

ROOT_VARIABLE = "GRAPHDAM_DATA"
CACHE_VARIABLE = "GRAPHDAM_CACHE"
OFFLINE_VARIABLE = "GRAPHDAM_OFFLINE"


def cache_folder() -> Path:
    """Where downloads and prepared files go: `GRAPHDAM_CACHE`, else the user's cache folder."""
    return Path(os.environ.get(CACHE_VARIABLE) or user_cache_dir("graphdam", appauthor=False))


def find_root(
    info: DatasetInfo,
    split: str,
    *,
    data_root: str | Path | None,
    download: Callable[[DatasetInfo, str], None],
    files: Callable[[Path], Sequence[str]] | None = None,
) -> Path:
    """The first root that holds this data set, downloaded into the cache folder as a last resort.

    The order is `data_root`, the variable `GRAPHDAM_DATA`, the cache folder. With
    `GRAPHDAM_OFFLINE` set to anything but 0 nothing is downloaded. Where a set has several forms,
    `files` says which files a root has to hold.

    Raises:
        DataError: a root is no folder, or holds some of the files only; or the files are nowhere
            and cannot be downloaded.
    """
    roots = list(data_roots(data_root))
    for root in roots:
        if _holds(root, info, info.raw_files(split) if files is None else files(root)):
            return root
    if os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0"):
        raise _not_found(info, split, roots, f"{OFFLINE_VARIABLE} is set")
    try:
        download(info, split)
    except Exception as error:  # PyG's transports raise errors of many libraries
        raise _not_found(info, split, roots, str(error) or type(error).__name__) from error
    return cache_folder()


def data_roots(data_root: str | Path | None) -> Iterator[Path]:
    """Where to look, in this order: `data_root`, `GRAPHDAM_DATA`, the cache folder.

    Raises:
        DataError: one of the first two is given and is no folder.
    """
    for value, said in (
        (data_root, "the data root"),
        (os.environ.get(ROOT_VARIABLE), ROOT_VARIABLE),
    ):
        if value:
            root = Path(value).expanduser()
            if not root.is_dir():
                raise DataError(
                    f"{root}: {said} must be a folder with data sets in it (such as"
                    " planetoid/Cora), but no such folder exists."
                )
            yield root
    yield cache_folder()


def _holds(root: Path, info: DatasetInfo, files: Sequence[str]) -> bool:
    missing = [name for name in files if not (root / name).is_file()]
    if missing and len(missing) < len(files):
        raise DataError(
            f"{root}: the data set '{info.name}' is incomplete: {', '.join(missing)} is not there;"
            " add what is missing or remove the folder."
        )
    return not missing


def _not_found(info: DatasetInfo, split: str, roots: list[Path], reason: str) -> DataError:
    files = info.raw_files(split)
    folder = posixpath.commonpath([posixpath.dirname(name) for name in files])
    names = [name.removeprefix(f"{folder}/") for name in files]
    return DataError(
        f"The data set '{info.name}' was not found under {', '.join(map(str, roots))} and could not"
        f" be downloaded ({reason}). Put its files at {folder}/ ({', '.join(names)}) under a folder"
        f" of yours and name that folder by --data-root or {ROOT_VARIABLE}; 'digits' needs no"
        " download."
    )
