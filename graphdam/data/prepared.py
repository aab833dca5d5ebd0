"""What was read from a named data set's files is kept in the cache, and read from there again."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from graphdam.data.npz_file import read_npz, write_npz
from graphdam.data.raw import RawGraph
from graphdam.data.registry import DatasetInfo
from graphdam.data.sources import CACHE_VARIABLE, cache_folder
from graphdam.errors import DataError

_FORM = "1"
_CHUNK = 2**20
_DOWNLOAD_TIMEOUT = 30.0


def prepared_once(
    info: DatasetInfo, folder: Path, files: Sequence[Path], read: Callable[[Path], RawGraph]
) -> RawGraph:
    """The undirected graph that `read` makes of these files, or the kept one.

    It is kept under a name made of the files' contents, and only if it is the named data set.
    `read` is given a scratch folder to write to; `folder` is where messages say the files lie.

    Raises:
        DataError: a file cannot be read, the cache cannot be written to, or the graph has other
            sizes than the named one.
    """
    prepared = cache_folder() / "prepared" / f"{info.folder.replace('/', '-')}-{_digest(files)}.npz"
    raw = None
    if prepared.is_file():
        with contextlib.suppress(DataError):  # spoilt from outside: made again below
            raw = read_npz(prepared)
    if raw is None:
        with scratch_folder() as scratch:
            raw = read(scratch)
            _check_identity(info, raw, folder)
            written = scratch / "prepared.npz"
            write_npz(written, raw)
            prepared.parent.mkdir(parents=True, exist_ok=True)
            written.replace(prepared)
    return replace(raw, name=info.name, source=info.name, undirected=True)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder in the cache that is gone afterwards.

    Raises:
        DataError: the cache cannot be written to.
    """
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=cache, prefix="scratch-"))
    except OSError as error:
        raise DataError(
            f"{cache}: the cache folder cannot be written to ({error}); name another one by the"
            f" variable {CACHE_VARIABLE}."
        ) from error
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def download_folder() -> Iterator[Path]:
    """A scratch folder, in whose time no connection is waited for longer than half a minute."""
    timeout = socket.getdefaulttimeout()
    with scratch_folder() as scratch:
        socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT)
        try:
            yield scratch
        finally:
            socket.setdefaulttimeout(timeout)


def enter_cache(source: Path, folder: str) -> None:
    """Move a downloaded folder into the cache, whole or not at all."""
    target = cache_folder() / folder
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process was faster: the files are there
            raise


def link(source: Path, target: Path) -> None:
    """Let a file be read under another name too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(source.resolve())
    except OSError:  # a system without links
        shutil.copyfile(source, target)


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256(_FORM.encode())
    for file in files:
        content = hashlib.sha256()
        try:
            with file.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    content.update(chunk)
        except OSError as error:
            raise DataError(f"{file}: the file cannot be read ({error}).") from error
        digest.update(content.digest())
    return digest.hexdigest()[:24]


def _check_identity(info: DatasetInfo, raw: RawGraph, folder: Path) -> None:
    num_classes = raw.y.shape[1] if raw.y.ndim == 2 else int(raw.y.max()) + 1
    found = (*raw.x.shape, num_classes)
    expected = (info.num_nodes, info.num_features, info.num_classes)
    if found != expected:
        raise DataError(
            f"{folder}: these files are not '{info.name}': {expected[0]} nodes,"
            f" {expected[1]} features and {expected[2]} classes were expected, but {found[0]},"
            f" {found[1]} and {found[2]} found; copy or download them again."
        )
