"""How PyG's linear layer and norms lose channels: slicing rules, registered on import."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import JumpingKnowledge
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.norm import (
    BatchNorm,
    DiffGroupNorm,
    GraphNorm,
    GraphSizeNorm,
    LayerNorm,
    MeanSubtractionNorm,
    MessageNorm,
    PairNorm,
)

from graphdam.compaction import (
    absorbs_nothing,
    mixing_norm,
    num_inputs,
    num_outputs,
    select,
    shallow,
    slice_in,
    slice_out,
)
from graphdam.errors import InexactError


@slice_out.register(Linear)
def _(layer: Linear, keep: Tensor, scale: Tensor | None = None) -> Linear:
    new = shallow(layer)
    new.weight = select(layer.weight, 0, keep, scale)
    new.bias = select(layer.bias, 0, keep, scale)
    new.out_channels = keep.numel()
    return new


@slice_in.register(Linear)
def _(layer: Linear, keep: Tensor, scale: Tensor) -> Linear:
    new = shallow(layer)
    new.weight = select(layer.weight, 1, keep, scale)
    new.in_channels = keep.numel()
    return new


@num_inputs.register(Linear)
def _(layer: Linear) -> int:
    return int(layer.in_channels)


@num_outputs.register(Linear)
def _(layer: Linear) -> int:
    return int(layer.out_channels)


@num_outputs.register(BatchNorm)
@num_outputs.register(GraphNorm)
def _(layer: BatchNorm | GraphNorm) -> int:
    return int(layer.in_channels)


@slice_out.register(BatchNorm)
def _(layer: BatchNorm, keep: Tensor, scale: Tensor | None = None) -> BatchNorm:
    new = shallow(layer)
    new.module = slice_out(layer.module, keep, scale)
    new.in_channels = keep.numel()
    return new


@slice_out.register(GraphNorm)
def _(layer: GraphNorm, keep: Tensor, scale: Tensor | None = None) -> GraphNorm:
    new = shallow(layer)
    for name, parameter in layer.named_parameters(recurse=False):
        factor = scale if name in ("weight", "bias") else None
        setattr(new, name, select(parameter, 0, keep, factor))
    new.in_channels = keep.numel()
    return new


@slice_out.register(GraphSizeNorm)
@slice_out.register(MeanSubtractionNorm)
def _(layer: nn.Module, keep: Tensor, scale: Tensor | None = None) -> nn.Module:
    if scale is not None:
        raise InexactError(absorbs_nothing(layer))
    return layer


@slice_out.register(LayerNorm)
@slice_out.register(PairNorm)
@slice_out.register(DiffGroupNorm)
@slice_out.register(MessageNorm)
def _(layer: nn.Module, keep: Tensor, scale: Tensor | None = None) -> nn.Module:
    raise InexactError(mixing_norm(type(layer).__name__, "over all channels of a node or graph"))


@slice_in.register(JumpingKnowledge)
def _(layer: JumpingKnowledge, keep: Tensor, scale: Tensor) -> JumpingKnowledge:
    if layer.mode != "lstm":
        return layer
    new = shallow(layer)
    lstm: nn.LSTM = shallow(layer.lstm)
    lstm._flat_weights = list(layer.lstm._flat_weights)  # an LSTM updates it as weights are set
    for suffix in ("l0", "l0_reverse"):
        name = f"weight_ih_{suffix}"
        setattr(lstm, name, select(getattr(layer.lstm, name), 1, keep, scale))
    lstm.input_size = keep.numel()
    new.lstm = lstm
    new.channels = keep.numel()
    return new


@num_inputs.register(JumpingKnowledge)
def _(layer: JumpingKnowledge) -> int:
    if layer.channels is None:
        raise InexactError(f"A JumpingKnowledge of mode {layer.mode!r} has no channels of its own.")
    return int(layer.channels)
