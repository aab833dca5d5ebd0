"""Do rivals without layers have records beside the models that are trained?"""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_bench import Log, make_bench
from tiny_ratings import write_rating_csv

from graphdam.baselines import RATING_RIVALS
from graphdam.bench import Cell, find_bench, run_bench
from graphdam.data import load_ratings
from graphdam.evaluation.scores import mean_absolute_error, root_mean_squared_error
from graphdam.report import BenchFolder, comparison, draw_frontier, read_record


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    return write_rating_csv(tmp_path / "films.csv")


def cells(ratings: Path) -> tuple[Cell, ...]:
    where = {"dataset": str(ratings), "device": "cpu"}
    small = {"epochs": 2, "hidden_channels": 8, "conv_channels": 4, "batch_size": 64}
    return (
        Cell("wide", {**where, **small, "recipe": "wide"}),
        Cell("films-user-mean", where, rival="user-mean"),
        Cell("films-item-mean", where, rival="item-mean"),
    )


def test_a_rival_s_record_holds_its_errors(ratings: Path, tmp_path: Path) -> None:
    bench, out = make_bench(*cells(ratings)), tmp_path / "out"
    result = run_bench(bench, out, seeds=range(2))
    assert result.failures == ()
    record = read_record(BenchFolder(out).record("films-user-mean"))
    own = load_ratings(str(ratings))
    guess = RATING_RIVALS["user-mean"](own, own.test)
    truth = own.values(own.test)
    assert record.test.values == [root_mean_squared_error(guess.values, truth)] * 2
    assert record.further["mae"].values == [mean_absolute_error(guess.values, truth)] * 2
    assert (record.model, record.seeds, record.widths) == ("user-mean", [0, 1], [[], []])
    assert record.command == "graphdam bench tiny --only films-user-mean --seeds 2"

    found = [read_record(path) for path in result.records]
    table = comparison(found)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert {row["model"] for row in rows} == {
        "IGMC",
        "mean of the user's ratings",
        "mean of the item's ratings",
    }
    assert {row["method"].split(",")[0] for row in rows} == {"trained alone", "without layers"}
    assert draw_frontier(found, tmp_path / "frontier.png").is_file()


def test_what_is_finished_is_not_made_again(ratings: Path, tmp_path: Path) -> None:
    bench = make_bench(*cells(ratings)[1:])
    first, second = Log(), Log()
    run_bench(bench, tmp_path / "out", seeds=range(2), observer=first.observer)
    run_bench(bench, tmp_path / "out", seeds=range(2), observer=second.observer)
    assert len(first.ended) == 4
    assert second.planned == [(4, 4)]
    assert second.ended == []


def test_a_rival_that_cannot_be_made_leaves_its_sentence(
    ratings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "surprise", None)
    where = {"dataset": str(ratings)}
    bench = make_bench(Cell("svd", where, rival="factorisation"))
    (failure,) = run_bench(bench, tmp_path / "out", seeds=range(1)).failures
    assert failure.reason == "Matrix factorisation needs scikit-surprise: install graphdam[bench]."


def test_the_bench_holds_every_lambda_every_set_and_every_rival() -> None:
    names = {cell.name for cell in find_bench("recommender").cells}
    for dataset in ("flixster", "douban"):
        assert {f"{dataset}-igmc-{recipe}" for recipe in ("default", "wide")} <= names
        assert {f"{dataset}-igmc-paper-{weight}" for weight in (0.01, 0.1, 1, 10)} <= names
        assert {f"{dataset}-{rival}" for rival in RATING_RIVALS} <= names
    assert "flixster-igmc-l1-0.1" in names
    quick = find_bench("recommender", quick=True)
    assert {cell.settings["dataset"] for cell in quick.cells} == {"flixster"}
