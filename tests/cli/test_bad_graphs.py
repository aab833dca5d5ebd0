"""Does a graph that cannot be trained on get one sentence, and leave no run folder?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphdam.report import read_record

Graphdam = Callable[..., Any]
Arrays = dict[str, Any]


def good() -> Arrays:
    """Twelve nodes on a ring, three classes, four nodes a part."""
    ring, part = np.arange(12), np.arange(12) // 4
    return {
        "edge_index": np.stack([ring, np.roll(ring, 1)]),
        "x": np.arange(36, dtype=np.float32).reshape(12, 3) / 36,
        "y": ring % 3,
        "train_mask": part == 0,
        "val_mask": part == 1,
        "test_mask": part == 2,
    }


def edges(arrays: Arrays) -> None:
    arrays["edge_index"][0, 3] = 12


def not_a_number(arrays: Arrays) -> None:
    arrays["x"][2, 1] = np.nan


def negative_class(arrays: Arrays) -> None:
    arrays["y"][5] = -2


def class_out_of_range(arrays: Arrays) -> None:
    arrays["y"][5] = 40


def nothing_to_learn_from(arrays: Arrays) -> None:
    arrays["train_mask"][:] = False


def another_row_count(arrays: Arrays) -> None:
    arrays["x"] = arrays["x"][:10]


def objects(arrays: Arrays) -> None:
    arrays["x"] = arrays["x"].astype(object)


def no_labels(arrays: Arrays) -> None:
    del arrays["y"]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            edges,
            "mine.npz: `edge_index` names node 12, but there are 12 nodes, numbered 0 to 11 as the "
            "rows of `x`; correct the edges or add the node.",
        ),
        (
            not_a_number,
            "mine.npz: the features `x` must be finite numbers within float32, but 1 are NaN, "
            "infinite or too large (the first in row 2); replace or remove them.",
        ),
        (
            negative_class,
            "mine.npz: the labels `y` go down to -2, but classes are numbered from 0, with −1 "
            "where the class is unknown.",
        ),
        (
            class_out_of_range,
            "mine.npz: the labels `y` go up to 40 with 12 labelled nodes, which would make more "
            "classes than nodes; number the classes 0, 1, 2, …",
        ),
        (
            nothing_to_learn_from,
            "mine.npz: `train_mask` selects no node, but every part of a split needs at least one; "
            "without any masks a seeded split is made.",
        ),
        (
            another_row_count,
            "mine.npz: there are 12 labels in `y` but 10 rows of features in `x`; both need one "
            "row for each node, in the same order.",
        ),
        (
            objects,
            "mine.npz: the file holds pickled Python objects, which are not read because they can "
            "run code; keep numbers only and write them with numpy.savez.",
        ),
        (no_labels, "mine.npz: missing `y`; the file holds "),
    ],
)
def test_a_bad_graph_gets_one_sentence_and_no_folder(
    graphdam: Graphdam,
    quick: list[str],
    tmp_path: Path,
    spoil: Callable[[Arrays], None],
    sentence: str,
) -> None:
    arrays = good()
    spoil(arrays)
    np.savez(tmp_path / "mine.npz", **arrays)
    result = graphdam("train", "--graph", "mine.npz", "--out", "run", "-q", *quick)
    assert (result.code, result.out) == (1, "")
    assert result.sentence.removeprefix(f"{tmp_path}/").startswith(sentence)
    assert sentence.endswith("holds ") or result.sentence.endswith(sentence)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("mine.npz", None, "the file cannot be read as a .npz archive and may be truncated ("),
        ("mine.npz", b"no archive", "the file "),
        ("mine.graphml", b"<graphml", ""),
        (
            "mine.txt",
            b"1 2",
            "a graph cannot be read from a file that ends in '.txt'; accepted are",
        ),
    ],
)
def test_an_unreadable_file_gets_one_sentence_and_no_folder(
    graphdam: Graphdam,
    quick: list[str],
    tmp_path: Path,
    name: str,
    content: bytes | None,
    sentence: str,
) -> None:
    if content is None:
        np.savez(tmp_path / name, **good())
        content = (tmp_path / name).read_bytes()[:700]
    (tmp_path / name).write_bytes(content)
    result = graphdam("train", "--graph", name, "--out", "run", "-q", *quick)
    assert (result.code, result.out) == (1, "")
    assert result.sentence.removeprefix(f"{tmp_path}/").startswith(f"{name}: {sentence}")
    assert "Unexpected" not in result.sentence
    assert not (tmp_path / "run").exists()


def test_a_folder_without_the_files_gets_one_sentence(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    result = graphdam("train", "--graph", "mine", "--out", "run", "-q", *quick)
    assert result.code == 1
    assert "nodes.csv" in result.sentence
    assert not (tmp_path / "run").exists()


def test_a_good_graph_trains_and_serves_from_any_folder(
    graphdam: Graphdam, quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "mine.npz", **good())
    assert graphdam("train", "--graph", "mine.npz", "--out", "run", "-q", *quick).code == 0
    record = read_record(tmp_path / "run")
    assert (record.dataset, record.split) == ("mine", "own")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert graphdam("evaluate", tmp_path / "run").code == 0


def test_a_graph_of_ones_own_may_have_the_name_of_a_data_set(
    graphdam: Graphdam, quick: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "karate"
    folder.mkdir()
    rows = [f"{node},{node % 2},{node / 8}" for node in range(8)]
    (folder / "nodes.csv").write_text("id,label,f0\n" + "\n".join(rows) + "\n")
    (folder / "edges.csv").write_text("source,target\n0,1\n2,3\n")
    result = graphdam("train", "--graph", "karate", "--out", "run", *quick)
    assert result.code == 0
    assert "karate: 8 nodes" in result.err
