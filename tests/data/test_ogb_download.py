"""OGB's sets where no files lie: a download without a question, or one sentence."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from ogb_files import ARXIV, Same, refusal_of_set

from graphdam.data import ogb_sets
from graphdam.data.load import load_graph
from graphdam.data.ogb_sets import published
from graphdam.data.registry import DATASETS
from graphdam.data.sources import cache_folder

NAMES = [name for name, info in DATASETS.items() if info.kind == "ogb" and not info.links]


def _offer(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    about = published(ARXIV) | {"url": url}
    monkeypatch.setattr(ogb_sets, "published", lambda name: about)
    monkeypatch.setenv("GRAPHDAM_OFFLINE", "")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files a server on this machine gives out."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Silent, directory=str(folder))
    ) as server:
        (folder / "address").write_text(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder
        server.shutdown()
        thread.join()


def _pack(arxiv: Path, served: Path) -> str:
    """The address of the archive that OGB would give out; its folder is gone from the root."""
    arxiv.rename(served / "arxiv")
    shutil.make_archive(str(served / "arxiv"), "zip", served, "arxiv")
    return (served / "address").read_text() + "/arxiv.zip"


def test_a_download_enters_the_cache_whole(
    arxiv: Path, served: Path, monkeypatch: pytest.MonkeyPatch, assert_same_graph: Same
) -> None:
    here = load_graph(ARXIV, data_root=arxiv.parent)
    _offer(monkeypatch, _pack(arxiv, served))
    assert_same_graph(here, load_graph(ARXIV))
    assert {path.name for path in cache_folder().iterdir()} == {"ogbn_arxiv", "prepared"}
    monkeypatch.setenv("GRAPHDAM_OFFLINE", "1")
    assert_same_graph(here, load_graph(ARXIV))


def test_an_archive_that_lacks_a_file_leaves_nothing_behind(
    arxiv: Path, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (arxiv / "raw" / "edge.csv.gz").unlink()
    url = _pack(arxiv, served)
    _offer(monkeypatch, url)
    refusal = refusal_of_set(arxiv.parent)
    assert f"could not be downloaded ({url} lacks raw/edge.csv.gz). Put its files" in refusal


def test_a_refused_connection_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, "http://127.0.0.1:1/arxiv.zip")
    assert "could not be downloaded (<urlopen error [Errno " in refusal_of_set(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_without_files_the_error_says_where_they_belong(name: str, tmp_path: Path) -> None:
    refusal = refusal_of_set(tmp_path, name)
    folder, split = DATASETS[name].folder, DATASETS[name].default_split
    assert f"The data set '{name}' was not found under {tmp_path}" in refusal
    assert "(GRAPHDAM_OFFLINE is set)" in refusal
    first = "RELEASE_v2.txt" if name == "ogbn-mag" else "RELEASE_v1.txt, raw/edge.csv.gz"
    assert f"Put its files at {folder}/ ({first}, " in refusal
    assert f"split/{split}/" in refusal
    assert "name that folder by --data-root or GRAPHDAM_DATA" in refusal
