"""What a PyG user expects of an encoder, and what graphdam adds to it."""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import BatchNorm, models
from torch_geometric.nn.models.basic_gnn import BasicGNN

from graphdam.compaction import deviation
from graphdam.errors import SettingsError
from graphdam.gates import DAMGate, Gate, gates_of
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

CLASSES: list[type[Encoder]] = [GCN, GraphSAGE, GAT]
every_class = pytest.mark.parametrize("kind", CLASSES)


def names(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    parameters = inspect.signature(function).parameters
    return [name for name, parameter in parameters.items() if parameter.kind in kinds]


def test_the_positional_arguments_are_pygs() -> None:
    for method in ("__init__", "forward", "inference_per_layer"):
        assert names(getattr(Encoder, method)) == names(getattr(BasicGNN, method)), method
    ours = inspect.signature(Encoder.__init__).parameters
    stock = inspect.signature(BasicGNN.__init__).parameters
    for name in names(Encoder.__init__):
        assert ours[name].default == stock[name].default, name
    assert Encoder.inference is BasicGNN.inference


STOCK: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GCN, {"improved": True, "bias": False}),
    (GCN, {"act_first": True}),
    (GCN, {"act": None}),
    (GraphSAGE, {}),
    (GraphSAGE, {"aggr": "max", "project": True}),
    (GraphSAGE, {"normalize": True}),
    (GraphSAGE, {"aggr": ["mean", "max"]}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "concat": False, "residual": True}),
    (GAT, {"heads": 2, "v2": True, "share_weights": True}),
]


@pytest.mark.parametrize(("kind", "arguments"), STOCK)
def test_a_plain_encoder_is_the_stock_model(
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    """Same parameters, same names, same outputs, whatever the options."""
    norms = [None, "batch_norm", "layer_norm", "graph_norm", "pair_norm"]
    for seed, (jk, out, norm, depth) in enumerate(
        itertools.product([None, "last", "cat", "max", "lstm"], [None, 5], norms, [1, 3])
    ):
        settings = {"jk": jk, "norm": norm, **arguments}
        ours = shake(kind(7, 8, depth, out, **settings), seed=seed).eval()
        stock = getattr(models, kind.__name__)(7, 8, depth, out, **settings).double().eval()
        stock.load_state_dict(ours.state_dict())
        torch.testing.assert_close(
            ours(x, edge_index), stock(x, edge_index), rtol=1e-9, atol=1e-12, msg=str(settings)
        )
        if jk != "cat" and jk != "max" and jk != "lstm":
            for layer in range(depth):
                h = x if layer == 0 else torch.randn(24, 8, dtype=torch.float64)
                torch.testing.assert_close(
                    ours.inference_per_layer(layer, h, edge_index, 20),
                    stock.inference_per_layer(layer, h, edge_index, 20),
                )


@pytest.mark.parametrize("kind", CLASSES)
def test_the_same_seed_gives_the_stock_models_parameters(kind: type[Encoder]) -> None:
    torch.manual_seed(3)
    ours = kind(7, 8, 2, 5).state_dict()
    torch.manual_seed(3)
    stock = getattr(models, kind.__name__)(7, 8, 2, 5).state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in stock.items())


@pytest.mark.parametrize(
    ("depth", "out", "jk", "given", "expected"),
    [
        (3, 5, None, 8, [8, 8]),
        (3, None, None, 8, [8, 8, 8]),
        (3, 5, "cat", 8, [8, 8, 8]),
        (3, 5, None, [8, 4], [8, 4]),
        (3, None, None, [8, 4, 2], [8, 4, 2]),
        (3, 5, "cat", (8, 4, 2), [8, 4, 2]),
        (1, 5, None, 8, []),
        (1, 5, None, [], []),
    ],
)
def test_hidden_channels_are_one_number_or_one_a_layer(
    depth: int, out: int | None, jk: str | None, given: int | Sequence[int], expected: list[int]
) -> None:
    encoder = GCN(7, given, depth, out, jk=jk)
    assert encoder.hidden_channels == expected
    assert encoder.out_channels == (5 if out else expected[-1])
    assert encoder(torch.ones(3, 7), torch.tensor([[0], [1]])).shape == (3, encoder.out_channels)


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        (GCN(7, [8, 6], 3, 5), [8, 6]),
        (GCN(7, [8, 6, 4], 3), [8, 6, 4]),
        (GCN(7, 8, 2, 5, output_is_embedding=True), [8, 5]),
        (GCN(7, 8, 2, output_is_embedding=False), [8]),
        (GCN(7, 8, 2, 5, gate="dam"), [8]),
        (GCN(7, 8, 2, 5, gate="dam", gate_output=True), [8, 5]),
        (GCN(7, 8, 2, 5, jk="cat", gate="dam"), [8, 8]),
        (GCN(7, 8, 2, jk="cat", gate="dam"), [8, 8, 8]),
        (GAT(7, 8, 2, 5, heads=4, gate="dam"), [8]),
        (GAT(7, 8, 2, heads=4, gate="dam", gate_output=True), [8, 8]),
    ],
)
def test_widths_at_the_start(encoder: Encoder, expected: list[int]) -> None:
    assert encoder.widths == expected


def channels(encoder: Encoder) -> list[int]:
    return [gate.num_channels for gate in gates_of(encoder).values()]


def test_the_gates_of_an_encoder() -> None:
    assert channels(GCN(7, [8, 6], 3, 5, gate="dam")) == [8, 6]
    assert channels(GCN(7, [8, 6, 4], 3, gate="dam")) == [8, 6]
    assert channels(GCN(7, [8, 6, 4], 3, gate="dam", gate_output=True)) == [8, 6, 4]
    assert channels(GCN(7, 8, 3, 5, jk="max", gate="dam")) == [8]
    assert channels(GCN(7, 8, 3, 5, jk="cat", gate="dam", gate_output=True)) == [8, 8, 8, 5]
    assert channels(GAT(7, 8, 3, 5, heads=4, gate="dam", gate_output=True)) == [2, 2, 5]
    assert channels(GAT(7, 8, 3, 5, heads=4, concat=False, gate="dam")) == [8, 8]
    assert channels(GCN(7, 8, 3, 5)) == []


def test_the_penalty_is_the_mean_offset() -> None:
    encoder = GCN(7, 8, 3, 5, gate="dam", gate_output=True)
    for gate, offset in zip(encoder.gates, (-1.0, -2.0, 0.5), strict=True):
        assert isinstance(gate, DAMGate)
        gate.set_offset(offset)
    penalty = encoder.penalty()
    assert penalty.item() == pytest.approx(-2.5 / 3)
    penalty.backward()  # type: ignore[no-untyped-call]
    for gate in encoder.gates:
        assert next(gate.parameters()).grad == pytest.approx(1 / 3)
    assert GCN(7, 8, 2, 5).penalty().item() == 0.0


def by_hand(encoder: Encoder, x: Tensor, edge_index: Tensor) -> list[Tensor]:
    """The formula of the class docstring, layer by layer."""
    outputs, h = [], x
    for layer, (conv, norm) in enumerate(zip(encoder.convs, encoder.norms, strict=True)):
        h = conv(h, edge_index)
        if layer < encoder.num_layers - 1 or encoder.jk_mode is not None:
            assert encoder.act is not None
            h = encoder.act(norm(h))
        path = encoder.channel_groups()[layer].gate if layer < len(encoder.gates) else None
        if path is not None:
            gate = encoder.get_submodule(path)
            assert isinstance(gate, Gate)
            h = h * gate.values().repeat(h.size(1) // gate.num_channels)
        outputs.append(h)
    return outputs


@every_class
def test_a_gated_layer_is_its_formula(
    kind: type[Encoder], x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    more = {"heads": 2} if kind is GAT else {}
    settings: dict[str, Any] = {"norm": "batch_norm", "act": "elu", "gate": "dam", **more}
    encoder = shake(kind(7, 8, 3, 5, **settings), [2, 3]).eval()
    layers = by_hand(encoder, x, edge_index)
    torch.testing.assert_close(encoder(x, edge_index), layers[-1])
    torch.testing.assert_close(encoder.embed(x, edge_index), layers[-2])
    assert int((encoder.embed(x, edge_index) != 0).any(0).sum()) == encoder.widths[-1]
    of_output = shake(kind(7, 8, 2, gate_output=True, **settings), [2, 3]).eval()
    layers = by_hand(of_output, x, edge_index)
    torch.testing.assert_close(of_output(x, edge_index), layers[-1])
    assert torch.equal(of_output.embed(x, edge_index), of_output(x, edge_index))


@pytest.mark.parametrize("jk", ["last", "cat", "max", "lstm"])
def test_the_embedding_of_a_jumping_classifier_is_what_its_last_map_reads(
    jk: str, x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    encoder = shake(GCN(7, 8, 2, 5, act="elu", jk=jk, gate="dam"), [3]).eval()
    z = encoder.embed(x, edge_index)
    torch.testing.assert_close(encoder.lin(z), encoder(x, edge_index))
    if jk in ("cat", "last"):
        layers = by_hand(encoder, x, edge_index)
        torch.testing.assert_close(z, torch.cat(layers, -1) if jk == "cat" else layers[-1])
    if jk != "lstm":
        # the compact encoder's reader holds the gate's values, which its embedding lacks
        small = encoder.compact().embed(x, edge_index)
        values = encoder.gates[0].values()[:3].repeat(small.size(1) // 3)
        torch.testing.assert_close(small * values, z[:, (z != 0).any(0)])


def test_an_embedding_may_be_asked_for_either_way(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    output = shake(GCN(7, 8, 2, 5, output_is_embedding=True)).eval()
    assert torch.equal(output.embed(x, edge_index), output(x, edge_index))
    hidden = shake(GCN(7, 8, 2, output_is_embedding=False)).eval()
    torch.testing.assert_close(
        hidden.convs[1](hidden.embed(x, edge_index), edge_index), hidden(x, edge_index)
    )
    sparse = hidden.prepare(edge_index, num_nodes=x.size(0))
    torch.testing.assert_close(hidden.embed(x, sparse), hidden.embed(x, edge_index))


def test_reset_gives_fresh_weights_and_opens_the_gates(shake: Callable[..., Any]) -> None:
    for kind, more in ((GCN, {"jk": "lstm"}), (GAT, {"heads": 2}), (GraphSAGE, {})):
        encoder = shake(kind(7, 8, 2, 5, norm="batch_norm", gate="dam", **more), [2])
        torch.manual_seed(7)
        encoder.reset_parameters()
        once = {name: value.clone() for name, value in encoder.state_dict().items()}
        assert encoder.widths == [8] * len(encoder.widths)
        shake(encoder, [3], seed=9)
        torch.manual_seed(7)
        encoder.reset_parameters()
        for name, value in encoder.state_dict().items():
            assert torch.equal(value, once[name]), name


def test_every_parameter_gets_a_gradient(x: Tensor, edge_index: Tensor) -> None:
    for kind in CLASSES:
        encoder = kind(7, 8, 2, 5, norm="batch_norm", act="elu", gate="dam", gate_output=True)
        (encoder(x.float(), edge_index).square().sum() + encoder.penalty()).backward()
        stranded = [name for name, p in encoder.named_parameters() if p.grad is None]
        assert not stranded
        assert all(
            bool(p.grad) for g in encoder.gates for p in g.parameters() if p.grad is not None
        )


def test_a_norm_given_as_a_module_is_not_shared_by_layers() -> None:
    encoder = GCN(7, 8, 3, 5, norm=BatchNorm(8), gate="dam")
    assert encoder.norms[0] is not encoder.norms[1]


def test_a_copy_has_gates_of_its_own(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    """The gate inside an attention layer is the copy's, not the original's."""
    encoder = shake(GAT(7, 8, 2, 5, heads=2, gate="dam"), [4]).eval()
    before = encoder(x, edge_index)
    twin = shake(copy.deepcopy(encoder), [1], seed=5).eval()
    assert torch.equal(encoder(x, edge_index), before)
    assert (encoder.widths, twin.widths) == ([8], [2])
    assert deviation(twin, twin.compact(), x, edge_index, relative=True) < 1e-9
    twin.load_state_dict(encoder.state_dict())
    assert torch.equal(twin.eval()(x, edge_index), before)


def test_a_module_as_activation_is_not_shared_with_smaller_encoders(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    encoder = shake(GCN(7, 8, 3, 5, act=nn.PReLU(), gate="dam"), [3, 2]).eval()
    before = encoder(x, edge_index)
    small, stock = encoder.compact(), encoder.to_pyg()
    for model in (small, stock):
        torch.testing.assert_close(model(x, edge_index), before)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(7.0)
        assert torch.equal(encoder(x, edge_index), before)


def test_it_describes_itself(shake: Callable[..., Any]) -> None:
    assert repr(GCN(7, [8, 4], 3, 5)) == "GCN(7 → 8 → 4 → 5)"
    encoder = shake(GraphSAGE(7, 8, 2, 5, gate="dam"), [3])
    assert repr(encoder) == "GraphSAGE(7 → 8 → 5, gate=dam, open=[3])"
    assert repr(encoder.compact()) == "GraphSAGE(7 → 3 → 5)"
    assert repr(GCN(7, [8, 4], 2)) == "GCN(7 → 8 → 4)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: GCN(-1, 8, 2, 5),
            "in_channels must be the number of features of a node, at least 1; received -1. Lazy "
            "(-1) and bipartite inputs are not supported.",
        ),
        (lambda: GCN((7, 7), 8, 2, 5), "in_channels must be the number of features"),  # type: ignore[arg-type]
        (lambda: GCN(7, 8, 0, 5), "num_layers must be at least 1, received 0."),
        (
            lambda: GCN(7, [8, 8, 8], 3, 5),
            "hidden_channels must be one positive number, or a list of 2 (one for each of the "
            "layers whose width is free); received [8, 8, 8].",
        ),
        (lambda: GCN(7, 0, 2, 5), "hidden_channels must be one positive number, or a list of 1"),
        (lambda: GCN(7, [8, -1], 3, 5), "hidden_channels must be one positive number, or a list"),
        (
            lambda: GCN(7, [8, 4], 2, 5, jk="max"),
            "jk='max' compares the layers channel by channel, so all hidden_channels must be "
            "equal; received [8, 4]. jk='cat' takes unequal ones.",
        ),
        (lambda: GCN(7, [8, 4], 2, 5, jk="lstm"), "jk='lstm' compares the layers channel by"),
        (lambda: GCN(7, 8, 2, 5, jk="maxx"), "Unknown jk 'maxx': did you mean 'max'? Known: cat, "),
        (
            lambda: GCN(7, 8, 2, 5, gate_output=True),
            "gate_output=True needs a gate: pass gate='dam' as well.",
        ),
        (
            lambda: GCN(7, 8, 2, 5, gate="damm"),
            "Unknown gate 'damm': did you mean 'dam'? Known: dam, l0, l1. None for a plain "
            "encoder.",
        ),
        (
            lambda: GCN(7, 8, 2, 5, gate="dam", gate_kwargs={"alpha": 2}),
            "gate_kwargs do not fit gate 'dam': ",
        ),
        (
            lambda: GCN(7, 8, 2, 5, cached=True),
            "cached=True would silently reuse one graph's adjacency for another: call "
            "prepare(edge_index) once and pass its result in place of edge_index.",
        ),
        (
            lambda: GAT(7, 9, 2, 5, heads=2),
            "With heads side by side the hidden width must be a multiple of their number; received "
            "width 9 and 2 heads. concat=False averages them.",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(make: Callable[[], Encoder], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_an_encoder_is_a_module_that_trains(x: Tensor, edge_index: Tensor) -> None:
    """A few steps of a real run: the loss falls, the gates close, the compact model agrees."""
    encoder = GCN(7, 16, 2, 3, act="elu", gate="dam")
    y = torch.arange(24) % 3
    optimiser = torch.optim.Adam(encoder.parameters(), lr=0.1)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(encoder(x.float(), edge_index), y)
        (loss + 0.3 * encoder.penalty()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert encoder.widths[0] < 16
    small = encoder.compact()
    torch.testing.assert_close(
        small(x.float(), edge_index), encoder(x.float(), edge_index), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: GCN(7, 8, 2, 3, gate="dam"),
        lambda: GraphSAGE(7, 8, 3, 3, norm="batch_norm", gate="dam"),
        lambda: GAT(7, 8, 2, 3, heads=2, gate="dam"),
        lambda: GAT(7, 8, 2, 3, heads=2, v2=True, gate="dam"),
        lambda: GCN(7, [], 1, 3),
    ],
)
def test_scaled_inputs_are_read_through_the_weights(
    make: Callable[[], Encoder], shake: Callable[..., Any], x: Tensor, edge_index: Tensor
) -> None:
    encoder = shake(make()).eval()
    expected = encoder(2.5 * x, edge_index)
    encoder.scale_inputs(2.5)
    torch.testing.assert_close(encoder(x, edge_index), expected, rtol=1e-12, atol=1e-12)
    small = encoder.compact()
    torch.testing.assert_close(small(x, edge_index), expected, rtol=1e-9, atol=1e-9)
