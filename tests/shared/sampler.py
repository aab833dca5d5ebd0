"""Whether PyG can draw neighbourhoods here, walk, and cut graphs; and a cut that needs no METIS."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import Tensor

from graphdam.errors import SettingsError
from graphdam.nn.partition import require_metis

has_sampler = any(importlib.util.find_spec(name) for name in ("pyg_lib", "torch_sparse"))

needs_sampler = pytest.mark.skipif(
    not has_sampler, reason="NeighborLoader needs pyg-lib or torch-sparse"
)

needs_walks = pytest.mark.skipif(
    importlib.util.find_spec("torch_sparse") is None, reason="GraphSAINT needs torch-sparse"
)


def _has_metis() -> bool:
    try:
        require_metis()
    except SettingsError:
        return False
    return True


needs_metis = pytest.mark.skipif(
    not _has_metis(), reason="clusters need METIS, of pyg-lib, torch-sparse or pymetis"
)


def stripes(edge_index: Tensor, num_nodes: int, num_clusters: int) -> Tensor:
    """Clusters of equally many nodes, every so manieth each: much is cut."""
    del edge_index
    return torch.arange(num_nodes) % num_clusters


def cut_into_stripes(patch: pytest.MonkeyPatch) -> None:
    """Have graphs cut into `stripes`, whether METIS is there or not."""
    patch.setattr("graphdam.nn.clusters.metis", stripes)
    patch.setattr("graphdam.nn.clusters.require_metis", lambda: None)
