"""graphdam learns how wide a graph neural network has to be, and hands back the smaller network.

Names are resolved when they are first used, so that `graphdam --help` need not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from graphdam._version import __version__

if TYPE_CHECKING:
    from graphdam.compaction import (
        attach_gates,
        compact_model,
        deviation,
        load_compact,
        save_compact,
    )
    from graphdam.data import load_graph
    from graphdam.gates import DAMGate
    from graphdam.nn import GAT, GCN, MLP, GraphSAGE
    from graphdam.pipeline import run
    from graphdam.training import Settings, Trainer, narrow

_HOME = {
    "DAMGate": "gates",
    "GAT": "nn",
    "GCN": "nn",
    "GraphSAGE": "nn",
    "MLP": "nn",
    "Settings": "training",
    "Trainer": "training",
    "attach_gates": "compaction",
    "compact_model": "compaction",
    "deviation": "compaction",
    "load_compact": "compaction",
    "load_graph": "data",
    "narrow": "training",
    "run": "pipeline",
    "save_compact": "compaction",
}

_ON_ANY_MODEL = {"attach_gates", "compact_model", "load_compact", "save_compact"}
"""What takes anybody's model: it is to know PyG's layers, of which `compaction` knows nothing."""

__all__ = [
    "GAT",
    "GCN",
    "MLP",
    "DAMGate",
    "GraphSAGE",
    "Settings",
    "Trainer",
    "__version__",
    "attach_gates",
    "compact_model",
    "deviation",
    "load_compact",
    "load_graph",
    "narrow",
    "run",
    "save_compact",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'graphdam' has no attribute '{name}'")
    if name in _ON_ANY_MODEL:
        import_module("graphdam.nn.tracing_rules")
    return getattr(import_module(f"graphdam.{_HOME[name]}"), name)
