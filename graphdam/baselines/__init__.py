"""What DAM is compared with: ways to be small, and systems that learn to be, without a gate."""

from graphdam.baselines.aswl import SparseAttention
from graphdam.baselines.compression import (
    factorised,
    largest_filters,
    largest_gated_filters,
    without_filters,
)
from graphdam.baselines.frank_wolfe import FrankWolfe, balls_of, make_ball
from graphdam.baselines.irrelevance import (
    PruningLoop,
    add_irrelevance_gradient,
    irrelevance,
    irrelevance_penalty,
)
from graphdam.baselines.masks import WeightMasks, num_nonzero, weights_of, zero_shares
from graphdam.baselines.minge import minge_width, structure_entropy
from graphdam.baselines.norm_balls import (
    GroupKSupportBall,
    KSparsePolytope,
    KSupportBall,
    L2Ball,
    NormBall,
    k_support_norm,
)
from graphdam.baselines.projection import pca, top_variance, truncate_columns
from graphdam.baselines.ratings import RATING_RIVALS, Guess
from graphdam.baselines.spectral_ball import SpectralKSupportBall, nuclear_ball

__all__ = [
    "RATING_RIVALS",
    "FrankWolfe",
    "GroupKSupportBall",
    "Guess",
    "KSparsePolytope",
    "KSupportBall",
    "L2Ball",
    "NormBall",
    "PruningLoop",
    "SparseAttention",
    "SpectralKSupportBall",
    "WeightMasks",
    "add_irrelevance_gradient",
    "balls_of",
    "factorised",
    "irrelevance",
    "irrelevance_penalty",
    "k_support_norm",
    "largest_filters",
    "largest_gated_filters",
    "make_ball",
    "minge_width",
    "nuclear_ball",
    "num_nonzero",
    "pca",
    "structure_entropy",
    "top_variance",
    "truncate_columns",
    "weights_of",
    "without_filters",
    "zero_shares",
]
