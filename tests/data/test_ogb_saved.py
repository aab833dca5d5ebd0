"""OGB's archives of arrays, and splits that torch has saved."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ogb_files import ARXIV, PARTS, Same, expect_sizes_of, made_up, refusal_of_set, write_archives

from graphdam.data.load import load_graph


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    written = made_up(ARXIV)
    expect_sizes_of(written, ARXIV, monkeypatch)
    return write_archives(tmp_path / "root", ARXIV, written)


def test_a_split_of_tensors_beside_tables(arxiv: Path, assert_same_graph: Same) -> None:
    first = load_graph(ARXIV, data_root=arxiv.parent)
    folder = arxiv / "split" / "time"
    saved = {}
    for part in PARTS:
        table = folder / f"{part}.csv.gz"
        saved[part] = torch.from_numpy(np.loadtxt(table, dtype=np.int64))
        table.unlink()
    torch.save(saved, folder / "split_dict.pt")
    assert_same_graph(first, load_graph(ARXIV, data_root=arxiv.parent))


class _Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def _pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize("save", [torch.save, _pickle])
def test_a_pickled_split_is_refused_and_not_run(
    save: Callable[[object, Path], None], archives: Path, tmp_path: Path
) -> None:
    path = archives / "split" / "time" / "split_dict.pt"
    save({"train": _Runs(tmp_path / "ran")}, path)
    assert refusal_of_set(tmp_path / "root") == (
        f"{path}: the file holds pickled Python objects, which are not read because they can run"
        " code; put train.csv.gz, valid.csv.gz, test.csv.gz into its place."
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ({"train": torch.arange(60)}, "the file cannot be read as a split of OGB ('valid')"),
        (
            dict.fromkeys(PARTS, torch.ones(60)),
            "train, valid, test must each be a list of node numbers, but have the types float32,",
        ),
    ],
)
def test_a_saved_split_of_something_else(saved: object, words: str, archives: Path) -> None:
    path = archives / "split" / "time" / "split_dict.pt"
    torch.save(saved, path)
    assert refusal_of_set(archives.parent).startswith(f"{path}: {words}")
    path.write_bytes(path.read_bytes()[:-40])
    assert refusal_of_set(archives.parent).startswith(f"{path}: the file cannot be read as a split")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"node_feat": None}, "missing `node_feat`; it and node-label.npz hold `edge_index`, "),
        ({"num_nodes_list": np.array([60, 1])}, "`num_nodes_list` must hold one number, for one"),
        ({"node_feat": np.ones((59, 5))}, "59 rows of `node_feat` found, but `num_nodes_list` say"),
        ({"edge_index": np.ones((2, 9), int)}, "9 edges found, but `num_edges_list` says 150; the"),
        (
            {"node_feat": np.ones(60)},
            "`node_feat` must be a table of numbers, but has the type flo",
        ),
        (
            {"node_feat": np.full((60, 5), "a")},
            "`node_feat` must be a table of numbers, but has th",
        ),
        (
            {"edge_index": np.array(5)},
            "`edge_index` must be a table of numbers, but has the type i",
        ),
        ({"node_feat": np.array([{}])}, "the file holds pickled Python objects, which are not rea"),
    ],
)
def test_archives_that_do_not_fit(change: dict[str, Any], words: str, archives: Path) -> None:
    path = archives / "raw" / "data.npz"
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files} | change
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    assert refusal_of_set(archives.parent).startswith(f"{path}: {words}")
    path.write_bytes(path.read_bytes()[:2000])
    assert refusal_of_set(archives.parent).startswith(f"{path}: the file cannot be read as a .npz")
