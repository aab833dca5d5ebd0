from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from graphdam.data.graph import Graph
from graphdam.data.npz_file import read_npz, write_npz
from graphdam.data.own import graph_from_file
from graphdam.data.raw import RawGraph
from graphdam.errors import DataError


def _arrays(toy: RawGraph) -> dict[str, Any]:
    masks = dict(zip(("train_mask", "val_mask", "test_mask"), toy.masks or (), strict=True))
    return {
        "edge_index": toy.edge_index,
        "edge_weight": toy.edge_weight,
        "x": toy.x,
        "y": toy.y,
        **masks,
    }


def _csr(prefix: str, matrix: Any) -> dict[str, Any]:
    return {
        f"{prefix}_{part}": getattr(matrix, part) for part in ("indptr", "indices", "data", "shape")
    }


def _refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        graph_from_file(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def test_compressed_rows_and_edge_list_are_the_same_graph(
    toy: RawGraph, tmp_path: Path, assert_same_graph: Callable[[Graph, Graph], None]
) -> None:
    arrays = _arrays(toy)
    np.savez(tmp_path / "list.npz", **arrays)
    weight, (source, target) = arrays.pop("edge_weight"), arrays.pop("edge_index")
    adjacency = sp.csr_matrix((weight, (source, target)), shape=(12, 12))
    x = sp.csr_matrix(arrays.pop("x"))
    np.savez_compressed(tmp_path / "rows.npz", **arrays, **_csr("adj", adjacency), **_csr("x", x))
    first = graph_from_file(tmp_path / "list.npz")
    assert_same_graph(first, graph_from_file(tmp_path / "rows.npz"))
    assert first.edge_index.T.tolist() == sorted(map(list, toy.edge_index.T.tolist()))


def test_zero_entries_of_the_adjacency_are_no_edges(toy: RawGraph, tmp_path: Path) -> None:
    arrays = {"x": toy.x, "y": toy.y}
    adjacency = sp.csr_matrix(([1.0, 0.0, 1.0], ([0, 1, 2], [1, 2, 0])), shape=(12, 12))
    np.savez(tmp_path / "g.npz", **arrays, **_csr("adj", adjacency))
    graph = graph_from_file(tmp_path / "g.npz")
    assert graph.edge_index.T.tolist() == [[0, 1], [2, 0]]
    assert graph.edge_weight is None


@pytest.mark.parametrize("sparse", [False, True])
def test_what_is_written_is_read_again(toy: RawGraph, tmp_path: Path, sparse: bool) -> None:
    raw = replace(toy, x=sp.csr_matrix(toy.x)) if sparse else toy
    write_npz(tmp_path / "toy.npz", raw)
    again = read_npz(tmp_path / "toy.npz")
    assert sp.issparse(again.x) == sparse
    assert (sp.csr_matrix(again.x) != sp.csr_matrix(raw.x)).nnz == 0
    for name in ("edge_index", "edge_weight", "y", "masks"):
        np.testing.assert_array_equal(getattr(again, name), getattr(raw, name))


@pytest.mark.parametrize(
    ("dropped", "message"),
    [
        (["x"], "missing `x`; the file holds `edge_index`, `edge_weight`, `test_mask`"),
        (["y"], "missing `y`; the file holds"),
        (["edge_index"], "missing `edge_index`; the file holds"),
        (["val_mask"], "missing `val_mask`; the file holds"),
    ],
)
def test_missing_keys_are_listed(
    toy: RawGraph, tmp_path: Path, dropped: list[str], message: str
) -> None:
    arrays = {key: value for key, value in _arrays(toy).items() if key not in dropped}
    np.savez(tmp_path / "g.npz", **arrays)
    said = _refused(tmp_path / "g.npz")
    assert message in said
    assert "accepted are `edge_index` [2, E]" in said


def test_broken_compressed_rows(toy: RawGraph, tmp_path: Path) -> None:
    parts = _csr("x", sp.csr_matrix(toy.x))
    arrays: dict[str, Any] = {"edge_index": toy.edge_index, "y": toy.y}
    np.savez(tmp_path / "a.npz", **arrays, **{**parts, "x_indices": parts["x_indices"] + 90})
    assert "`x_shape` are not a valid compressed sparse row matrix" in _refused(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", **arrays, **{**parts, "x_indptr": parts["x_indptr"][:-1]})
    assert "are not a valid compressed sparse row matrix" in _refused(tmp_path / "b.npz")
    del parts["x_shape"]
    np.savez(tmp_path / "c.npz", **arrays, **parts)
    assert "missing `x_shape`" in _refused(tmp_path / "c.npz")
    oblong = _csr("adj", sp.csr_matrix(np.ones((12, 3))))
    np.savez(tmp_path / "d.npz", x=toy.x, y=toy.y, **oblong)
    assert "`adj` must be square" in _refused(tmp_path / "d.npz")


@pytest.mark.parametrize("kept", [0, 10, 200, 700, -30])
def test_a_truncated_file_is_refused(toy: RawGraph, tmp_path: Path, kept: int) -> None:
    np.savez_compressed(tmp_path / "g.npz", **_arrays(toy))
    content = (tmp_path / "g.npz").read_bytes()
    (tmp_path / "g.npz").write_bytes(content[:kept])
    said = _refused(tmp_path / "g.npz")
    assert "truncated" in said or "pickled" in said


def test_damaged_contents_are_refused(toy: RawGraph, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "g.npz", **_arrays(toy))
    content = bytearray((tmp_path / "g.npz").read_bytes())
    content[120:140] = bytes(20)
    (tmp_path / "g.npz").write_bytes(content)
    assert "cannot be read as a .npz archive" in _refused(tmp_path / "g.npz")


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "g.npz").open("wb") as file:
        np.save(file, np.ones(3))
    assert "a single array, not a .npz archive" in _refused(tmp_path / "g.npz")


class _Bomb:
    """Unpickling it makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def test_nothing_is_unpickled(toy: RawGraph, tmp_path: Path) -> None:
    bomb = _Bomb(tmp_path / "exploded")
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(bomb))
    np.savez(tmp_path / "array.npz", **{**_arrays(toy), "y": np.array([bomb], dtype=object)})
    for name in ("plain.npz", "array.npz"):
        assert "pickled Python objects, which are not read" in _refused(tmp_path / name)
    assert not (tmp_path / "exploded").exists()
    pickle.loads(pickle.dumps(bomb))
    assert (tmp_path / "exploded").exists()


def _with_features_beside(toy: RawGraph, folder: Path, x: Any) -> Path:
    arrays = _arrays(toy)
    del arrays["x"]
    np.savez(folder / "big.npz", **arrays)
    np.save(folder / "big.x.npy", x)
    return folder / "big.npz"


def test_features_beside_the_archive_stay_on_disk(toy: RawGraph, tmp_path: Path) -> None:
    x = np.ascontiguousarray(toy.x, dtype=np.float32)
    np.savez(tmp_path / "small.npz", **{**_arrays(toy), "x": x})
    inside = graph_from_file(tmp_path / "small.npz", sparse=False)
    path = _with_features_beside(toy, tmp_path, x)
    graph = graph_from_file(path)
    assert graph.features_on_disk
    assert not inside.features_on_disk
    assert np.array_equal(graph.dense_x().numpy(), x)
    assert graph.feature_norm == inside.feature_norm
    graph.dense_x()[0, 0] = 7.0  # a private page: the file is as it was
    assert np.array_equal(np.load(tmp_path / "big.x.npy"), x)


def test_features_beside_the_archive_are_checked(toy: RawGraph, tmp_path: Path) -> None:
    x = np.ascontiguousarray(toy.x, dtype=np.float32)
    assert "row by row, but those in big.x.npy are float64; convert them" in _refused(
        _with_features_beside(toy, tmp_path, x.astype(np.float64))
    )
    assert "but those in big.x.npy are float32, column by column; convert" in _refused(
        _with_features_beside(toy, tmp_path, np.asfortranarray(x))
    )
    broken = x.copy()
    broken[2, 0] = np.nan
    assert "are NaN, infinite or too large (the first in row 2)" in _refused(
        _with_features_beside(toy, tmp_path, broken)
    )
    path = _with_features_beside(toy, tmp_path, x)
    (tmp_path / "big.x.npy").write_bytes((tmp_path / "big.x.npy").read_bytes()[:-4])
    assert "the features in big.x.npy cannot be read as an array and may be truncated" in _refused(
        path
    )
    np.save(tmp_path / "big.x.npy", x)
    np.savez(path, **{**_arrays(toy), "x": x})
    assert _refused(path).endswith(
        "the features `x` stand in this archive and in big.x.npy beside it; remove one of them."
    )
