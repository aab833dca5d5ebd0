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

from graphdam.data.npz_file import arrays_of, graph_of, read_arrays, write_arrays
from graphdam.data.raw import RawGraph, RawLinks
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
            raw = _read(prepared, links=info.links)
    if raw is None:
        with scratch_folder() as scratch:
            raw = read(scratch)
            _check_identity(info, raw, folder)
            written = scratch / "prepared.npz"
            links = {} if raw.links is None else raw.links._asdict()
            write_arrays(written, arrays_of(raw) | links)
            prepared.parent.mkdir(parents=True, exist_ok=True)
            written.replace(prepared)
    return replace(raw, name=info.name, source=info.name, undirected=True)


def _read(prepared: Path, *, links: bool) -> RawGraph:
    arrays = read_arrays(prepared)
    raw = graph_of(arrays, prepared)
    if not links:
        return raw
    try:
        return replace(raw, links=RawLinks(*(arrays[key] for key in RawLinks._fields)))
    except KeyError as error:
        raise DataError(f"{prepared}: held-out links are missing.") from error


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
    if found == expected:
        return
    if info.links:
        sizes, those = "{} nodes and {} features", "{} and {}"
    else:
        sizes, those = "{} nodes, {} features and {} classes", "{}, {} and {}"
    raise DataError(
        f"{folder}: these files are not '{info.name}': {sizes.format(*expected)} were expected,"
        f" but {those.format(*found)} found; copy or download them again."
    )
