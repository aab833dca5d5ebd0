"""Encoders cut shorter, and encoders turned into PyG's stock models."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import models

from graphdam.compaction import deviation
from graphdam.errors import SettingsError
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

EXACT = 1e-9

KINDS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GCN, {"bias": False, "normalize": False, "add_self_loops": False}),
    (GraphSAGE, {}),
    (GraphSAGE, {"aggr": "max"}),
    (GAT, {"heads": 1}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "concat": False}),
    (GAT, {"heads": 2, "v2": True, "share_weights": True, "residual": True}),
]
WIDTHS = [[3], [3, 1, 2], [1, 8], [8, 2]]


def cases() -> list[dict[str, Any]]:
    norms = itertools.cycle([None, "batch_norm", "graph_norm"])
    acts = itertools.cycle(["elu", "sigmoid"])
    return [
        {
            "jk": jk,
            "out_channels": out,
            "gate_output": gated,
            "num_layers": depth,
            "norm": next(norms),
            "act": next(acts),
        }
        for jk, out, gated, depth in itertools.product(
            [None, "last", "cat", "max", "lstm"], [None, 5], [False, True], [1, 3]
        )
    ]


def build(kind: type[Encoder], arguments: dict[str, Any], settings: dict[str, Any]) -> Encoder:
    return kind(7, 8, gate="dam", gate_kwargs={"steepness": 3.0}, **{**settings, **arguments})


# to_pyg


@pytest.mark.parametrize(("kind", "arguments"), KINDS)
def test_the_stock_model_computes_what_the_compact_one_does(
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    widths = itertools.cycle(WIDTHS)
    for seed, settings in enumerate(cases()):
        wide = shake(build(kind, arguments, settings), next(widths), seed=seed)
        small = wide.compact()
        label = f"{settings}, widths {wide.widths}"
        if cannot_be_told(small):
            with pytest.raises(SettingsError, match=r"PyG's GAT averages the heads of an output"):
                wide.to_pyg()
            continue
        stock = wide.to_pyg()
        assert type(stock) is getattr(models, kind.__name__)
        assert deviation(small, stock, x, edge_index, relative=True) < EXACT, label
        assert not [name for name in stock.state_dict() if "gate" in name]
        assert not any(type(m).__module__.startswith("graphdam") for m in stock.modules()), label


def cannot_be_told(small: Encoder) -> bool:
    """An output of several heads side by side, narrower than a hidden layer."""
    if small.config["out_channels"] is not None or small.jk_mode is not None:
        return False
    several = small.config.get("heads", 1) > 1 and small.config.get("concat", True)
    return several and small.out_channels != max(small.hidden_channels)


def test_equal_widths_need_no_padding(shake: Callable[..., Any]) -> None:
    wide = shake(GCN(7, 8, 3, 5, gate="dam"), [3])
    stock, small = wide.to_pyg(), wide.compact()
    assert stock.hidden_channels == 3
    for name, value in small.state_dict().items():
        assert torch.equal(value, stock.state_dict()[name])


def test_unequal_widths_are_padded_to_the_widest(shake: Callable[..., Any]) -> None:
    stock = shake(GCN(7, 8, 3, 5, gate="dam"), [2, 5]).to_pyg()
    assert stock.hidden_channels == 5
    first = stock.convs[0].lin.weight
    assert first.shape == (5, 7)
    assert bool((first[2:] == 0).all())
    assert bool((stock.convs[1].lin.weight[:, 2:] == 0).all())


def test_a_training_encoder_gives_a_training_stock_model(shake: Callable[..., Any]) -> None:
    wide = shake(GCN(7, 8, 2, 5, dropout=0.3, gate="dam"), [2])
    assert wide.train().to_pyg().training
    stock = wide.eval().to_pyg()
    assert not stock.training
    assert stock.dropout.p == 0.3


WITHOUT_GRAPHDAM = """
import sys, warnings

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "graphdam":
            raise ImportError("graphdam is blocked")

sys.meta_path.insert(0, Blocker())
try:
    import graphdam
except ImportError:
    pass
else:
    raise SystemExit("graphdam could be imported")
import torch
for saved in torch.load(sys.argv[1], weights_only=False):
    out = saved["model"](saved["x"], saved["edge_index"])
    assert torch.equal(out, saved["out"]), "the outputs differ"
assert not [name for name in sys.modules if name.startswith("graphdam")]
"""


def test_stock_models_run_where_graphdam_is_not_installed(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any], tmp_path: Path
) -> None:
    encoders: list[tuple[Encoder, list[int]]] = [
        (GCN(7, 8, 3, 5, norm="batch_norm", gate="dam"), [3, 5]),
        (GAT(7, 8, 2, 5, heads=2, jk="lstm", gate="dam"), [3]),
        (GraphSAGE(7, 8, 2, jk="cat", gate="dam", gate_output=True), [3, 2]),
    ]
    saved = []
    for encoder, widths in encoders:
        model = shake(encoder, widths).eval().to_pyg()
        with torch.no_grad():
            out = model(x, edge_index)
        saved.append({"model": model, "x": x, "edge_index": edge_index, "out": out})
    torch.save(saved, tmp_path / "models.pt")
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_GRAPHDAM, "models.pt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# truncate


@pytest.mark.parametrize(("kind", "arguments"), KINDS)
def test_cut_at_the_open_widths_it_is_the_compact_encoder(
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    for seed, settings in enumerate(cases()):
        wide = shake(build(kind, arguments, settings), [2, 3], seed=seed)
        small, cut = wide.compact(), wide.truncate(wide.widths)
        assert cut.widths == small.widths == wide.widths, settings
        assert deviation(small, cut, x, edge_index) == 0.0, settings


def test_a_prefix_of_a_prefix_is_the_prefix(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    wide = shake(GCN(7, 8, 3, norm="batch_norm", gate="dam", gate_output=True))
    once = wide.truncate([3, 2, 1])
    twice = wide.truncate([5, 4, 2]).truncate([3, 2, 1])
    assert once.widths == twice.widths == [3, 2, 1]
    for name, value in once.state_dict().items():
        torch.testing.assert_close(twice.state_dict()[name], value)
    assert wide.truncate(2).widths == [2, 2, 2]


def test_a_plain_encoder_is_cut_by_its_rows(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any]
) -> None:
    wide = shake(GCN(7, 8, 2, 8, act="elu", output_is_embedding=True)).eval()
    cut = wide.truncate([4, 3]).eval()
    first, last = wide.convs
    h = nn.functional.elu(first(x, edge_index))
    h[:, 4:] = 0
    torch.testing.assert_close(cut(x, edge_index), last(h, edge_index)[:, :3])


def test_heads_are_cut_alike(shake: Callable[..., Any]) -> None:
    wide = shake(GAT(7, 8, 2, 5, heads=2))
    cut = wide.truncate([6])
    assert cut.convs[0].out_channels == 3
    before = wide.convs[0].lin.weight.view(2, 4, 7)
    assert torch.equal(cut.convs[0].lin.weight.view(2, 3, 7), before[:, :3])


@pytest.mark.parametrize("width", [0, 9, -1, [3, 3, 3], [3], [8, 9], []])
def test_widths_that_are_not_there_are_refused(width: int | Sequence[int]) -> None:
    with pytest.raises(SettingsError) as caught:
        GCN(7, 8, 3, 5, gate="dam").truncate(width)
    assert str(caught.value) == (
        f"truncate takes one width between 1 and the present one for each layer; the layers have "
        f"[8, 8], received {width!r}."
    )


def test_tied_layers_and_heads_refuse_uneven_cuts() -> None:
    with pytest.raises(SettingsError, match=r"jk='max' ties the hidden layers, so they must be"):
        GCN(7, 8, 2, 5, jk="max", gate="dam").truncate([3, 4])
    with pytest.raises(SettingsError, match=r"with 2 heads side by side can only be cut to a mult"):
        GAT(7, 8, 2, 5, heads=2, gate="dam").truncate([3])


def test_truncating_leaves_the_encoder_as_it_was(shake: Callable[..., Any]) -> None:
    wide = shake(GCN(7, 8, 2, 5, gate="dam"), [5])
    before = {name: value.clone() for name, value in wide.state_dict().items()}
    with torch.no_grad():
        for parameter in wide.truncate(2).parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in wide.state_dict().items())
