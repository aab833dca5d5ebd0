"""Does a run of an autoencoder leave what other runs leave, and codes beside it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from graphdam.data import load_images, load_points
from graphdam.errors import SettingsError
from graphdam.evaluation.code import code_macro_f1
from graphdam.nn import Autoencoder, ImageModel
from graphdam.objectives import PreparedRows
from graphdam.pipeline import run
from graphdam.report import before_after, read_record
from graphdam.serving import embed_run, load_any_run, load_run, score_run, write_embedding
from graphdam.training import Settings, task_of

QUICK: dict[str, Any] = {
    "dataset": "digits-images",
    "model": "autoencoder",
    "device": "cpu",
    "threads": 1,
    "epochs": 4,
    "encoder_widths": (24,),
    "code_channels": 12,
    "target_width": (5,),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two seeds on digits; do not change it."""
    out = tmp_path_factory.mktemp("autoencoders") / "run"
    run(Settings.of(**QUICK, seeds=(0, 1)), out)
    return out


def test_the_record_tells_all_that_was_found(finished: Path) -> None:
    record = read_record(finished)
    assert (record.model, record.objective) == ("autoencoder", "reconstruction")
    assert (record.start_widths, record.widths) == ([12], [[5], [5]])
    compact = 64 * 24 + 24 * 5 + 5 * 24 + 24 * 64
    assert record.multiply_adds == [compact] * 2
    assert record.parameters == [compact + 24 + 5 + 24 + 64] * 2
    assert (record.test.metric, list(record.further)) == ("explained_variance", ["mse", "macro_f1"])
    assert record.wide is not None
    assert list(record.wide.further) == ["mse", "macro_f1"]
    assert record.stability is None
    assert record.deviation < 1e-5
    variance = PreparedRows.of(load_images("digits-images")).variance
    for score, error in zip(record.test.values, record.further["mse"].values, strict=True):
        assert score == pytest.approx(max(0.0, 1 - error / variance))


def test_errors_are_told_as_they_are_and_shares_in_percent(finished: Path) -> None:
    record = read_record(finished)
    rows = {row[0]: row for row in before_after(record).rows}
    assert "width of the embedding" in rows
    shown = rows["test MSE (2 seeds)"]
    error = record.further["mse"]
    assert shown[2] == f"{error.mean:.3f} ± {error.std:.3f}"
    assert "points" not in shown[3]
    assert rows["test macro-F1 (%, 2 seeds)"][3].endswith("points")


def test_codes_are_those_of_the_compact_model_and_tell_the_classes_of_the_record(
    finished: Path, tmp_path: Path
) -> None:
    record, loaded = read_record(finished), load_any_run(finished)
    codes = embed_run(loaded)
    images, model = load_images("digits-images"), ImageModel.from_pretrained(finished / "model")
    assert isinstance(model.net, Autoencoder)
    x = PreparedRows.of(images).x
    with torch.no_grad():
        torch.testing.assert_close(codes, model.net.to_code(model.net.encoder(x)))
    train, test = images.train, images.test
    f1 = code_macro_f1(codes[train], images.y[train], codes[test], images.y[test])
    at = record.seeds.index(record.model_seed)
    assert f1 == record.further["macro_f1"].values[at]
    write_embedding(codes, tmp_path / "z.csv", rows="row")
    assert (tmp_path / "z.csv").read_text().startswith("row,d0,d1,d2,d3,d4\n0,")


def test_scores_are_those_of_the_record(finished: Path) -> None:
    record, found = read_record(finished), score_run(load_any_run(finished))
    at = record.seeds.index(record.model_seed)
    assert found["scores"]["val"] == record.val.values[at]
    assert found["scores"]["test"] == record.test.values[at]


def test_points_come_back_as_the_models_seed_drew_them(tmp_path: Path) -> None:
    settings = Settings.of(
        "paper", dataset="affine-points", epochs=3, seeds=(4, 5), device="cpu", threads=1
    )
    record = run(settings, tmp_path / "run")
    assert record.split == "drawn"
    assert list(record.further) == ["mse"]
    loaded = load_any_run(tmp_path / "run")
    assert torch.equal(loaded.graph.x, load_points("affine-points", seed=record.model_seed).x)
    at = record.seeds.index(record.model_seed)
    assert score_run(loaded)["scores"]["test"] == record.test.values[at]
    assert embed_run(loaded).shape == (7000, record.widths[at][0])
    with pytest.raises(SettingsError, match=r"is a run on points \(affine-points\), and a run on"):
        load_run(tmp_path / "run")


def test_what_single_precision_loses_is_told_from_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings.of("paper", **{**QUICK, "target_width": None})
    task: Any = task_of(settings, load_images("digits-images"))
    torch.manual_seed(0)
    model: Any = task.build()
    [gate] = model.net.gates.values()
    # the sixth channel is open by a hair, and its code is large in turn
    gate.set_offset(gate.offset_of(6.49999))
    assert gate.width == 6
    hair = float(gate.values()[5].detach())
    with torch.no_grad():
        model.net.model.to_code.weight[5] /= hair
        model.net.model.to_code.bias[5] = 1e3 / hair
        model.net.model.decoder[0].bias -= 1e3 * model.net.model.decoder[0].weight[:, 5]
    prepared = task.prepare(model, None)
    assert task.deviation(model, model.compact(), prepared) > 1e-6
    assert task.is_rounding(model, prepared)

    def with_a_wrong_bias(self: ImageModel, compact: Any = ImageModel.compact) -> Any:
        wrong = compact(self)
        with torch.no_grad():
            wrong.net.decoder[2].bias[0] += 1e-6
        return wrong

    monkeypatch.setattr(ImageModel, "compact", with_a_wrong_bias)
    assert not task.is_rounding(model, prepared)
