"""Do autoencoders read, rebuild and score what they should?"""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import r2_score
from tiny_images import tiny_images

from graphdam.data import load_points
from graphdam.nn import ImageModel
from graphdam.objectives import PreparedRows, Reconstruction, prepared_batches

IMAGES = tiny_images(size=12)
POINTS = load_points("linear-points")
TASK = Reconstruction()


def model() -> ImageModel:
    torch.manual_seed(0)
    arguments = {"in_channels": 144, "code_channels": 5, "encoder_channels": [8]}
    return ImageModel.wide("autoencoder", arguments, IMAGES.shape)


def test_pixels_fill_the_range_of_a_tanh_whatever_is_brightest() -> None:
    x = PreparedRows.of(IMAGES).x
    assert x.dtype == torch.float32
    expected = 2 * IMAGES.pixels.double() / 250 - 1  # the brightest pixel of tiny images
    torch.testing.assert_close(x.double(), expected, rtol=0, atol=1e-6)


def test_points_are_read_as_they_are() -> None:
    prepared = PreparedRows.of(POINTS)
    assert prepared.x is POINTS.x
    assert prepared.y is None


def test_the_loss_of_a_step_is_the_mean_over_its_rows_and_numbers() -> None:
    net = model()
    for batch in PreparedRows.of(IMAGES, batch_size=16).batches():
        (x,) = batch.inputs()
        assert torch.equal(x, batch.x[batch.parts["train"]])
        outputs = TASK.outputs(net, batch)
        expected = sum((row - one.flatten()).square().sum() for row, one in zip(outputs, x))  # noqa: B905
        torch.testing.assert_close(TASK.loss(net, batch, outputs), expected / (144 * len(x)))


def test_the_score_is_the_explained_variance() -> None:
    prepared = PreparedRows.of(POINTS)
    train = POINTS.x[prepared.parts["train"]]
    torch.manual_seed(0)
    outputs = train + 0.1 * torch.randn_like(train)
    rows = PreparedRows(x=train, y=None, parts={"train": torch.arange(len(train))}, variance=1.0)
    found = TASK.evaluate(outputs, rows, "train")
    assert found.loss == pytest.approx(0.01, rel=0.01)
    whole = PreparedRows(
        x=train, y=None, parts={"train": torch.arange(len(train))}, variance=prepared.variance
    )
    score = TASK.evaluate(outputs, whole, "train").score
    weighted = r2_score(train.numpy(), outputs.numpy(), multioutput="variance_weighted")
    assert score == pytest.approx(weighted, abs=1e-6)


def test_the_best_constant_explains_nothing_and_worse_scores_no_less() -> None:
    prepared = PreparedRows.of(POINTS)
    mean = POINTS.x[prepared.parts["train"]].mean(0)
    constant = mean.expand(len(prepared.parts["train"]), -1)
    only = PreparedRows(
        x=POINTS.x,
        y=None,
        parts={"train": prepared.parts["train"]},
        variance=prepared.variance,
    )
    assert TASK.evaluate(constant, only, "train").score == pytest.approx(0, abs=1e-6)
    assert TASK.evaluate(constant + 5, only, "train").score == 0


def test_error_and_share_are_told_of_every_part() -> None:
    prepared = PreparedRows.of(IMAGES).scored
    outputs = TASK.quiet_outputs(model(), prepared)
    val, test = TASK.results(outputs, prepared)
    for part, scores in (("val", val), ("test", test)):
        target = prepared.x[prepared.parts[part]].flatten(1)  # type: ignore[index]
        error = float((prepared.rows(outputs, part) - target).square().mean())  # type: ignore[arg-type]
        assert scores["mse"] == pytest.approx(error)
        expected = max(0, 1 - error / prepared.variance)
        assert scores["explained_variance"] == pytest.approx(expected)


def test_chunks_make_no_difference_to_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    net, scored = model(), PreparedRows.of(IMAGES).scored
    whole = TASK.quiet_outputs(net, scored)
    monkeypatch.setattr(prepared_batches, "CHUNK", 7)
    assert len(list(scored.inputs())) == 9
    torch.testing.assert_close(TASK.quiet_outputs(net, scored), whole)


def test_disagreement_is_a_share_of_what_the_teacher_tells() -> None:
    torch.manual_seed(0)
    taught = torch.randn(50, 7) * 3 + 2
    assert float(TASK.disagreement(taught, taught)) == 0
    assert float(TASK.disagreement(TASK.uninformed(taught), taught)) == pytest.approx(1)
    other = TASK.disagreement(taught + 1, taught)
    assert float(other) == pytest.approx(1 / float(taught.var(dim=0, correction=0).mean()))
