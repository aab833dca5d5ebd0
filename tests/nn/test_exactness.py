"""Compaction is exact: a gated encoder and its compact one have the same outputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import BatchNorm, GraphSizeNorm, MeanSubtractionNorm, MessagePassing

from graphdam.compaction import deviation
from graphdam.gates import DAMGate, gates_of
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE
from graphdam.nn.gated_linear import GatedLinear

NUM_FEATURES = 7
EXACT, NOTICED = 1e-9, 1e-3

ENCODERS: dict[str, tuple[type[Encoder], dict[str, Any]]] = {
    "gcn": (GCN, {}),
    "gcn improved": (GCN, {"improved": True, "bias": False}),
    "sage": (GraphSAGE, {}),
    "sage max": (GraphSAGE, {"aggr": "max"}),
    "sage sum without root": (GraphSAGE, {"aggr": "sum", "root_weight": False}),
    "gat": (GAT, {"heads": 1}),
    "gat of 4 heads": (GAT, {"heads": 4}),
    "gat, heads averaged": (GAT, {"heads": 2, "concat": False}),
    "gat with residual": (GAT, {"heads": 2, "residual": True}),
    "gatv2": (GAT, {"v2": True, "heads": 1}),
    "gatv2 of 4 heads": (GAT, {"v2": True, "heads": 4}),
    "gatv2, heads averaged": (GAT, {"v2": True, "heads": 2, "concat": False}),
    "gatv2, shared": (GAT, {"v2": True, "heads": 2, "share_weights": True, "residual": True}),
}
JKS = [None, "last", "cat", "max", "lstm"]
WIDTHS = [[1], [99], [1, 99], [99, 1], [3, 1, 2], [2, 3], [1, 2, 99]]
ACTS: list[dict[str, Any]] = [
    {"act": "elu"},
    {"act": "sigmoid"},
    {"act": "relu", "act_first": True},
    {"act": None},
    {"act": "prelu"},
    {"act": "leaky_relu", "act_kwargs": {"negative_slope": 0.3}},
]
NORMS = [None, "batch_norm", "graph_norm", "instance_norm", "batch_norm"]


def arrangements() -> list[dict[str, Any]]:
    """Every jk × output × gated output × depth; activations, norms and widths in turn."""
    acts, norms = itertools.cycle(ACTS), itertools.cycle(NORMS)
    return [
        {
            "jk": jk,
            "out_channels": out,
            "gate_output": gate_output,
            "num_layers": depth,
            **next(acts),
            "norm": next(norms),
        }
        for depth, jk, out, gate_output in itertools.product(
            (1, 2, 3), JKS, (None, 5), (False, True)
        )
        if not (depth == 3 and gate_output and out is None)
    ]


def build(kind: str, settings: dict[str, Any], **more: Any) -> Encoder:
    encoder, arguments = ENCODERS[kind]
    gate = {"gate": "dam", "gate_kwargs": {"steepness": 3.0}}
    return encoder(NUM_FEATURES, 8, **{**gate, **settings, **arguments, **more})


@pytest.mark.parametrize("kind", ENCODERS)
def test_gated_and_compact_outputs_are_equal(
    kind: str, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    patterns = itertools.cycle(WIDTHS)
    for seed, settings in enumerate(arrangements()):
        wide: Encoder = shake(build(kind, settings), next(patterns), seed=seed)
        label = f"{settings}, widths {wide.widths}"
        small = wide.compact()
        assert small.widths == wide.widths, label
        assert not gates_of(small), label
        assert not any(isinstance(module, GatedLinear) for module in small.modules()), label
        keep = wide.open_outputs
        assert deviation(wide, small, x, edge_index, relative=True, keep=keep) < EXACT, label
        wide.float()
        single = wide.compact()
        assert next(single.parameters()).dtype == torch.float32
        far = deviation(wide, single, x.float(), edge_index, relative=True, keep=keep)
        assert far < 1e-5, label


@pytest.mark.parametrize("kind", ENCODERS)
def test_open_channels_need_not_be_a_prefix(
    kind: str,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    chosen_gates: None,
) -> None:
    for seed, settings in enumerate(arrangements()[::3]):
        wide = shake(build(kind, settings, gate="chosen", gate_kwargs=None), seed=seed)
        small = wide.compact()
        assert small.widths == wide.widths
        keep = wide.open_outputs
        assert deviation(wide, small, x, edge_index, relative=True, keep=keep) < EXACT, settings


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("jk", [None, "cat"])
def test_equal_in_training_mode_too(
    kind: str, jk: str | None, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    """A batch norm takes its statistics from the batch, a channel at a time."""
    settings = {"jk": jk, "out_channels": 5, "num_layers": 3, "act": "elu", "norm": "batch_norm"}
    wide = shake(build(kind, settings), [3, 1]).train()
    small = wide.compact()
    assert small.training
    torch.testing.assert_close(small(x, edge_index), wide(x, edge_index), rtol=0, atol=EXACT)


@pytest.mark.parametrize("v2", [False, True])
def test_edge_attributes_and_edge_weights_pass_too(
    v2: bool, x: Tensor, edge_index: Tensor, edge_weight: Tensor, shake: Callable[..., Any]
) -> None:
    attributes = torch.randn(edge_index.size(1), 3, dtype=torch.float64)
    gat = shake(GAT(7, 8, 2, 5, heads=2, v2=v2, edge_dim=3, gate="dam", gate_output=True), [2, 3])
    inputs = (x, edge_index, None, attributes)
    small, keep = gat.compact(), gat.open_outputs
    assert deviation(gat, small, *inputs, relative=True, keep=keep) < EXACT
    # a wrong rule: the attributes' map without the gate's values
    linear = gat.convs[0].lin_edge.linear
    rows = (torch.arange(2)[:, None] * 4 + torch.arange(2)).flatten()
    small.convs[0].lin_edge.weight = nn.Parameter(linear.weight.detach()[rows])
    assert deviation(gat, small, *inputs, relative=True, keep=keep) > NOTICED
    gcn = shake(GCN(7, 8, 2, 5, gate="dam"), [3])
    assert deviation(gcn, gcn.compact(), x, edge_index, edge_weight, relative=True) < EXACT


def test_norms_that_read_the_batch(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    same = edge_index[0] % 2 == edge_index[1] % 2
    order = torch.cat([torch.arange(0, 24, 2), torch.arange(1, 24, 2)]).argsort()
    batch = torch.arange(24) // 12
    for norm in ("graph_norm", "instance_norm", GraphSizeNorm(), MeanSubtractionNorm()):
        wide = shake(GCN(7, 8, 3, 5, norm=norm, gate="dam"), [3, 5])
        inputs = (x, order[edge_index[:, same]], None, None, batch, 2)
        assert deviation(wide, wide.compact(), *inputs, relative=True) < EXACT
        assert deviation(wide, wide, *inputs[:4]) == 0.0


def test_a_norm_given_as_a_module_is_sliced_like_one_given_by_name(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    wide = shake(GCN(7, 8, 3, 5, norm=BatchNorm(8), gate="dam"), [3, 5])
    small = wide.compact()
    assert small.widths == [3, 5]
    assert deviation(wide, small, x, edge_index, relative=True) < EXACT


def test_the_gated_encoder_is_untouched(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    wide = shake(GAT(7, 8, 2, 5, heads=2, norm="batch_norm", gate="dam", gate_output=True), [2])
    before = {name: value.clone() for name, value in wide.state_dict().items()}
    config = dict(wide.config)
    small = wide.compact()
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.fill_(9.0)
    assert wide.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in wide.state_dict().items())
    assert wide.config == config
    assert type(small) is GAT
    assert small.config["gate"] is None


def test_compacting_twice_changes_nothing(shake: Callable[..., Any]) -> None:
    small = shake(GCN(7, 8, 3, 5, jk="lstm", gate="dam"), [3]).compact()
    again = small.compact()
    assert again.config == small.config
    for name, value in again.state_dict().items():
        assert torch.equal(value, small.state_dict()[name])


def test_dropout_follows_the_gate_and_keeps_closed_channels_closed(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    wide = shake(GCN(7, 8, 2, dropout=0.5, gate="dam", gate_output=True), [3, 2]).train()
    assert bool((wide(x, edge_index)[:, 2:] == 0).all())
    assert deviation(wide, wide.compact(), x, edge_index, keep=wide.open_outputs) < EXACT


def test_the_plan_prints_the_layers_by_hand() -> None:
    encoder = GCN(7, 8, 2, 3, norm="batch_norm", gate="dam", gate_kwargs={"initial_offset": -2.5})
    assert encoder.widths == [3]
    assert str(encoder.compaction_plan()).splitlines() == [
        "layer    type       inputs  outputs",
        "convs.0  GCNConv    –       8 → 3",
        "convs.1  GCNConv    8 → 3   –",
        "norms.0  BatchNorm  –       8 → 3",
    ]


def test_compact_layers_are_plain(shake: Callable[..., Any]) -> None:
    for kind, arguments in ENCODERS.values():
        small = shake(kind(7, 8, 2, 5, gate="dam", **arguments), [2]).compact()
        for layer in small.convs:
            assert isinstance(layer, MessagePassing)
            assert type(layer).__module__.startswith("torch_geometric.nn.conv")
        assert not any(isinstance(module, DAMGate) for module in small.modules())


def widths_of_compact(widths: Sequence[int], encoder: Encoder) -> list[int]:
    for gate, width in zip(encoder.gates, widths, strict=True):
        assert isinstance(gate, DAMGate)
        gate.set_offset(gate.offset_of(width))
    return encoder.compact().widths


def test_widths_by_hand() -> None:
    assert widths_of_compact([3], GCN(7, 8, 2, 5, gate="dam")) == [3]
    assert widths_of_compact([3], GAT(7, 8, 2, 5, heads=2, gate="dam")) == [6]
    assert widths_of_compact([3, 2], GCN(7, 8, 2, gate="dam", gate_output=True)) == [3, 2]
    assert widths_of_compact([3, 1], GCN(7, [8, 4], 2, 5, jk="cat", gate="dam")) == [3, 1]
    assert widths_of_compact([3], GCN(7, 8, 3, 5, jk="max", gate="dam")) == [3, 3, 3]
