"""What the compact model of gated images' models costs at any widths, without building it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from graphdam.compaction import GatedModel
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.module_cost import layer_multiply_adds

_KNOWN = (nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass
class PlannedCost:
    r"""Parameters and multiply-adds after a compaction, told from its plan.

    A layer that keeps :math:`k_\mathrm{in}` of :math:`C_\mathrm{in}` inputs and
    :math:`k_\mathrm{out}` of :math:`C_\mathrm{out}` outputs keeps the share
    :math:`k_\mathrm{in} k_\mathrm{out} / (C_\mathrm{in} C_\mathrm{out})` of its products and of
    its weights, and :math:`k_\mathrm{out} / C_\mathrm{out}` of its biases, exactly.

    Args:
        gated: of linear layers, ungrouped 2d convolutions and batch norms alone.
        shape: of an image or a point: what the model reads, without the axis of the batch.
    """

    gated: GatedModel
    shape: tuple[int, ...]
    products: dict[str, int] = field(init=False)
    sizes: dict[str, list[torch.Size]] = field(init=False)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        assert self.knows(self.gated), "no rule for a layer"
        model = self.gated.model
        device = next(model.parameters()).device
        self.products = layer_multiply_adds(model, torch.zeros(1, *self.shape, device=device))
        self.sizes = {}
        for path, module in model.named_modules():
            self.sizes[path] = [each.shape for each in module.parameters(recurse=False)]
        self.total = num_parameters(model)

    @staticmethod
    def knows(gated: GatedModel) -> bool:
        """Whether a model is of these layers alone."""
        return all(
            isinstance(module, _KNOWN) and getattr(module, "groups", 1) == 1
            for module in gated.model.modules()
            if next(module.parameters(recurse=False), None) is not None
        )

    def __call__(self, *widths: int) -> dict[str, int]:
        """The cost with the first channels of every group, so many of each."""
        keep = [torch.arange(width) for width in widths]
        names = [group.name for group in self.gated.groups]
        plan = self.gated.plan(keep=dict(zip(names, keep, strict=True)))
        assert not plan.tensors, "no rule for parameters outside layers"
        products, parameters = sum(self.products.values()), self.total
        for layer in plan.layers:
            inputs = 1, 1
            outputs = 1, 1
            if layer.inputs is not None:
                inputs = layer.inputs.keep.numel(), layer.inputs.total
            if layer.outputs is not None:
                outputs = layer.outputs.keep.numel(), layer.outputs.total
            kept, whole = inputs[0] * outputs[0], inputs[1] * outputs[1]
            now = self.products.get(layer.layer, 0)
            products += now * kept // whole - now
            for size in self.sizes[layer.layer]:
                share = (kept, whole) if len(size) > 1 else outputs
                parameters += size.numel() * share[0] // share[1] - size.numel()
        return {"parameters": parameters, "multiply_adds": products}
