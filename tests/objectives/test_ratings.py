"""Is what is descended and scored on ratings what it says?"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny_ratings import tiny_ratings

from graphdam.nn import IGMC
from graphdam.objectives import PreparedRatings, RatingPrediction

RATINGS = tiny_ratings()


def model() -> IGMC:
    torch.manual_seed(0)
    return IGMC(RATINGS.num_levels, conv_channels=[4, 4], hidden_channels=6).eval()


def objective(weight: float = 0.0) -> RatingPrediction:
    return RatingPrediction(mean=RATINGS.mean, adjacent_rating_weight=weight)


def test_an_epoch_reads_every_training_rating_once_and_its_own_subgraph() -> None:
    prepared = PreparedRatings.of(RATINGS, batch_size=40)
    torch.manual_seed(0)
    batches = list(prepared.batches())
    sizes = [batch.num_items("train") for batch in batches]
    assert len(batches) == prepared.num_batches
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= 40
    index = torch.cat([batch.parts["train"] for batch in batches])
    assert index.sort().values.tolist() == RATINGS.train.tolist()
    assert index.tolist() != RATINGS.train.tolist()
    net = model()
    for batch in batches:
        (step,) = batch.inputs()
        chosen = batch.parts["train"]
        again = prepared.known.enclose(RATINGS.users[chosen].numpy(), RATINGS.items[chosen].numpy())
        assert torch.equal(net(step), net(again))


def test_the_loss_is_the_squared_error_and_what_presses_matrices_together() -> None:
    net = model()
    batch = next(PreparedRatings.of(RATINGS, batch_size=30).batches())
    outputs = objective().outputs(net, batch)
    error = np.square((outputs.detach() - batch.values("train")).numpy()).mean()
    assert float(objective().loss(net, batch, outputs).detach()) == pytest.approx(error, rel=1e-5)
    pressed = float(objective(0.5).loss(net, batch, outputs).detach())
    assert pressed == pytest.approx(error + 0.5 * float(net.adjacent_rating_penalty().detach()))


def test_errors_are_numpy_s_and_the_score_is_their_negative() -> None:
    net, goal = model(), objective()
    scored = PreparedRatings.of(RATINGS).scored
    outputs = goal.quiet_outputs(net, scored)
    assert len(outputs) == len(RATINGS.val) + len(RATINGS.test)
    test = outputs[len(RATINGS.val) :].double().numpy()
    truth = RATINGS.values(RATINGS.test).double().numpy()
    found, further = goal.results(outputs, scored)
    assert further["rmse"] == pytest.approx(math.sqrt(((test - truth) ** 2).mean()))
    assert further["mae"] == pytest.approx(np.abs(test - truth).mean())
    warm = np.arange(len(truth)) < len(truth) - 3  # the last three have an end nobody knows
    assert further["rmse_warm"] == pytest.approx(math.sqrt(((test - truth)[warm] ** 2).mean()))
    assert further["rmse_unseen"] == pytest.approx(math.sqrt(((test - truth)[~warm] ** 2).mean()))
    assert set(found) == {"rmse", "mae"}
    score = goal.evaluate(outputs, scored, "val")
    assert goal.reported(score.score) == found["rmse"] == -score.score
    assert score.loss == pytest.approx(found["rmse"] ** 2)


def test_a_smaller_error_is_a_better_score() -> None:
    goal, scored = objective(), PreparedRatings.of(RATINGS).scored
    truth = torch.cat([RATINGS.values(RATINGS.val), RATINGS.values(RATINGS.test)])
    near, far = (goal.evaluate(truth + by, scored, "val") for by in (0.1, 0.5))
    assert near.score > far.score
    assert near.loss < far.loss


def test_a_pair_with_nothing_around_it_is_rated_the_mean() -> None:
    scored = PreparedRatings.of(RATINGS).scored
    outputs = objective().quiet_outputs(model(), scored)
    ends = list(zip(RATINGS.users.tolist(), RATINGS.items.tolist(), strict=True))
    at = RATINGS.test.tolist().index(ends.index((29, 23)))
    assert float(outputs[len(RATINGS.val) + at]) == pytest.approx(RATINGS.mean)
    alone = [float(value) for value in outputs if float(value) == pytest.approx(RATINGS.mean)]
    assert len(alone) == 1


def test_chance_moves_a_root_mean_square_by_so_much() -> None:
    generator = np.random.default_rng(0)
    errors = generator.normal(scale=0.9, size=(4000, 100))
    measured = np.sqrt((errors**2).mean(axis=1)).std()
    assert objective().standard_error(-0.9, 100) == pytest.approx(measured, rel=0.05)


def test_a_student_is_as_far_away_as_its_ratings_are() -> None:
    goal = objective()
    taught, outputs = torch.tensor([3.0, 4.0, 5.0]), torch.tensor([3.0, 4.5, 4.0])
    assert float(goal.imitation(outputs, taught)) == pytest.approx(1.25 / 3)
    assert goal.uninformed(taught).tolist() == [4.0] * 3
    assert float(goal.disagreement(goal.uninformed(taught), taught)) == pytest.approx(2 / 3)
