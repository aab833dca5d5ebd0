"""Where the files of a named set of images lie: given roots, then our cache."""

from __future__ import annotations

from pathlib import Path

from graphdam.data.image_registry import ImageSetInfo
from graphdam.data.sources import ROOT_VARIABLE, data_roots
from graphdam.errors import DataError


def find_image_files(info: ImageSetInfo, *, data_root: str | Path | None) -> list[Path]:
    """The set's files in the order of `info.files`, from the first root that holds them.

    The order is `data_root`, the variable `GRAPHDAM_DATA`, the cache folder. Nothing is
    downloaded.

    Raises:
        DataError: a root is no folder, or holds some of the files only; or the files are nowhere,
            or there in pickled form only.
    """
    roots = list(data_roots(data_root))
    for root in roots:
        for folder in info.folders:
            stored = [_stored(root / folder / name, info) for name in info.files]
            found = [path for path in stored if path is not None]
            if len(found) == len(info.files):
                return found
            if found:
                missing = [n for n, path in zip(info.files, stored, strict=True) if path is None]
                raise DataError(
                    f"{root / folder}: the images '{info.name}' are incomplete:"
                    f" {', '.join(missing)} is not there; add what is missing or remove the folder."
                )
    _refuse_pickled(info, roots)
    gzipped = ", each of which may be compressed (.gz)," if info.kind == "idx" else ""
    raise DataError(
        f"The images '{info.name}' were not found under {', '.join(map(str, roots))}. Put their"
        f" files {', '.join(info.files)}{gzipped} at {info.folders[0]}/ under a folder of yours"
        f" and name that folder by --data-root or {ROOT_VARIABLE}; 'digits-images' needs no files."
    )


def _stored(path: Path, info: ImageSetInfo) -> Path | None:
    if path.is_file():
        return path
    gzipped = path.with_name(f"{path.name}.gz")
    return gzipped if info.kind == "idx" and gzipped.is_file() else None


def _refuse_pickled(info: ImageSetInfo, roots: list[Path]) -> None:
    if not info.pickled_folder:
        return
    for root in roots:
        for folder in info.folders:
            pickled = (root / folder).parent / info.pickled_folder
            if pickled.is_dir():
                raise DataError(
                    f"{pickled}: the images '{info.name}' lie here as pickled Python objects, which"
                    " are not read because they can run code; put the binary version of the set"
                    f" ({info.files[0]}, …) at {pickled.with_name(Path(folder).name)}."
                )
