"""Deliberately wrong slicing rules: the equality of gated and compact outputs notices each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphdam.compaction import deviation
from graphdam.gates import Gate
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE
from graphdam.nn.gated_linear import GatedLinear

EXACT, NOTICED = 1e-9, 1e-3


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
    chosen_gates: None,
) -> None:
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
