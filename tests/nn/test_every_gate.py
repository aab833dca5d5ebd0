"""L1 and L0 gates in encoders: exact compaction, one sample a pass, cuts by importance."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphdam.compaction import deviation
from graphdam.errors import SettingsError
from graphdam.gates import Gate, HardConcreteGate, L1Gate, gates_of, parameter_groups
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

EXACT, NOTICED = 1e-9, 1e-3

KINDS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GraphSAGE, {}),
    (GraphSAGE, {"aggr": "max"}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "concat": False, "residual": True}),
    (GAT, {"heads": 2, "v2": True}),
    (GAT, {"heads": 2, "v2": True, "share_weights": True}),
]
ARRANGEMENTS: list[dict[str, Any]] = [
    {"out_channels": 5, "num_layers": 3, "norm": "batch_norm", "act": "elu"},
    {"num_layers": 2, "gate_output": True, "act": "sigmoid"},
    {"out_channels": 5, "num_layers": 2, "jk": "cat", "gate_output": True, "norm": "graph_norm"},
    {"out_channels": 5, "num_layers": 2, "jk": "max"},
    {"out_channels": 5, "num_layers": 2, "jk": "lstm"},
]
every_kind = pytest.mark.parametrize(("kind", "arguments"), KINDS)
every_gate = pytest.mark.parametrize("gate", ["l0", "l1"])


def close_some(encoder: Encoder, *, seed: int = 0) -> Encoder:
    """Close channels here and there; the first of every gate among them, so it is no prefix."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for gate in gates_of(encoder).values():
            grades = torch.randn(gate.num_channels, generator=generator)
            grades[0], grades[-1] = -2.0, 1.0
            if isinstance(gate, L1Gate):
                gate.scale.copy_(torch.where(grades < 0, grades / 100, 0.2 + grades))
            else:
                assert isinstance(gate, HardConcreteGate)
                gate.log_alpha.copy_(torch.where(grades < 0, grades - 3, grades))
    return encoder


def build(
    kind: type[Encoder], arguments: dict[str, Any], settings: dict[str, Any], gate: str
) -> Encoder:
    return kind(7, 8, gate=gate, **{**settings, **arguments})


@every_gate
@every_kind
def test_gated_and_compact_outputs_are_equal(
    kind: type[Encoder],
    arguments: dict[str, Any],
    gate: str,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    for seed, settings in enumerate(ARRANGEMENTS):
        wide = close_some(shake(build(kind, arguments, settings, gate), seed=seed), seed=seed)
        wide.train(seed % 2 == 0)  # the compact encoder is that of evaluation in either mode
        small = wide.compact()
        assert small.widths == wide.widths
        assert not gates_of(small)
        keep = wide.open_outputs
        assert deviation(wide, small, x, edge_index, relative=True, keep=keep) < EXACT, settings
        adjacency = wide.prepare(edge_index, num_nodes=x.size(0))
        assert deviation(wide, small, x, adjacency, relative=True, keep=keep) < EXACT, settings


@every_gate
def test_values_of_another_moment_would_be_noticed(
    gate: str, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    """What folding the raw parameters, or a training sample, in place of final values would do."""
    wide = close_some(shake(GCN(7, 8, 2, 5, gate=gate)))
    small: Any = wide.compact()
    of_gate = wide.gates[0]
    assert isinstance(of_gate, Gate)
    raw = next(of_gate.parameters()).detach() * 1.1 if gate == "l1" else of_gate.values().detach()
    weight: Any = wide.convs[1]
    small.convs[1].lin.weight = nn.Parameter((weight.lin.weight * raw)[:, of_gate.keep()].detach())
    assert deviation(wide, small, x, edge_index, relative=True) > NOTICED


@every_kind
@pytest.mark.parametrize("settings", ARRANGEMENTS)
def test_every_place_of_a_gate_sees_one_sample_a_pass(
    kind: type[Encoder],
    arguments: dict[str, Any],
    settings: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    chosen_gates: None,
) -> None:
    """The other path: an encoder whose gates have that pass's sample as their fixed values."""
    encoder = shake(build(kind, arguments, settings, "l0")).train()
    out = encoder(x, edge_index)
    twin = fixed_at_the_sample(encoder, build(kind, arguments, settings, "chosen"))
    torch.testing.assert_close(twin(x, edge_index), out, rtol=1e-9, atol=1e-9)
    again = encoder(x, edge_index)
    assert float((again - out).detach().abs().max()) > NOTICED


def fixed_at_the_sample(encoder: Encoder, twin: Encoder) -> Encoder:
    twin.double().train()
    state = {name: v for name, v in encoder.state_dict().items() if not name.startswith("gates.")}
    twin.load_state_dict(state, strict=False)
    for fixed, gate in zip(gates_of(twin).values(), gates_of(encoder).values(), strict=True):
        fixed.get_buffer("chosen").copy_(gate.values().detach())
    return twin


def test_a_gate_that_drew_at_every_place_would_be_noticed(
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    chosen_gates: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = shake(GAT(7, 8, 2, 5, heads=2, gate="l0")).train()
    drawn: list[Tensor] = []
    values = HardConcreteGate.values

    def watched(gate: HardConcreteGate) -> Tensor:
        drawn.append(values(gate))
        return drawn[-1]

    monkeypatch.setattr(HardConcreteGate, "draw_sample", lambda self: None)
    monkeypatch.setattr(HardConcreteGate, "values", watched)
    out = encoder(x, edge_index)
    assert len(drawn) == 2  # on the transformed features, and at the end of the layer
    monkeypatch.setattr(HardConcreteGate, "values", lambda self: drawn[-1])
    twin = fixed_at_the_sample(encoder, GAT(7, 8, 2, 5, heads=2, gate="chosen"))
    assert float((twin(x, edge_index) - out).detach().abs().max()) > NOTICED


def test_evaluation_draws_nothing(x: Tensor, edge_index: Tensor, shake: Callable[..., Any]) -> None:
    encoder = shake(GAT(7, 8, 2, 5, heads=2, gate="l0")).train()
    encoder(x, edge_index)
    encoder.eval()
    random = torch.get_rng_state()
    assert torch.equal(encoder(x, edge_index), encoder(x, edge_index))
    assert torch.equal(torch.get_rng_state(), random)


@every_gate
@every_kind
def test_truncation_keeps_the_most_important_channels(
    kind: type[Encoder],
    arguments: dict[str, Any],
    gate: str,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    """The other path: close all but the largest by hand, and compact."""
    wide = close_some(shake(build(kind, arguments, ARRANGEMENTS[0], gate)), seed=3)
    assert deviation(wide.compact(), wide.truncate(wide.widths), x, edge_index) == 0.0
    repeats = [group.repeats for group in wide.channel_groups()]
    cut = wide.truncate([2 * repeat for repeat in repeats])
    assert cut.widths == [2 * repeat for repeat in repeats]
    by_hand = copy.deepcopy(wide)
    for of_hand in gates_of(by_hand).values():
        scores = next(of_hand.parameters())
        size = scores.detach().abs() if gate == "l1" else scores.detach()
        with torch.no_grad():
            scores[size < size.sort().values[-2]] = 0.0 if gate == "l1" else -50.0
    assert by_hand.widths == cut.widths
    assert deviation(by_hand, cut, x, edge_index, relative=True) < EXACT
    first = copy.deepcopy(wide)
    for of_first in gates_of(first).values():
        scores = next(of_first.parameters())
        with torch.no_grad():
            scores[2:] = 0.0 if gate == "l1" else -50.0
    assert deviation(first, cut, x, edge_index, relative=True) > NOTICED


@every_gate
@pytest.mark.parametrize("kind", [GCN, GraphSAGE, GAT])
def test_a_saved_encoder_comes_back_with_its_gates(
    kind: type[Encoder],
    gate: str,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    tmp_path: Path,
) -> None:
    wide = shake(kind(7, 8, 2, gate=gate, gate_output=True, gate_kwargs={"min_width": 2}))
    close_some(wide).train()
    wide(x, edge_index)  # a drawn sample is not saved
    wide.save_pretrained(tmp_path)
    again = kind.from_pretrained(tmp_path)
    assert again.config == wide.config
    assert again.widths == wide.widths
    assert again.state_dict().keys() == wide.state_dict().keys()
    assert torch.equal(again(x, edge_index), wide.eval()(x, edge_index))


@every_gate
@pytest.mark.parametrize("kind", [GCN, GraphSAGE, GAT])
def test_a_few_steps_close_channels_and_the_compact_encoder_agrees(
    kind: type[Encoder], gate: str, x: Tensor, edge_index: Tensor
) -> None:
    encoder = kind(7, 16, 2, 3, act="elu", gate=gate)
    y = torch.arange(24) % 3
    groups = parameter_groups(encoder, lr=0.02, gate_lr=0.05, weight_decay=5e-3)
    optimiser = torch.optim.Adam(groups)
    losses = []
    for _ in range(150):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(encoder(x.float(), edge_index), y)
        (loss + 2.0 * encoder.penalty()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert 1 <= encoder.widths[0] < 16
    assert bool(encoder(x.float(), edge_index).isfinite().all())
    assert deviation(encoder, encoder.compact(), x.float(), edge_index, relative=True) < 1e-5


def test_gates_are_found_apart_from_the_weights() -> None:
    for gate, name in (("l0", "log_alpha"), ("l1", "scale")):
        encoder = GAT(7, 8, 3, 5, heads=2, gate=gate, gate_output=True)
        weights, gates = parameter_groups(encoder, lr=0.1, gate_lr=0.2, weight_decay=0.3)
        named = {id(parameter): path for path, parameter in encoder.named_parameters()}
        found = [named[id(parameter)] for parameter in gates["params"]]
        assert found == [f"gates.{index}.{name}" for index in range(3)]
        assert gates["weight_decay"] == 0.0
        assert len(weights["params"]) + 3 == len(named)


@pytest.mark.parametrize(
    ("gate", "argument"), [("l0", "threshold"), ("l1", "initial_open"), ("l1", "initial_offset")]
)
def test_arguments_of_another_gate_are_refused(gate: str, argument: str) -> None:
    with pytest.raises(SettingsError, match=f"gate_kwargs do not fit gate '{gate}': .*{argument}"):
        GCN(7, 8, 2, 5, gate=gate, gate_kwargs={argument: 0.5})
