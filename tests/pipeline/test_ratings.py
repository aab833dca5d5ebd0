"""Does a run on ratings leave what a run on a graph leaves, and is less error better throughout?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_ratings import rating_table, write_rating_csv

from graphdam.data import load_ratings
from graphdam.errors import SettingsError
from graphdam.evaluation.scores import root_mean_squared_error
from graphdam.nn import IGMC
from graphdam.pipeline import run
from graphdam.predicting import rate_pairs
from graphdam.report import before_after, comparison, draw_frontier, read_history, read_record
from graphdam.report import record as records
from graphdam.serving import load_any_run, load_run, score_run
from graphdam.training import Fit, Settings, Trainer
from graphdam.training.run_folder import MEMBERS


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own file; do not change it."""
    return write_rating_csv(tmp_path_factory.mktemp("ratings") / "films.csv")


def settings(ratings: Path, recipe: str = "default", **given: object) -> Settings:
    small = {"hidden_channels": 12, "conv_channels": 4, "epochs": 3, "batch_size": 64}
    moves = {"gate_begin": 0.0, "gate_end": 0.5} if recipe != "wide" else {}
    where = {"dataset": str(ratings), "device": "cpu", "threads": 1}
    return Settings.of(**{"recipe": recipe, **where, **small, **moves, **given})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(ratings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three seeds; do not change it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    run(settings(ratings, seeds=(0, 1, 2), target_width=5, fallback_margin=1.0), out)
    return out


def test_the_record_tells_all_that_was_found(finished: Path) -> None:
    record = read_record(finished)
    assert (record.dataset, record.split, record.model) == ("films", "seeded", "igmc")
    assert (record.start_widths, record.widths) == ([12], [[5]] * 3)
    assert record.test.metric == record.val.metric == "rmse"
    assert set(record.further) == {"mae"}
    assert all(
        mae < rmse
        for mae, rmse in zip(record.further["mae"].values, record.test.values, strict=True)
    )
    assert record.wide is not None
    fewer = (12 - 5) * (2 * 4 * 4 + 1)
    assert record.wide.multiply_adds - record.multiply_adds[0] == fewer
    assert record.wide.parameters - record.parameters[0] == fewer + 12 - 5
    assert record.latency is not None
    assert record.latency.pairs == 50
    rows = {row[0]: row[1:] for row in before_after(record).rows}
    assert "latency (ms, 50 pairs, 1 thread)" in rows
    change = record.test.mean - record.wide.test.mean
    assert rows["test RMSE (3 seeds)"][2].strip("+−") == f"{abs(change):.4f}"
    assert record.deviation < 1e-5
    lines = read_history(finished)
    assert len(lines) == 9
    assert all(line.val > 0 for line in lines)


def test_the_model_that_is_kept_is_of_the_seed_with_the_least_error(finished: Path) -> None:
    record = read_record(finished)
    errors = dict(zip(record.seeds, record.val.values, strict=True))
    assert len(set(errors.values())) == 3
    assert record.model_seed == min(errors, key=lambda seed: errors[seed])


def test_the_folder_holds_nothing_that_replacing_it_would_leave(finished: Path) -> None:
    files = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    assert files - {"settings.json"} <= set(MEMBERS)
    assert {"figures/curves.png", "figures/gates.png", "model/model.safetensors"} <= files


def test_scores_are_those_of_the_record(finished: Path) -> None:
    record, found = read_record(finished), score_run(load_any_run(finished))
    at = record.seeds.index(record.model_seed)
    assert found["metric"] == "rmse"
    assert found["scores"]["val"] == record.val.values[at]
    assert found["scores"]["test"] == record.test.values[at]
    assert found["widths"] == record.widths[at]
    assert found["multiply_adds"] == record.multiply_adds[at]


def test_what_is_for_graphs_is_refused(finished: Path) -> None:
    with pytest.raises(SettingsError, match=r"is a run on ratings .*graphdam\.nn\.IGMC\.from_pret"):
        load_run(finished)
    with pytest.raises(SettingsError, match="is a run on ratings, and karate is meant as another"):
        load_any_run(finished, graph="karate")


def test_known_and_new_pairs_are_rated(finished: Path, ratings: Path) -> None:
    loaded, own = load_any_run(finished), load_ratings(str(ratings))
    index = own.test
    users = [f"user {rating_table()[at, 0]:.0f}" for at in index.tolist()]
    items = [f"film {rating_table()[at, 1]:.0f}" for at in index.tolist()]
    found = rate_pairs(loaded, users, items)
    model = IGMC.from_pretrained(finished / "model")
    known = own.known(cap=200)
    expected = model(known.enclose(own.users[index].numpy(), own.items[index].numpy()))
    assert torch.allclose(found.values, expected, atol=1e-6)
    strangers = rate_pairs(loaded, ["nobody", "nobody", users[0]], ["no film", items[0], "no film"])
    assert (strangers.num_unseen, strangers.num_alone) == (3, 1)
    assert float(strangers.values[0]) == pytest.approx(own.mean)
    assert float(strangers.values[1]) != pytest.approx(own.mean)


def test_an_ensemble_s_error_is_that_of_the_mean_rating(
    ratings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[Fit[IGMC]] = []
    original = Trainer.fit

    def noted(self: Trainer, *given: Any, **named: Any) -> Fit[Any]:
        states.append(original(self, *given, **named))
        return states[-1]

    monkeypatch.setattr(Trainer, "fit", noted)
    found = run(settings(ratings, "wide", ensemble=2), tmp_path / "run")
    own, rated = load_ratings(str(ratings)), []
    ends = own.users[own.test].numpy(), own.items[own.test].numpy()
    for state in states[0].ensemble:
        model = states[0].encoder
        model.load_state_dict(state)
        rated.append(model(own.known(cap=200).enclose(*ends)))
    error = root_mean_squared_error((rated[0] + rated[1]) / 2, own.values(own.test))
    assert found.further["rmse_ensemble"].values == [pytest.approx(error)]


def test_wide_and_narrow_share_a_table_and_a_picture(
    ratings: Path, finished: Path, tmp_path: Path
) -> None:
    wide = settings(ratings, "wide", seeds=(0, 1, 2))
    found: list[records.RunRecord] = [read_record(finished), run(wide, tmp_path / "wide")]
    table = comparison(found)
    assert "test RMSE" in table.columns
    assert "difference to wide" in table.columns
    gap = found[0].test.mean - found[1].test.mean
    cell = table.rows[1][table.columns.index("difference to wide")]
    assert abs(gap) >= 0.00005, "so small a difference has no sign"
    assert cell.split()[0] == f"{'+' if gap > 0 else '−'}{abs(gap):.4f}"
    assert draw_frontier(found, tmp_path / "frontier.png").is_file()
