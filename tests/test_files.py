"""A file is whole or as it was, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from graphdam.files import write_atomically


def test_bytes_and_text_are_written_as_given(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"\x00\xff\r\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff\r\n"
    write_atomically(tmp_path / "b", "β → 0\n")
    assert (tmp_path / "b").read_bytes() == "β → 0\n".encode()


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_atomically(str(tmp_path / "one" / "two" / "file.json"), "{}")
    assert [path.name for path in (tmp_path / "one" / "two").iterdir()] == ["file.json"]


def test_the_previous_content_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "a long first content")
    write_atomically(path, "short")
    assert path.read_text() == "short"
    assert list(tmp_path.iterdir()) == [path]


def full_disk(*_: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def fail_to_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)


def fail_to_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "replace", full_disk)


def fail_halfway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the bytes reach the disk before it is full."""

    class Half:
        def __init__(self, path: Path) -> None:
            self.file = path.open("wb", buffering=0)

        def __enter__(self) -> Half:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, data: bytes) -> NoReturn:
            self.file.write(data[: len(data) // 2])
            full_disk()

    whole = Path.open

    def open_half(path: Path, *arguments: Any, **named: Any) -> Any:
        if not path.name.endswith(".partial"):
            return whole(path, *arguments, **named)
        monkeypatch.setattr(Path, "open", whole)
        half = Half(path)
        monkeypatch.setattr(Path, "open", open_half)
        return half

    monkeypatch.setattr(Path, "open", open_half)


@pytest.mark.parametrize("fail", [fail_to_flush, fail_to_rename, fail_halfway])
@pytest.mark.parametrize("previous", [None, "the previous content"])
def test_a_full_disk_leaves_what_was_there(
    fail: Callable[[pytest.MonkeyPatch], None],
    previous: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "file"
    if previous is not None:
        path.write_text(previous)
    with monkeypatch.context() as patch:
        fail(patch)
        with pytest.raises(OSError, match="No space left on device"):
            write_atomically(path, "new content, too long for the disk")
    assert list(tmp_path.iterdir()) == ([] if previous is None else [path])
    if previous is not None:
        assert path.read_text() == previous
    write_atomically(path, "after the disk was cleared")
    assert path.read_text() == "after the disk was cleared"


def test_a_kill_while_writing_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> NoReturn:
        raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_text("the previous content")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, "new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "the previous content"


def test_the_content_is_on_the_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    flush, replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        order.append("flush")
        flush(descriptor)

    def rename(path: Path, target: Path) -> Path:
        order.append("rename")
        assert path.parent == target.parent
        assert path.read_text() == "new"
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    write_atomically(tmp_path / "file", "new")
    assert order == ["flush", "rename"]


def test_a_folder_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
