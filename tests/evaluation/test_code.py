"""Does the classifier of codes find the classes that are there, and none that are not?"""

from __future__ import annotations

import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier

from graphdam.evaluation.code import code_macro_f1


def ring(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of two classes that no line parts: within a circle, and around it."""
    generator = torch.Generator().manual_seed(count)
    z = torch.randn(count, 2, generator=generator)
    return z, (z.norm(dim=1) > 1.2).long()


def test_it_finds_classes_that_no_line_parts() -> None:
    assert code_macro_f1(*ring(600), *ring(300)) > 0.9


def test_it_tells_nothing_of_drawn_classes() -> None:
    (z, _), (z_test, _) = ring(600), ring(300)
    y, y_test = torch.arange(600) % 2, torch.arange(300) % 2
    assert code_macro_f1(z, y, z_test, y_test) == pytest.approx(0.5, abs=0.12)


def test_the_scale_of_a_dimension_does_not_matter() -> None:
    scale, shift = torch.tensor([4.0, 0.25]), torch.tensor([8.0, -2.0])
    (z, y), (z_test, y_test) = ring(200), ring(100)
    moved = code_macro_f1(z * scale + shift, y, z_test * scale + shift, y_test)
    assert moved == pytest.approx(code_macro_f1(z, y, z_test, y_test), abs=0.02)


def test_on_standardised_codes_it_is_the_authors_classifier() -> None:
    (z, y), (z_test, y_test) = ring(100), ring(80)
    mean, std = z.mean(0), z.std(0, correction=0)
    theirs = MLPClassifier(hidden_layer_sizes=(50, 50), random_state=1, max_iter=100)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(((z - mean) / std).numpy(), y.numpy())
    predicted = theirs.predict(((z_test - mean) / std).numpy())
    expected = f1_score(y_test.numpy(), predicted, average="macro")
    assert code_macro_f1(z, y, z_test, y_test) == pytest.approx(expected, abs=0.02)
