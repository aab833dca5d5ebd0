"""Does the plan alone tell what the compact model costs?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from graphdam.compaction import GatedModel
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.module_cost import module_multiply_adds
from graphdam.gates import DAMGate
from graphdam.nn import ImageModel
from graphdam.nn.image_cost import PlannedCost

MODELS: list[tuple[str, dict[str, Any], tuple[int, int, int]]] = [
    ("mlp", {"in_channels": 784, "hidden_channels": [30, 20]}, (1, 28, 28)),
    ("lenet5", {"in_channels": 1}, (1, 28, 28)),
    ("vgg16", {"in_channels": 3}, (3, 32, 32)),
    ("preresnet", {"in_channels": 3, "depth": 8}, (3, 32, 32)),
    ("preresnet", {"in_channels": 3, "depth": 29}, (3, 32, 32)),  # bottlenecks
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "arguments", "shape"), MODELS)
def test_it_is_what_is_counted_on_the_compact_model(
    kind: str, arguments: dict[str, Any], shape: tuple[int, int, int], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    wide = ImageModel.wide(kind, {**arguments, "out_channels": 10}, shape)
    net = wide.gated(DAMGate, min_width=0 if kind == "preresnet" else 1).net
    assert isinstance(net, GatedModel)
    widths = {}
    for group in net.groups:
        least = 0 if group.can_vanish else 1
        width = torch.randint(least, group.num_channels + 1, (), generator=generator)
        widths[group.name] = int(width)
    small = net.compact(keep={name: torch.arange(width) for name, width in widths.items()})
    assert PlannedCost(net, shape)(*widths.values()) == {
        "parameters": num_parameters(small),
        "multiply_adds": module_multiply_adds(small, torch.zeros(1, *shape)),
    }
