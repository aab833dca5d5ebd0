"""Do models of images know their widths, and come back from disk as they were?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from graphdam.compaction import deviation
from graphdam.errors import ModelFileError
from graphdam.evaluation.module_cost import module_multiply_adds
from graphdam.gates import DAMGate, gates_of
from graphdam.nn import MLP, ImageModel, LeNet5, PreResNet

MLP_ARGUMENTS: dict[str, Any] = {
    "in_channels": 64,
    "hidden_channels": [12, 6],
    "out_channels": 3,
}
CASES: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("mlp", MLP_ARGUMENTS, (1, 8, 8)),
    ("lenet5", {"in_channels": 2, "out_channels": 3, "image_size": [16, 18]}, (2, 16, 18)),
    ("preresnet", {"depth": 8, "in_channels": 2, "out_channels": 3}, (2, 16, 16)),
    ("vgg16", {"in_channels": 2, "out_channels": 3}, (2, 16, 16)),
    ("autoencoder", {"in_channels": 64, "code_channels": 9}, (1, 8, 8)),
    ("autoencoder", {"in_channels": 20, "encoder_channels": [], "act_out": None}, (20,)),
    ("autoencoder", {"in_channels": 20, "act_out": None, "decoder": "quadratic"}, (20,)),
]


def narrowed(kind: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> ImageModel:
    """A gated model, each gate about half closed; norms have seen something."""
    torch.manual_seed(0)
    gated = ImageModel.wide(kind, arguments, shape).gated(lambda n: DAMGate(n, initial_offset=-2.5))
    gated.train()(torch.randn(8, *shape))
    return gated.eval()


@pytest.mark.parametrize(("kind", "arguments", "shape"), CASES)
def test_a_compact_model_computes_the_same_and_comes_back(
    kind: str, arguments: dict[str, Any], shape: tuple[int, ...], tmp_path: Path
) -> None:
    gated = narrowed(kind, arguments, shape)
    compact, x = gated.compact(), torch.randn(5, *shape)
    assert compact.widths == gated.widths == [gate.width for gate in gates_of(gated).values()]
    assert deviation(gated, compact, x, relative=True) < 1e-5
    assert not gates_of(compact)
    compact.save_pretrained(tmp_path)
    loaded = ImageModel.from_pretrained(tmp_path)
    assert loaded.widths == compact.widths
    assert (loaded.kind, loaded.shape) == (kind, shape)
    with torch.no_grad():
        assert torch.equal(loaded(x), compact(x))
    assert loaded.multiply_adds() == module_multiply_adds(compact.net, x[:1])


def test_a_plain_model_is_its_own_compact_one() -> None:
    wide = ImageModel.wide("mlp", MLP_ARGUMENTS, (1, 8, 8))
    assert wide.compact() is wide
    assert wide.widths == [12, 6]
    assert isinstance(wide.net, MLP)
    assert float(wide.penalty()) == 0


def test_gating_leaves_the_wide_model_alone() -> None:
    wide = ImageModel.wide("lenet5", {}, (1, 28, 28))
    gated = wide.gated(DAMGate)
    assert isinstance(wide.net, LeNet5)
    assert gated.widths == wide.widths == [20, 50, 500]
    assert not {id(p) for p in wide.parameters()} & {id(p) for p in gated.parameters()}


def test_only_branches_may_vanish() -> None:
    wide = ImageModel.wide("preresnet", {"depth": 8}, (3, 32, 32))
    least = [gate.min_width for gate in gates_of(wide.gated(DAMGate, min_width=0)).values()]
    assert isinstance(wide.net, PreResNet)
    assert 0 in least
    assert 1 in least


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": "alexnet"}, "KeyError: 'alexnet'"),
        ({"format": 9}, "format 9"),
        ({"arguments": {"depth": 3}}, "TypeError"),
        ({"shape": None}, "TypeError"),
    ],
)
def test_what_is_no_description_is_refused(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    ImageModel.wide("mlp", MLP_ARGUMENTS, (1, 8, 8)).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelFileError, match="does not describe a model of images") as caught:
        ImageModel.from_pretrained(tmp_path)
    assert told in str(caught.value)
