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
from graphdam.errors import InexactError
from graphdam.gates import DAMGate, Gate, gates_of
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE
from graphdam.nn.gated_linear import GatedLinear
from graphdam.nn.gating import GATES

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


class ChosenGate(Gate):
    """Values as they were set, open channels anywhere: not only DAM's prefix."""

    chosen: Tensor

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels)
        self.register_buffer("chosen", torch.empty(num_channels))
        self.reset_parameters()

    def values(self) -> Tensor:
        return self.chosen

    def penalty(self) -> Tensor:
        return self.chosen.sum()

    def reset_parameters(self) -> None:
        self.chosen.copy_(torch.linspace(0.4, 1.7, self.num_channels))
        self.chosen[:: 2 if self.num_channels % 2 else 3] = 0.0
        self.chosen[-1] = 0.7


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
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(GATES, "chosen", ChosenGate)
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
    linear = conv(gat, 0).lin_edge.linear
    rows = (torch.arange(2)[:, None] * 4 + torch.arange(2)).flatten()
    conv(small, 0).lin_edge.weight = nn.Parameter(linear.weight.detach()[rows])
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


# Deliberately wrong rules: the equality above must notice each of them.


def conv(encoder: Encoder, layer: int) -> Any:
    return encoder.convs[layer]


def gate_of(encoder: Encoder, index: int) -> Gate:
    gate = encoder.gates[index]
    assert isinstance(gate, Gate)
    return gate


def unscaled_columns(linear: Any, gate: Gate) -> nn.Parameter:
    return nn.Parameter(linear.weight.detach()[:, gate.keep()])


def gcn_reader_without_values(wide: Encoder, small: Encoder) -> None:
    conv(small, 1).lin.weight = unscaled_columns(conv(wide, 1).lin, gate_of(wide, 0))


def gcn_rows_instead_of_columns(wide: Encoder, small: Encoder) -> None:
    keep = gate_of(wide, 0).keep()
    rows = conv(wide, 1).lin.weight.detach()[keep]
    conv(small, 1).lin.weight = nn.Parameter(rows.t() * gate_of(wide, 0).values()[keep])


def gcn_values_before_the_activation(wide: Encoder, small: Encoder) -> None:
    gate = gate_of(wide, 0)
    gcn_reader_without_values(wide, small)
    with torch.no_grad():
        conv(small, 0).lin.weight *= gate.values()[gate.keep(), None]
        conv(small, 0).bias *= gate.values()[gate.keep()]


def gcn_bias_forgotten(wide: Encoder, small: Encoder) -> None:
    conv(small, 0).bias = nn.Parameter(conv(wide, 0).bias.detach()[: small.widths[0]])


def gcn_output_bias_without_values(wide: Encoder, small: Encoder) -> None:
    conv(small, 1).bias = nn.Parameter(conv(wide, 1).bias.detach()[gate_of(wide, 1).keep()])


def sage_own_transform_without_values(wide: Encoder, small: Encoder) -> None:
    conv(small, 1).lin_r.weight = unscaled_columns(conv(wide, 1).lin_r, gate_of(wide, 0))


def sage_neighbours_without_values(wide: Encoder, small: Encoder) -> None:
    conv(small, 1).lin_l.weight = unscaled_columns(conv(wide, 1).lin_l, gate_of(wide, 0))


def norm_statistics_forgotten(name: str) -> Callable[[Encoder, Encoder], None]:
    def spoil(wide: Encoder, small: Encoder) -> None:
        of_wide: Any = wide.norms[0]
        of_small: Any = small.norms[0]
        taken = getattr(of_wide.module, name).detach()[: small.widths[0]]
        getattr(of_small.module, name).data.copy_(taken)

    return spoil


def graph_norm_mean_scale_forgotten(wide: Encoder, small: Encoder) -> None:
    of_wide: Any = wide.norms[0]
    of_small: Any = small.norms[0]
    of_small.mean_scale.data.copy_(of_wide.mean_scale.detach()[: small.widths[0]])


def gat_inner_values_forgotten(wide: Encoder, small: Encoder) -> None:
    """Gates the output of the layer only; the survivors vote with their full features."""
    for name in ("lin", "lin_l", "lin_r"):
        linear = getattr(conv(wide, 0), name, None)
        if linear is not None:
            gate, heads = gate_of(wide, 0), conv(wide, 0).heads
            rows = torch.arange(heads)[:, None] * gate.num_channels + gate.keep()
            rows = rows.flatten()
            getattr(conv(small, 0), name).weight = nn.Parameter(linear.linear.weight.detach()[rows])


def gat_reader_without_values(wide: Encoder, small: Encoder) -> None:
    """For every map of the second layer: `lin`, or `lin_l` and `lin_r`."""
    gate = gate_of(wide, 0)
    columns = (torch.arange(2)[:, None] * gate.num_channels + gate.keep()).flatten()
    for name in ("lin", "lin_l", "lin_r"):
        linear = getattr(conv(wide, 1), name, None)
        if linear is not None:
            getattr(conv(small, 1), name).weight = nn.Parameter(linear.weight.detach()[:, columns])


def gat_attention_keeps_the_output_values(wide: Encoder, small: Encoder) -> None:
    """The factor 1/s missing in the attention vectors of a gated output."""
    keep = gate_of(wide, 1).keep()
    for name in ("att_src", "att_dst", "att"):
        vector = getattr(conv(wide, 1), name, None)
        if vector is not None:
            setattr(conv(small, 1), name, nn.Parameter(vector.detach()[..., keep]))


def gat_residual_without_values(wide: Encoder, small: Encoder) -> None:
    keep = gate_of(wide, 1).keep()
    inputs = gate_of(wide, 0)
    weight = conv(wide, 1).res.weight.detach()[keep]
    columns = torch.arange(2)[:, None] * inputs.num_channels + inputs.keep()
    conv(small, 1).res.weight = nn.Parameter(
        weight[:, columns.flatten()] * inputs.values()[inputs.keep()].repeat(2)
    )


def lstm_without_values(wide: Encoder, small: Encoder) -> None:
    of_wide: Any = wide.jk
    of_small: Any = small.jk
    keep = gate_of(wide, 0).keep()
    of_small.lstm.weight_ih_l0.data.copy_(of_wide.lstm.weight_ih_l0.detach()[:, keep])


def cat_reader_shifted(wide: Encoder, small: Encoder) -> None:
    """Forgets that the second layer's channels begin behind the first's."""
    of_wide: Any = wide.lin
    of_small: Any = small.lin
    columns = torch.cat([gate_of(wide, index).keep() for index in range(2)])
    values = torch.cat([gate_of(wide, index).values() for index in range(2)])[columns]
    of_small.weight = nn.Parameter(of_wide.weight.detach()[:, columns] * values)


MISTAKES: dict[str, tuple[Callable[[], Encoder], Callable[[Encoder, Encoder], None]]] = {
    mistake: (lambda kind=kind, arguments=arguments: kind(7, 8, 2, gate="dam", **arguments), spoil)  # type: ignore[misc]
    for mistake, kind, arguments, spoil in [
        ("gcn: reader without values", GCN, {"out_channels": 8}, gcn_reader_without_values),
        ("gcn: rows for columns", GCN, {"out_channels": 8}, gcn_rows_instead_of_columns),
        ("gcn: values before act", GCN, {"act": "elu"}, gcn_values_before_the_activation),
        ("gcn: bias forgotten", GCN, {}, gcn_bias_forgotten),
        ("gcn: output bias", GCN, {"gate_output": True}, gcn_output_bias_without_values),
        ("sage: own transform", GraphSAGE, {}, sage_own_transform_without_values),
        ("sage: neighbours", GraphSAGE, {}, sage_neighbours_without_values),
        *[
            (f"batch norm: {name}", GCN, {"norm": "batch_norm"}, norm_statistics_forgotten(name))
            for name in ("weight", "bias", "running_mean", "running_var")
        ],
        ("graph norm", GCN, {"norm": "graph_norm"}, graph_norm_mean_scale_forgotten),
        ("gat: output only", GAT, {"heads": 2}, gat_inner_values_forgotten),
        ("gatv2: output only", GAT, {"heads": 2, "v2": True}, gat_inner_values_forgotten),
        ("gat: reader", GAT, {"heads": 2, "out_channels": 3}, gat_reader_without_values),
        (
            "gatv2: reader",
            GAT,
            {"heads": 2, "out_channels": 3, "v2": True},
            gat_reader_without_values,
        ),
        (
            "gat: no 1/s in attention",
            GAT,
            {"gate_output": True},
            gat_attention_keeps_the_output_values,
        ),
        (
            "gatv2: no 1/s in attention",
            GAT,
            {"gate_output": True, "v2": True},
            gat_attention_keeps_the_output_values,
        ),
        (
            "gat: residual",
            GAT,
            {"heads": 2, "residual": True, "out_channels": 8, "gate_output": True},
            gat_residual_without_values,
        ),
        ("jk lstm", GCN, {"jk": "lstm", "out_channels": 3}, lstm_without_values),
        ("jk cat", GCN, {"jk": "cat", "out_channels": 3}, cat_reader_shifted),
    ]
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_wrong_rule_is_noticed(
    mistake: str,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(GATES, "chosen", ChosenGate)
    make, spoil = MISTAKES[mistake]
    config = {**make().config, "gate": "chosen"}
    wide: Encoder = shake(type(make())(**config))
    small = wide.compact()
    keep = wide.open_outputs
    assert deviation(wide, small, x, edge_index, relative=True, keep=keep) < EXACT
    spoil(wide, small)
    assert deviation(wide, small, x, edge_index, relative=True, keep=keep) > NOTICED


@pytest.mark.parametrize("v2", [False, True])
def test_without_the_inner_gate_closed_channels_would_vote(
    v2: bool, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    """Why GAT has a gate inside: with one at the end only, no slicing is exact."""
    wide = shake(GAT(7, 8, 2, 5, heads=2, v2=v2, act="elu", gate="dam"), [2])
    small = wide.compact()
    assert deviation(wide, small, x, edge_index, relative=True) < EXACT
    first = wide.convs[0]
    for name in ("lin", "lin_l", "lin_r"):
        if isinstance(getattr(first, name, None), GatedLinear):
            setattr(first, name, getattr(first, name).linear)
    gat_inner_values_forgotten_in(wide, small)
    assert deviation(wide, small, x, edge_index, relative=True) > NOTICED


def gat_inner_values_forgotten_in(ungated: Encoder, small: Encoder) -> None:
    gate = gate_of(ungated, 0)
    rows = (torch.arange(2)[:, None] * gate.num_channels + gate.keep()).flatten()
    for name in ("lin", "lin_l", "lin_r"):
        linear = getattr(conv(ungated, 0), name, None)
        if linear is not None:
            getattr(conv(small, 0), name).weight = nn.Parameter(linear.weight.detach()[rows])


# Arrangements from which channels cannot be removed exactly.


@pytest.mark.parametrize(
    ("encoder", "arguments", "message"),
    [
        (GCN, {"norm": "layer_norm"}, "norm 'LayerNorm' mixes channels, so the outputs would"),
        (GCN, {"norm": "pair_norm"}, "norm 'PairNorm' mixes channels, so the outputs would"),
        (GAT, {"norm": "message_norm"}, "norm 'MessageNorm' mixes channels"),
        (GCN, {"act": "softmax", "act_kwargs": {"dim": -1}}, "act 'Softmax' mixes channels, so"),
        (GCN, {"act": nn.Softmax(dim=-1)}, "act 'Softmax' mixes channels, so the outputs would"),
        (
            GCN,
            {"act": "prelu", "act_kwargs": {"num_parameters": 8}},
            "act 'PReLU' with num_parameters=8 is one module for layers whose widths will differ: "
            "use num_parameters=1, or gate=None.",
        ),
        (
            GraphSAGE,
            {"normalize": True},
            "GraphSAGE with normalize=True divides by the norm over all channels, so the outputs "
            "would change when closed channels are removed: use normalize=False, or gate=None.",
        ),
        (
            GraphSAGE,
            {"project": True},
            "GraphSAGE with project=True maps its inputs to channels of its own, which no gate "
            "rules, so the outputs would change when closed channels are removed: use "
            "project=False, or gate=None.",
        ),
        (
            GraphSAGE,
            {"aggr": "lstm"},
            "aggr 'lstm' does not commute with a gate's values, so they could not be folded into "
            "the layer: use one of mean, sum, add, max, min, or gate=None.",
        ),
        (GraphSAGE, {"aggr": ["mean", "max"]}, "aggr ['mean', 'max'] does not commute with"),
    ],
)
def test_what_mixes_channels_is_refused_with_gates_only(
    encoder: type[Encoder], arguments: dict[str, Any], message: str
) -> None:
    if "message_norm" not in arguments.values():
        encoder(7, 8, 2, 3, **arguments)
    else:
        arguments = {"norm": MessageNormLike()}
        message = message.replace("MessageNorm", "MessageNormLike")
    with pytest.raises(InexactError) as caught:
        encoder(7, 8, 2, 3, gate="dam", **arguments)
    assert str(caught.value).startswith(message)


class MessageNormLike(nn.Module):
    """A norm that nobody has heard of."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x / x.norm(dim=-1, keepdim=True)
        return out


def test_a_hand_made_mixing_activation_is_refused() -> None:
    def rotate(x: Tensor) -> Tensor:
        return x.roll(1, dims=-1)

    with pytest.raises(InexactError, match="act 'rotate' mixes channels"):
        GCN(7, 8, 2, 3, act=rotate, gate="dam")
    GCN(7, 8, 2, 3, act=torch.tanh, gate="dam")


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
