"""Is the linear probe scikit-learn's logistic regression, fitted cold for every C?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import StandardScaler, normalize
from torch import Tensor

from graphdam.data.graph import Split
from graphdam.errors import DataError, SettingsError
from graphdam.evaluation.probe import ProbeResult, linear_probe
from graphdam.evaluation.probe_fit import GRID

CLASSES = 4


def clouds(num_nodes: int = 160, width: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Overlapping clouds of points, one a class, with columns of different sizes."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(num_nodes) % CLASSES
    centres = torch.randn(CLASSES, width, generator=generator) * (6 / width) ** 0.5
    z = centres[y] + 1.2 * torch.randn(num_nodes, width, generator=generator)
    return z * torch.logspace(-2, 2, width) + 5, y


def thirds(num_nodes: int = 160) -> Split:
    part = torch.arange(num_nodes) // CLASSES % 3
    return Split(*(part == number for number in range(3)))


def probe(z: Tensor, y: Tensor, split: Split | None = None, **settings: Any) -> ProbeResult:
    return linear_probe(z, y, **(split or thirds())._asdict(), **settings)


def by_hand(z: Tensor, y: Tensor, split: Split, how: str) -> dict[str, float]:
    """Every C fitted from nothing, in the embedding's own basis."""
    exact = z.double().numpy()
    x = normalize(exact) if how == "l2" else StandardScaler().fit_transform(exact)
    x_train, x_val, x_test = (x[mask.numpy()] for mask in split)
    y_train, y_val, y_test = (y[mask].numpy() for mask in split)
    best: dict[str, float] = {"val_accuracy": -1}
    for c in GRID:
        model = LogisticRegression(C=c, tol=1e-9, max_iter=10_000).fit(x_train, y_train)
        on_val, on_test = model.predict(x_val), model.predict(x_test)
        if accuracy_score(y_val, on_val) > best["val_accuracy"]:
            best = {
                "val_accuracy": accuracy_score(y_val, on_val),
                "val_macro_f1": f1_score(y_val, on_val, average="macro"),
                "test_accuracy": accuracy_score(y_test, on_test),
                "test_macro_f1": f1_score(y_test, on_test, average="macro"),
                "chosen_c": c,
            }
    return best


# wider than the 56 training nodes, the probe fits in the basis of their span
@pytest.mark.parametrize("width", [6, 90])
@pytest.mark.parametrize("how", ["standardize", "l2"])
def test_equals_cold_fits_of_scikit_learn(width: int, how: Any) -> None:
    z, y = clouds(width=width)
    result = probe(z, y, normalize=how)
    assert asdict(result) == pytest.approx(by_hand(z, y, thirds(), how), abs=1e-12)
    assert 1 / CLASSES < result.test_accuracy < 1


def test_scores_by_hand() -> None:
    """On a line the border lies at 0; one of four test nodes stands on the wrong side."""
    z = torch.tensor([-1.0, 1.0, -1.0, 1.0, -2.0, -1.0, -1.0, 4.0]).view(-1, 1)
    y = torch.tensor([0, 1, 0, 1, 0, 0, 1, 1])
    part = torch.tensor([0, 0, 1, 1, 2, 2, 2, 2])
    result = probe(z, y, Split(part == 0, part == 1, part == 2))
    assert (result.val_accuracy, result.val_macro_f1) == (1, 1)
    # class 0: 2 of 2 found, 2 of 3 right, F1 = 4/5; class 1: 1 of 2 found, all right, F1 = 2/3
    assert result.test_accuracy == 3 / 4
    assert result.test_macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)
    # every C is right on validation, so the strongest penalty is taken
    assert result.chosen_c == GRID[0]


def test_neither_scale_nor_offset_nor_order_of_dimensions_counts() -> None:
    z, y = clouds()
    scaled = (z * torch.tensor([2.0, 4.0, 0.5, 8.0, 1.0, 0.25])).roll(2, dims=1) - 4
    assert probe(scaled, y) == probe(z, y)


def test_the_order_of_nodes_does_not_count() -> None:
    z, y = clouds()
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(1))
    shuffled = Split(*(mask[order] for mask in thirds()))
    assert probe(z[order], y[order], shuffled) == probe(z, y)


def test_the_order_of_the_grid_does_not_count() -> None:
    z, y = clouds()
    assert probe(z, y, grid=GRID[::-1]) == probe(z, y)


def test_test_labels_choose_nothing() -> None:
    z, y = clouds()
    split = thirds()
    other = torch.where(split.test, (y + 1) % CLASSES, y)
    first, second = probe(z, y), probe(z, other)
    assert (second.chosen_c, second.val_accuracy) == (first.chosen_c, first.val_accuracy)
    assert second.test_accuracy != first.test_accuracy


def test_every_node_counts_for_the_scale_and_none_for_the_labels() -> None:
    """Nodes outside the split move the mean; their labels are not read."""
    z, y = clouds()
    split = Split(*(mask & (torch.arange(160) < 120) for mask in thirds()))
    outside = ~(split.train | split.val | split.test)
    assert probe(z, torch.where(outside, -1, y), split) == probe(z, y, split)
    moved = torch.where(outside[:, None], z * torch.linspace(1, 1000, 6), z)
    assert probe(moved, y, split, grid=[1e-3]) != probe(z, y, split, grid=[1e-3])


def test_a_constant_dimension_changes_nothing() -> None:
    z, y = clouds()
    constant = torch.cat([z, torch.full((160, 1), 0.1)], dim=1)
    assert probe(constant, y) == probe(z, y)


def test_a_constant_embedding_scores_like_one_class() -> None:
    _, y = clouds()
    result = probe(torch.full((160, 1), 3.0), y)
    assert result.test_accuracy == pytest.approx(1 / CLASSES, abs=0.02)
    assert result.test_macro_f1 < 1 / CLASSES


def test_a_class_that_training_lacks_is_never_predicted() -> None:
    z, y = clouds()
    split = thirds()
    lacking = split._replace(train=split.train & (y != 2))
    result = probe(z, y, lacking)
    x = StandardScaler().fit_transform(z.double().numpy())
    model = LogisticRegression(C=result.chosen_c, tol=1e-9, max_iter=10_000)
    model.fit(x[lacking.train.numpy()], y[lacking.train].numpy())
    predicted, truth = model.predict(x[split.test.numpy()]), y[split.test].numpy()
    right = {label: np.mean(predicted[truth == label] == label) for label in range(CLASSES)}
    assert right[2] == 0
    sizes = [np.mean(truth == label) for label in range(CLASSES)]
    assert result.test_accuracy == pytest.approx(np.dot(sizes, list(right.values())))


@pytest.mark.parametrize(
    ("grid", "shown"), [([], r"\[\]"), ([1.0, 0.0], r"\[1.0, 0.0\]"), ([-1], r"\[-1\]")]
)
def test_a_grid_of_nothing_is_refused(grid: list[float], shown: str) -> None:
    z, y = clouds()
    with pytest.raises(SettingsError, match=rf"positive values of C, but is {shown}; the default"):
        probe(z, y, grid=grid)


def test_labels_and_masks_that_allow_no_probe_are_refused() -> None:
    z, y = clouds()
    split = thirds()
    none = torch.zeros_like(split.val)
    cases: list[tuple[Tensor, Split, str]] = [
        (y.view(-1, 1), split, r"shape \[N\], one class a node, but have shape \[160, 1\]"),
        (y[:3], split, r"160 rows of the embedding `z` and 3 labels in `y`"),
        (y, split._replace(val=torch.tensor([1, 2])), r"`val` must be a boolean mask of shape"),
        (y, split._replace(test=split.test[:-1]), r"`test` must .* and shape \[159\]"),
        (y, split._replace(val=none), "`val` selects no node"),
        (y, split._replace(test=split.val), "`test` shares 52 nodes with another part"),
        (torch.where(y == 1, -1, y), split, "`train` selects 14 nodes without a label"),
        (torch.zeros_like(y), split, "`train` selects nodes of class 0 only"),
    ]
    for labels, masks, message in cases:
        with pytest.raises(DataError, match=message):
            probe(z, labels, masks)
    with pytest.raises(DataError, match="entries are NaN or infinite"):
        probe(z.log(), y)
