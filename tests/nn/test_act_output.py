"""Norm and activation after the last convolution: is a gate on them still removed exactly?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn.norm import GraphSizeNorm, MeanSubtractionNorm

from graphdam.compaction import deviation
from graphdam.errors import InexactError, SettingsError
from graphdam.gates import DAMGate, Gate, HardConcreteGate, L1Gate, gates_of
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

EXACT, NOTICED = 1e-9, 1e-3

KINDS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GraphSAGE, {}),
    (GraphSAGE, {"aggr": "max"}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "v2": True, "residual": True}),
    (GAT, {"heads": 2, "concat": False}),
]
every_kind = pytest.mark.parametrize(("kind", "arguments"), KINDS)
every_norm = pytest.mark.parametrize("norm", [None, "batch_norm", "graph_norm"])
every_gate = pytest.mark.parametrize("gate", ["dam", "l1", "l0"])


def close_some(encoder: Encoder) -> Encoder:
    """Other channels in every layer; those of L1 and L0 are no prefix."""
    with torch.no_grad():
        for index, gate in enumerate(gates_of(encoder).values()):
            grades = torch.linspace(-1.0, 1.5, gate.num_channels).roll(index + 1)
            if isinstance(gate, DAMGate):
                gate.set_offset(gate.offset_of(max(1, gate.num_channels - index - 1)))
            elif isinstance(gate, L1Gate):
                gate.scale.copy_(torch.where(grades < 0, grades / 100, 0.2 + grades))
            else:
                assert isinstance(gate, HardConcreteGate)
                gate.log_alpha.copy_(torch.where(grades < 0, grades - 3, grades))
    return encoder


def build(
    kind: type[Encoder],
    arguments: dict[str, Any],
    *,
    gate: str | None = "dam",
    depth: int = 2,
    **given: Any,
) -> Encoder:
    settings = {"act": "prelu", "act_output": True, "gate_output": gate is not None, **given}
    return kind(7, 8, depth, gate=gate, **settings, **arguments)


@every_gate
@every_norm
@every_kind
def test_gated_compact_and_stock_outputs_are_equal(
    kind: type[Encoder],
    arguments: dict[str, Any],
    norm: str | None,
    gate: str,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    for seed, (depth, act) in enumerate([(1, "prelu"), (2, "relu"), (3, "leaky_relu")]):
        encoder = build(kind, arguments, gate=gate, depth=depth, act=act, norm=norm)
        wide = close_some(shake(encoder, seed=seed))
        small, keep = wide.compact(), wide.open_outputs
        assert small.widths == wide.widths
        assert small.widths[-1] < 8
        assert not gates_of(small)
        assert small.act_output
        assert deviation(wide, small, x, edge_index, relative=True, keep=keep) < EXACT
        adjacency = wide.prepare(edge_index, num_nodes=x.size(0))
        assert deviation(wide, small, x, adjacency, relative=True, keep=keep) < EXACT
        stock = wide.to_pyg()
        assert type(stock).__module__.startswith("torch_geometric.")
        assert deviation(small, stock, x, edge_index, relative=True) < EXACT
        assert type(stock.act) is type(small.act)


@every_kind
def test_the_output_is_norm_and_activation_of_the_last_convolution(
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    for act_first in (False, True):
        encoder = shake(
            build(kind, arguments, gate=None, act="elu", norm="batch_norm", act_first=act_first)
        ).eval()
        plain_config = {**encoder.config, "act_output": False, "norm": None}
        plain = type(encoder)(**plain_config).double().eval()
        plain.load_state_dict(encoder.state_dict(), strict=False)
        plain.norms[0] = encoder.norms[0]
        written, norm, act = plain(x, edge_index), encoder.norms[1], nn.functional.elu
        expected = norm(act(written)) if act_first else act(norm(written))
        torch.testing.assert_close(encoder(x, edge_index), expected, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(encoder.embed(x, edge_index), expected, rtol=1e-9, atol=1e-9)


def producer_takes_the_values_too(wide: Encoder, small: Any) -> None:
    """What the values in the convolution, before a batch norm, would do."""
    gate: Any = wide.gates[-1]
    with torch.no_grad():
        small.convs[-1].lin.weight *= gate.values()[gate.keep(), None]


def norm_without_values(wide: Encoder, small: Any) -> None:
    gate: Any = wide.gates[-1]
    of_wide: Any = wide.norms[-1]
    small.norms[-1].module.weight = nn.Parameter(of_wide.module.weight.detach()[gate.keep()])


def shift_without_values(wide: Encoder, small: Any) -> None:
    gate: Any = wide.gates[-1]
    of_wide: Any = wide.norms[-1]
    small.norms[-1].module.bias = nn.Parameter(of_wide.module.bias.detach()[gate.keep()])


@pytest.mark.parametrize(
    "spoil", [producer_takes_the_values_too, norm_without_values, shift_without_values]
)
def test_wrong_rules_are_noticed(
    spoil: Callable[[Encoder, Any], None],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    chosen_gates: None,
) -> None:
    wide = shake(build(GCN, {}, gate="chosen", norm="batch_norm"))
    small, keep = wide.compact(), wide.open_outputs
    assert deviation(wide, small, x, edge_index, relative=True, keep=keep) < EXACT
    spoil(wide, small)
    assert deviation(wide, small, x, edge_index, relative=True, keep=keep) > NOTICED


def test_an_activation_that_takes_no_factors_through_would_be_noticed(
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    chosen_gates: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why elu is refused at a gated output."""
    monkeypatch.setattr("graphdam.nn.stack_parts.check_homogeneous", lambda act: None)
    wide = shake(build(GCN, {}, gate="chosen", act="elu"))
    small, keep = wide.compact(), wide.open_outputs
    assert deviation(wide, small, x, edge_index, relative=True, keep=keep) > NOTICED


@every_kind
@every_norm
def test_layer_by_layer_is_the_forward_pass(
    kind: type[Encoder],
    arguments: dict[str, Any],
    norm: str | None,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    encoder = close_some(shake(build(kind, arguments, norm=norm))).eval()
    h = x
    for layer in range(2):
        h = encoder.inference_per_layer(layer, h, edge_index, x.size(0))
    torch.testing.assert_close(h, encoder(x, edge_index), rtol=1e-9, atol=1e-9)


@every_gate
@every_kind
def test_a_saved_encoder_is_the_same(
    kind: type[Encoder],
    arguments: dict[str, Any],
    gate: str,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    tmp_path: Path,
) -> None:
    wide = close_some(shake(build(kind, arguments, gate=gate, norm="batch_norm")).float()).eval()
    for name, encoder in (("wide", wide), ("small", wide.compact())):
        encoder.save_pretrained(tmp_path / name)
        read = Encoder.from_pretrained(tmp_path / name).eval()
        assert read.act_output
        assert read.widths == encoder.widths
        assert torch.equal(read(x.float(), edge_index), encoder(x.float(), edge_index))


@every_kind
def test_a_prefix_is_the_encoder_with_further_channels_closed(
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    encoder = shake(build(kind, arguments, gate=None, norm="batch_norm")).eval()
    repeats = encoder.output_repeats(1)
    small = encoder.truncate([8, 2 * repeats])
    assert small.widths == [8, 2 * repeats]
    channels = 8 // repeats
    kept = (torch.arange(repeats)[:, None] * channels + torch.arange(2)).flatten()
    if kind is not GAT:  # in attention the removed channels had a vote
        expected = encoder(x, edge_index)[:, kept]
        torch.testing.assert_close(small(x, edge_index), expected, rtol=1e-9, atol=1e-9)


# Refusals


def refusal(kind: type[Exception], make: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"jk": "last"},
        {"jk": "cat"},
        {"out_channels": 3},
        {"out_channels": 3, "gate": "dam", "gate_output": True},
        {"output_is_embedding": False},
    ],
)
def test_it_is_for_an_embedding_that_a_convolution_writes(given: dict[str, Any]) -> None:
    assert refusal(SettingsError, lambda: GCN(7, 8, 2, act_output=True, **given)) == (
        "act_output=True is for an embedding that the last convolution writes: leave jk and "
        "out_channels out."
    )


class Capped(nn.Module):
    """Homogeneous up to 100 only."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, 100)


@pytest.mark.parametrize(
    ("act", "name"),
    [("elu", "ELU"), ("tanh", "Tanh"), ("relu6", "ReLU6"), ("gelu", "GELU"), (Capped(), "Capped")],
)
def test_an_activation_at_a_gated_output_must_take_factors_through(act: Any, name: str) -> None:
    assert refusal(InexactError, lambda: build(GCN, {}, act=act)) == (
        f"act '{name}' at the output does not take a gate's values through, so they could not be "
        f"folded into the layer below: use 'relu', 'leaky_relu' or 'prelu', or act_output=False."
    )
    build(GCN, {}, act=act, gate=None)
    build(GCN, {}, act=act, act_output=False)


@pytest.mark.parametrize("act", ["relu", "leaky_relu", "prelu", None, torch.relu, nn.RReLU()])
def test_those_that_do_are_taken_and_nothing_is_drawn_to_find_out(act: Any) -> None:
    torch.manual_seed(0)
    build(GCN, {}, act=act, gate_output=True)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    build(GCN, {}, act=act, gate_output=False)
    assert torch.equal(after, torch.get_rng_state())
    assert build(GCN, {}, act=act).training


@pytest.mark.parametrize(
    ("norm", "norm_kwargs", "name"),
    [
        ("batch_norm", {"affine": False}, "BatchNorm1d"),
        ("instance_norm", None, "InstanceNorm"),
        (GraphSizeNorm(), None, "GraphSizeNorm"),
        (MeanSubtractionNorm(), None, "MeanSubtractionNorm"),
    ],
)
def test_a_norm_at_a_gated_output_must_take_the_values_in(
    norm: str | nn.Module, norm_kwargs: dict[str, Any] | None, name: str
) -> None:
    given: dict[str, Any] = {"norm": norm, "norm_kwargs": norm_kwargs}
    assert refusal(InexactError, lambda: build(GCN, {}, **given)) == (
        f"{name} without a weight for every channel cannot absorb a gate's values, and no layer "
        f"reads what it writes: use a norm with weights, such as a batch norm with affine=True, or "
        f"none."
    )
    build(GCN, {}, gate_output=False, **given)


def test_a_norm_that_mixes_channels_is_refused_at_the_output_too() -> None:
    message = refusal(InexactError, lambda: build(GCN, {}, depth=1, norm="layer_norm"))
    assert message.startswith("norm 'LayerNorm' mixes channels")


def test_the_gate_is_the_last_step() -> None:
    """A closed channel of the embedding is zero, whatever norm and activation made of it."""
    encoder = close_some(build(GCN, {}, norm="batch_norm")).eval()
    z = encoder(torch.randn(5, 7), torch.tensor([[0, 1, 2], [1, 2, 3]]))
    gate = encoder.gates[-1]
    assert isinstance(gate, Gate)
    assert bool((z[:, gate.width :] == 0).all())
    assert bool(z[:, : gate.width].any())
