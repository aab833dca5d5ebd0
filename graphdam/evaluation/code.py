"""What an autoencoder's code tells of the classes that it was learnt without."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor

HIDDEN = (50, 50)
EPOCHS = 100
"""At most; training ends earlier where the loss stands still."""


def code_macro_f1(z_train: Tensor, y_train: Tensor, z_test: Tensor, y_test: Tensor) -> float:
    """Macro-F1 on test rows of a small classifier of codes, fitted on the training rows.

    It is that of the authors' code to `"Learning Compact Representations of Neural Networks using
    DiscriminAtive Masking (DAM)" <https://arxiv.org/abs/2110.00684>`_: scikit-learn's MLP with two
    hidden layers of 50, at most 100 epochs, one fixed seed. Departure: every dimension is
    standardised by the training rows, as a compact model's code carries no gate's values.

    Args:
        z_train: codes [n, d], float.
        y_train: classes [n].
        z_test: codes [m, d].
        y_test: classes [m].

    >>> import torch
    >>> z = torch.tensor([[-2.0], [2.0], [-1.0], [3.0]]).repeat(50, 1)
    >>> y = (z[:, 0] > 0).long()
    >>> code_macro_f1(z, y, z[:4], y[:4])
    1.0
    """
    scaler = StandardScaler()
    x = scaler.fit_transform(z_train.cpu().numpy())
    classifier = MLPClassifier(hidden_layer_sizes=HIDDEN, max_iter=EPOCHS, random_state=1)
    with warnings.catch_warnings():
        # the number of epochs is part of the protocol
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(x, y_train.cpu().numpy())
    predicted = classifier.predict(scaler.transform(z_test.cpu().numpy()))
    return float(f1_score(y_test.cpu().numpy(), predicted, average="macro", zero_division=0.0))
