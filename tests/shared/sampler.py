"""Whether PyG can draw neighbourhoods here."""

from __future__ import annotations

import importlib.util

import pytest

has_sampler = any(importlib.util.find_spec(name) for name in ("pyg_lib", "torch_sparse"))

needs_sampler = pytest.mark.skipif(
    not has_sampler, reason="NeighborLoader needs pyg-lib or torch-sparse"
)
