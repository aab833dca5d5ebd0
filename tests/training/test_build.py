"""Do settings become the encoders that they describe?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from training_runs import assert_same_weights, start, train

from graphdam.baselines import minge_width
from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.gates import DAMGate, gates_of
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE
from graphdam.training import Settings, build_encoder, build_gated, build_wide

MakeSettings = Callable[..., Settings]


@pytest.mark.parametrize(("model", "kind"), [("gcn", GCN), ("graphsage", GraphSAGE), ("gat", GAT)])
def test_the_gated_model_starts_at_its_width_and_the_teacher_has_its_own(
    quick: MakeSettings, karate: Graph, model: str, kind: type[Encoder]
) -> None:
    settings = quick(model=model, num_layers=3)
    gated, wide = build_gated(settings, karate), build_wide(settings, karate)
    assert type(gated) is type(wide) is kind
    assert gated.widths == [16, 16]
    assert wide.widths == [32, 32]
    assert len(gates_of(gated)) == 2
    assert not gates_of(wide)
    assert gated.out_channels == wide.out_channels == karate.num_classes
    assert type(build_encoder(settings, karate)) is kind
    assert build_encoder(settings, karate).widths == gated.widths
    assert build_encoder(quick("wide", model=model, num_layers=3), karate).widths == wide.widths


def test_each_model_has_its_own_dropout(quick: MakeSettings, karate: Graph) -> None:
    settings = quick(dropout=0.25, gated_dropout=0.125)
    assert build_wide(settings, karate).dropout.p == 0.25
    assert build_gated(settings, karate).dropout.p == 0.125


def test_every_channel_is_open_at_the_start_and_the_next_step_down_closes_one(
    quick: MakeSettings, karate: Graph
) -> None:
    gate = build_gated(quick(initial_offset=None), karate).gates[0]
    assert isinstance(gate, DAMGate)
    assert gate.width == 16
    gate.set_offset(gate.initial_offset - gate.span / 16)
    assert gate.width == 15


def test_the_papers_offset_is_taken_as_given(quick: MakeSettings, karate: Graph) -> None:
    gate = build_gated(quick("paper", initial_offset=1.0), karate).gates[0]
    assert isinstance(gate, DAMGate)
    assert float(gate.offset.detach()) == 1.0


def test_the_minimum_width_gives_way_to_a_target(quick: MakeSettings, karate: Graph) -> None:
    def minimum(settings: Settings) -> int:
        gate = build_gated(settings, karate).gates[0]
        assert isinstance(gate, DAMGate)
        return gate.min_width

    assert minimum(quick(min_width=5)) == 5
    assert minimum(quick(min_width=5, target_width=(2,))) == 1


def test_a_width_that_heads_do_not_divide_is_refused(quick: MakeSettings, karate: Graph) -> None:
    with pytest.raises(SettingsError) as caught:
        build_gated(quick(model="gat", start_width=10, heads=4), karate)
    assert str(caught.value) == (
        "A GAT's hidden width must be a multiple of its heads; received width 10 and heads=4."
    )


def test_a_width_below_the_number_of_heads_is_refused(quick: MakeSettings, karate: Graph) -> None:
    with pytest.raises(SettingsError, match=r"must be a multiple of its heads; received width 4 "):
        build_gated(quick(model="gat", start_width=4, heads=8), karate)


@pytest.mark.parametrize("name", ["act", "norm"])
def test_an_unknown_part_is_refused_by_name(quick: MakeSettings, karate: Graph, name: str) -> None:
    with pytest.raises(SettingsError, match="no-such-part"):
        build_gated(quick(**{name: "no-such-part"}), karate)


def test_a_gated_embedding_is_read_by_a_linear_layer(quick: MakeSettings, karate: Graph) -> None:
    encoder = build_gated(quick(gate_output=True, num_layers=2), karate)
    assert encoder.jk_mode == "last"
    assert len(encoder.gates) == 2
    encoder.gates[1].set_offset(encoder.gates[1].offset_of(5))  # type: ignore[operator]
    small = encoder.compact()
    assert small.embed(karate.x, karate.edge_index).shape == (34, 5)
    assert build_wide(quick(gate_output=True), karate).jk_mode == "last"


def test_entropy_sets_the_width_that_is_compared(quick: MakeSettings, karate: Graph) -> None:
    width = minge_width(karate.edge_index, num_nodes=karate.num_nodes)
    assert 32 < width < 64
    assert build_wide(quick("minge"), karate).widths == [width]
    embedding = quick("minge", objective="grace", num_layers=2, feature_dropout=0.0)
    assert build_wide(embedding, karate).widths == [32, width]
    heads = build_wide(quick("minge", model="gat", heads=8), karate).widths[0]
    assert heads % 8 == 0
    assert 0 <= heads - width < 8


def test_random_weights_are_those_that_were_drawn(quick: MakeSettings, karate: Graph) -> None:
    given = {"epochs": 1, "lr": 0.0, "weight_decay": 0.0, "feature_dropout": 0.0}
    settings = quick("random", objective="dgi", **given)
    fit, lines = train(settings, karate)
    assert_same_weights(fit.encoder, start(settings, karate))
    assert len(lines) == 1
