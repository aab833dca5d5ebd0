"""Encoders whose sums, means, maxima and attention a part of a graph must keep."""

from __future__ import annotations

from typing import Any

import pytest

from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

KINDS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GraphSAGE, {}),
    (GraphSAGE, {"aggr": "sum"}),
    (GraphSAGE, {"aggr": "max"}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "v2": True, "residual": True}),
]
every_kind = pytest.mark.parametrize(("kind", "arguments"), KINDS)
