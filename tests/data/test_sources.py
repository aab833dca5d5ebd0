from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from graphdam.data.registry import DatasetInfo, find_dataset
from graphdam.data.sources import cache_folder, find_root
from graphdam.errors import DataError

PHOTO = find_dataset("photo")


def _place(root: Path) -> Path:
    for name in PHOTO.raw_files("random"):
        (root / name).parent.mkdir(parents=True)
        (root / name).touch()
    return root


def _no_download(info: DatasetInfo, split: str) -> None:
    raise AssertionError("a download was tried")


def _find(data_root: Path | None = None, download: Callable[..., None] = _no_download) -> Path:
    return find_root(PHOTO, "random", data_root=data_root, download=download)


def test_roots_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _place(cache_folder())
    assert _find() == cache_folder()
    monkeypatch.setenv("GRAPHDAM_DATA", str(_place(tmp_path / "variable")))
    assert _find() == tmp_path / "variable"
    assert _find(_place(tmp_path / "argument")) == tmp_path / "argument"
    (tmp_path / "empty").mkdir()
    assert _find(tmp_path / "empty") == tmp_path / "variable"


def test_the_cache_is_the_users_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHDAM_CACHE")
    assert "graphdam" in cache_folder().parts
    monkeypatch.setenv("GRAPHDAM_CACHE", "elsewhere")
    assert cache_folder() == Path("elsewhere")


def test_what_is_nowhere_is_downloaded_into_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHDAM_OFFLINE", "0")
    asked = []
    found = _find(download=lambda info, split: asked.append((info.name, split)))
    assert found == cache_folder()
    assert asked == [("photo", "random")]


def test_without_files_or_network_the_error_says_where_files_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError) as offline:
        _find(tmp_path)
    assert f"not found under {tmp_path}, {cache_folder()} and could not be" in str(offline.value)
    assert "(GRAPHDAM_OFFLINE is set)" in str(offline.value)
    assert "amazon/Photo/raw/ (amazon_electronics_photo.npz)" in str(offline.value)
    assert "name that folder by --data-root or GRAPHDAM_DATA; 'digits' needs" in str(offline.value)

    def fail(info: DatasetInfo, split: str) -> None:
        raise TimeoutError("no route to host")

    monkeypatch.setenv("GRAPHDAM_OFFLINE", "0")
    with pytest.raises(DataError, match=r"could not be downloaded \(no route to host\)"):
        _find(download=fail)


def test_a_root_that_is_no_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="nowhere: the data root must be a folder with data sets"):
        _find(tmp_path / "nowhere")
    monkeypatch.setenv("GRAPHDAM_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere: GRAPHDAM_DATA must be a folder with data sets"):
        _find()


def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "planetoid" / "Cora" / "raw"
    folder.mkdir(parents=True)
    (folder / "ind.cora.x").touch()
    with pytest.raises(DataError, match=r"'cora' is incomplete: planetoid/Cora/raw/ind.cora.tx, "):
        find_root(find_dataset("cora"), "public", data_root=tmp_path, download=_no_download)
