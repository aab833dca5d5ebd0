"""Do batches, looks and losses of images see what they should?"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tiny_images import tiny_images

from graphdam.nn import ImageModel
from graphdam.objectives import Classification, PreparedImages, prepared_batches

IMAGES = tiny_images()


def model() -> ImageModel:
    torch.manual_seed(0)
    arguments = {"in_channels": 256, "hidden_channels": [8], "out_channels": 3}
    return ImageModel.wide("mlp", arguments, IMAGES.shape)


def classification() -> Classification[ImageModel, PreparedImages]:
    return Classification()


@pytest.mark.parametrize("batch_size", [1, 7, 16, 59, 60, 1000])
def test_an_epoch_reads_every_training_image_once(batch_size: int) -> None:
    prepared = PreparedImages.of(IMAGES, batch_size=batch_size)
    batches = [batch.parts["train"] for batch in prepared.batches()]
    assert len(batches) == prepared.num_batches
    assert torch.equal(torch.cat(batches).sort().values, IMAGES.train)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_a_seed_shuffles_alike_and_an_epoch_unlike_the_next() -> None:
    prepared = PreparedImages.of(IMAGES, batch_size=60)

    def epochs(seed: int) -> list[torch.Tensor]:
        torch.manual_seed(seed)
        return [batch.parts["train"] for _ in range(2) for batch in prepared.batches()]

    first, again, other = epochs(0), epochs(0), epochs(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])


def test_without_a_batch_size_all_is_one_batch() -> None:
    prepared = PreparedImages.of(IMAGES)
    (batch,) = prepared.batches()
    assert prepared.num_batches == 1
    (x,) = batch.inputs()
    assert torch.equal(x, IMAGES.standardised(batch.parts["train"]))
    assert torch.equal(batch.labels("train"), IMAGES.y[batch.parts["train"]])


def test_chunks_make_no_difference_to_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, net, scored = (
        classification(),
        model(),
        PreparedImages.of(IMAGES).scored,
    )
    whole = objective.quiet_outputs(net, scored)
    monkeypatch.setattr(prepared_batches, "CHUNK", 7)
    assert len(list(scored.inputs())) == 9
    torch.testing.assert_close(objective.quiet_outputs(net, scored), whole)
    torch.testing.assert_close(scored.rows(whole, "val"), net(IMAGES.standardised(IMAGES.val)))
    torch.testing.assert_close(scored.rows(whole, "test"), net(IMAGES.standardised(IMAGES.test)))


def test_looks_are_bounded_and_within_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_batches, "LOOKED_AT", 20)
    monkeypatch.setattr(prepared_batches, "WATCHED", 5)
    prepared = PreparedImages.of(IMAGES)
    assert torch.equal(prepared.looked_at.parts["val"], IMAGES.val[:20])
    assert torch.equal(prepared.watched.parts["val"], IMAGES.val[:5])
    assert prepared.looked_at.num_items("val") == 20
    assert list(prepared.scored.parts) == ["val", "test"]


def test_only_steps_are_augmented_and_for_student_and_teacher_alike() -> None:
    torch.manual_seed(0)
    prepared = PreparedImages.of(IMAGES, augment=True)
    (batch,) = prepared.batches()
    (augmented,), (again,) = batch.inputs(), batch.inputs()
    assert torch.equal(augmented, again)
    assert not torch.equal(augmented, IMAGES.standardised(batch.parts["train"]))
    (x,) = prepared.looked_at.inputs()
    assert torch.equal(x, IMAGES.standardised(IMAGES.val))


def test_loss_and_score_are_torchs_own() -> None:
    objective, net = classification(), model()
    (batch,) = PreparedImages.of(IMAGES).batches()
    outputs, y = objective.quiet_outputs(net, batch), IMAGES.y[batch.parts["train"]]
    torch.testing.assert_close(objective.loss(net, batch, outputs), F.cross_entropy(outputs, y))
    found = objective.evaluate(outputs, batch, "train")
    assert found.score == pytest.approx(float((outputs.argmax(1) == y).double().mean()))
    assert found.loss == pytest.approx(float(F.cross_entropy(outputs, y)))


def test_imitation_is_the_divergence_written_out_and_the_uninformed_is_nearest() -> None:
    objective = classification()
    torch.manual_seed(0)
    z, t = torch.randn(9, 4), torch.randn(9, 4)
    p, q = t.softmax(1), z.softmax(1)
    expected = (p * (p.log() - q.log())).sum(1).mean()
    torch.testing.assert_close(objective.imitation(z, t), expected)
    nearest = objective.imitation(objective.uninformed(t), t)
    for _ in range(20):
        assert objective.imitation(torch.randn(1, 4).expand(9, 4), t) > nearest
