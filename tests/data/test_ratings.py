"""Are ratings read, split and refused as they should be?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_ratings import tiny_ratings, write_rating_csv

from graphdam.data import Ratings, load_data, load_graph, load_ratings
from graphdam.data import rating_registry as registry
from graphdam.errors import DataError

LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)
PARTS = (40, 10)


def archive() -> dict[str, Any]:
    """A little set in the form of the named ones."""
    order = np.random.default_rng(0).permutation(100)[:50]
    users, items, values = order // 10, order % 10, np.array(LEVELS)[order % 5]
    cut = {"train": slice(0, 40), "test": slice(40, 50)}
    return {
        f"{part}_{name}": array[rows]
        for part, rows in cut.items()
        for name, array in (("user", users), ("item", items), ("rating", values))
    }


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root in which Flixster is the little set."""
    info = registry.RATING_SETS["flixster"]
    small = replace(info, shape=(10, 10), levels=LEVELS, parts=PARTS)
    monkeypatch.setitem(registry.RATING_SETS, "flixster", small)
    write(tmp_path, archive())
    return tmp_path


def write(root: Path, arrays: dict[str, Any]) -> None:
    folder = root / "igmc" / "flixster"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "ratings.npz", **arrays)


def assert_same_ratings(one: Ratings, other: Ratings) -> None:
    for name in ("levels", "users", "items", "level", "train", "val", "test"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


# Named sets


def test_a_named_set_keeps_its_published_test_ratings(root: Path) -> None:
    ratings = load_ratings(" Flixster ", data_root=root)
    given = archive()
    assert ratings.users[ratings.test].tolist() == given["test_user"].tolist()
    assert ratings.values(ratings.test).tolist() == given["test_rating"].tolist()
    assert [len(ratings.indices(part)) for part in ("train", "val", "test")] == [38, 2, 10]
    parts = torch.cat([ratings.train, ratings.val, ratings.test])
    assert parts.sort().values.tolist() == list(range(50))
    assert ratings.mean == pytest.approx(float(ratings.values(ratings.train).mean()))
    assert (ratings.split_name, ratings.metric) == ("published", "rmse")
    assert_same_ratings(ratings, load_ratings("flixster", data_root=root))


def test_load_data_knows_ratings_and_load_graph_refuses_them(root: Path) -> None:
    loaded = load_data("flixster", data_root=root)
    assert isinstance(loaded, Ratings)
    assert_same_ratings(loaded, load_ratings("flixster", data_root=root))
    with pytest.raises(DataError, match=r"'flixster' is a set of ratings .*not a graph: graphdam"):
        load_graph("flixster")


def test_matlab_s_file_holds_the_same_ratings(root: Path) -> None:
    h5py = pytest.importorskip("h5py")
    plain = load_ratings("flixster", data_root=root)
    (root / "igmc" / "flixster" / "ratings.npz").unlink()
    folder = root / "igmc" / "flixster" / "raw"
    folder.mkdir()
    given = archive()
    with h5py.File(folder / "training_test_dataset.mat", "w") as file:
        values = np.zeros((10, 10))
        for part, key in (("train", "Otraining"), ("test", "Otest")):
            mask = np.zeros((10, 10))
            mask[given[f"{part}_user"], given[f"{part}_item"]] = 1
            values[given[f"{part}_user"], given[f"{part}_item"]] = given[f"{part}_rating"]
            file[key] = mask.T
        file["M"] = values.T
    read = load_ratings("flixster", data_root=root)
    assert triples(read, "test") == triples(plain, "test")
    assert triples(read, "train") | triples(read, "val") == (
        triples(plain, "train") | triples(plain, "val")
    )


def triples(ratings: Ratings, part: Any) -> set[tuple[int, int, float]]:
    index = ratings.indices(part)
    columns = (ratings.users[index], ratings.items[index], ratings.values(index))
    return set(zip(*(column.tolist() for column in columns), strict=True))


def changed(**arrays: Any) -> dict[str, Any]:
    return {**archive(), **arrays}


def first_set_to(key: str, value: float) -> dict[str, Any]:
    arrays = archive()
    arrays[key][0] = value
    return arrays


WRONG: list[tuple[dict[str, Any], str]] = [
    (
        first_set_to("train_rating", 4.5),
        r"ratings.npz: 'flixster' is rated 1, 2, 3, 4, 5, but 4.5 was found \(1 of 40 ratings\)",
    ),
    (
        first_set_to("test_rating", float("nan")),
        r"'flixster' is rated 1, 2, 3, 4, 5, but nan was found \(1 of 10 ratings\)",
    ),
    (
        first_set_to("train_user", 10),
        r"the users of 'flixster' are whole numbers from 0 to 9, but int64 from 0 to 10 was found",
    ),
    (
        first_set_to("test_item", -1),
        r"the items of 'flixster' are whole numbers from 0 to 9, but int64 from -1 to",
    ),
    (
        changed(test_user=archive()["train_user"][:10], test_item=archive()["train_item"][:10]),
        r"user \d rates item \d more than once \(10 such pairs\), so one rating would give",
    ),
    (
        changed(**{f"test_{name}": np.zeros(0, int) for name in ("user", "item", "rating")}),
        r"'flixster' has 10 ratings here, each with a user, an item and a value, but arrays of the "
        r"shapes \[\[0\]\] were found",
    ),
    (
        {key: value for key, value in archive().items() if key != "test_item"},
        r"missing test_item; the archive must hold train_user, train_item, train_rating, test_user",
    ),
]


@pytest.mark.parametrize(("arrays", "message"), WRONG)
def test_what_is_not_the_named_set_is_refused(
    root: Path, arrays: dict[str, Any], message: str
) -> None:
    write(root, arrays)
    with pytest.raises(DataError, match=message):
        load_ratings("flixster", data_root=root)


def test_files_that_are_nowhere_are_said_to_belong_somewhere(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Put ratings.npz or raw/training_test_dataset.mat at ig"):
        load_ratings("douban", data_root=tmp_path)
    with pytest.raises(DataError, match="Unknown set of ratings 'flixter': did you mean 'flix"):
        load_ratings("flixter")


# The user's own


def test_own_ratings_are_split_by_a_seed(tmp_path: Path) -> None:
    ratings = load_ratings(str(write_rating_csv(tmp_path / "films.csv")))
    total = ratings.num_ratings
    assert [len(ratings.indices(part)) for part in ("val", "test")] == [round(total / 10)] * 2
    parts = torch.cat([ratings.train, ratings.val, ratings.test])
    assert parts.sort().values.tolist() == list(range(total))
    assert (ratings.name, ratings.split_name, ratings.levels.tolist()) == (
        *("films", "seeded"),
        list(LEVELS),
    )
    assert ratings.names is not None
    assert ratings.names[0][int(ratings.users[5])].startswith("user ")
    assert_same_ratings(ratings, load_ratings(str(tmp_path / "films.csv"), split="seeded"))


def test_a_split_by_time_tests_on_the_latest(tmp_path: Path) -> None:
    path = write_rating_csv(tmp_path / "films.csv", times=True)
    ratings = load_ratings(str(path), split="time")
    times = np.array([int(line.split(",")[3]) for line in path.read_text().splitlines()[1:]])
    train, val, test = (times[ratings.indices(part)] for part in ("train", "val", "test"))
    assert train.max() <= val.min()
    assert val.max() <= test.min()
    plain = write_rating_csv(tmp_path / "plain.csv")
    with pytest.raises(DataError, match="a split by time needs the column timestamp; add it, or"):
        load_ratings(str(plain), split="time")
    with pytest.raises(DataError, match=r"Unknown split for .*plain.csv 'random'.*seeded, time"):
        load_ratings(str(plain), split="random")


LINES = [f"u{user},i{item},{1 + (user + item) % 5}" for user in range(6) for item in range(4)]


def broken(*lines: str, header: str = "user,item,rating") -> str:
    return "\n".join([header, *LINES, *lines]) + "\n"


BROKEN = [
    (
        broken("u9,i9,five"),
        "csv, line 26: column rating must hold a number, but holds 'five'",
    ),
    (broken("u9,i9,nan"), "films.csv, line 26: column rating must hold a number, but holds 'nan'"),
    (broken("u9,i9"), "films.csv, line 26: 2 columns found where the first line names 3"),
    (
        broken("u1,i0,5"),
        r"line 26: user 'u1' rates item 'i0' a second time \(line 6 was the first\), so one rating",
    ),
    (
        broken(header="user,movie,rating"),
        "the first line must name the columns, user, item, rating among them, but lacks item",
    ),
    (
        broken(",", header="user,item,rating,timestamp"),
        "line 2: 3 columns found where the first line names 4",
    ),
    (
        "user,item,rating\nu1,i1,3\nu2,i1,4\n",
        "2 ratings leave none to test on; at least 6 are",
    ),
    ("user,item,rating\n", "0 ratings leave none to test on"),
    (
        "\n".join(["user,item,rating", *(f"u{at},i,{at / 7}" for at in range(30))]),
        "ratings have 2 to 20 different values, but 30 were found; round them to the steps of a",
    ),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_broken_file_is_refused_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "films.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_ratings(str(path))


def test_a_missing_file_is_told_what_it_would_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file; ratings of your own are a CSV file w"):
        load_ratings(str(tmp_path / "films.csv"))


def test_words_are_found_and_strangers_have_the_next_number(tmp_path: Path) -> None:
    own = load_ratings(str(write_rating_csv(tmp_path / "films.csv")))
    assert own.names is not None
    users, items = own.numbers_of([own.names[0][3], "nobody"], [own.names[1][2], "no film"])
    assert users.tolist() == [3, own.shape[0]]
    assert items.tolist() == [2, own.shape[1]]
    users, items = tiny_ratings().numbers_of(["7", "30", "x"], ["0", "23", "-1"])
    assert (users.tolist(), items.tolist()) == ([7, 30, 30], [0, 23, 24])
    known = tiny_ratings().known(unseen=True)
    assert known.enclose(users[1:2], items[2:3]).is_alone.tolist() == [True]
