"""The methods DAM is compared with: ways to be small that need no gate."""

from graphdam.baselines.minge import minge_width, structure_entropy
from graphdam.baselines.projection import pca, top_variance, truncate_columns

__all__ = ["minge_width", "pca", "structure_entropy", "top_variance", "truncate_columns"]
