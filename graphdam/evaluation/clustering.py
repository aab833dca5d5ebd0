"""Whether the clusters of an embedding are the classes of its nodes."""

from __future__ import annotations

import warnings

from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor

from graphdam.errors import DataError, SettingsError
from graphdam.evaluation.embedding import Normalization, normalized

STARTS = 10
"""k-means is started this often, and the tightest clustering is kept."""


def clustering_nmi(
    z: Tensor,
    y: Tensor,
    *,
    num_clusters: int | None = None,
    normalize: Normalization = "standardize",
    seed: int,
) -> float:
    r"""Normalised mutual information of the labels with a k-means clustering of the embedding.

    .. math::
        \mathrm{NMI}(Y, K) = \frac{2 \, I(Y; K)}{H(Y) + H(K)}

    with mutual information :math:`I` and entropies :math:`H` of classes :math:`Y` and clusters
    :math:`K`: 1 if the clusters are the classes, whatever their numbers; 0 if they say nothing
    about them. All nodes are clustered, and those with a label are scored.

    Args:
        z: embedding [N, D].
        y: class of every node [N], −1 where unknown.
        num_clusters: as many as there are classes if None.
        normalize: `standardize` every dimension, or divide every row by its `l2` norm.
        seed: of k-means' starts.

    Returns:
        A number in [0, 1].

    Raises:
        DataError: `z` is not finite, or `y` is not one class a node.
        SettingsError: an unknown way to normalise, or an impossible number of clusters.

    >>> import torch
    >>> z = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    >>> clustering_nmi(z, torch.tensor([1, 1, 0, 0]), seed=0)
    1.0
    """
    if y.shape != z.shape[:1]:
        raise DataError(
            f"The labels `y` of a clustering must have shape [{len(z)}], one class a row of the"
            f" embedding `z`, but have shape {list(y.shape)}."
        )
    known = y >= 0
    if not known.any():
        raise DataError("No node has a label in `y`, but clusters are compared with labels.")
    if num_clusters is None:
        num_clusters = len(set(y[known].tolist()))
    if not 1 <= num_clusters <= len(z):
        raise SettingsError(
            f"num_clusters must be between 1 and the {len(z)} nodes, but is {num_clusters}."
        )
    model = KMeans(num_clusters, n_init=STARTS, random_state=seed)
    with warnings.catch_warnings():
        # rows that coincide may leave fewer clusters, which the score shows
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = model.fit_predict(normalized(z, normalize=normalize))
    known = known.cpu()
    return float(normalized_mutual_info_score(y.cpu()[known].numpy(), clusters[known.numpy()]))
