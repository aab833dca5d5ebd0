"""A compact model on disk: loaded into the wide class, or refused in words."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gated_torch import apart, close_at_random, size, unsettled
from torch import nn
from torch_models import MLP, MODELS, VGG, BasicBlock, ResNet, example

from graphdam import attach_gates, load_compact, save_compact
from graphdam.errors import ModelFileError


def compacted(name: str, seed: int = 1) -> nn.Module:
    model = unsettled(MODELS[name]().double())
    return close_at_random(attach_gates(model, example(name)).double(), seed).compact()


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_is_the_saved_one(name: str, tmp_path: Path) -> None:
    small = compacted(name)
    save_compact(small, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "compact.json",
        "model.safetensors",
    ]
    wide = MODELS[name]()
    before = copy.deepcopy(wide.state_dict())
    for source in (wide, MODELS[name]):
        loaded = load_compact(source, tmp_path)
        assert apart(small, loaded, example(name)) == 0.0
        assert repr(loaded) == repr(small)
        assert not loaded.training
        assert size(loaded) == size(small) < size(wide)
    assert all(torch.equal(value, before[key]) for key, value in wide.state_dict().items())


def test_another_compact_model_is_none_that_was_saved(tmp_path: Path) -> None:
    save_compact(compacted("VGG"), tmp_path)
    other = compacted("VGG", seed=2)
    loaded = load_compact(VGG, tmp_path)
    assert repr(loaded) != repr(other)


def test_a_folder_can_be_written_again_and_a_model_goes_on_training(tmp_path: Path) -> None:
    small = compacted("MLP")
    save_compact(small, tmp_path)
    optimiser = torch.optim.SGD(small.parameters(), lr=0.1)
    small(*example("MLP")).square().sum().backward()
    optimiser.step()
    assert apart(small, load_compact(MLP, tmp_path), example("MLP")) > 1e-6
    save_compact(small, tmp_path)
    assert apart(small, load_compact(MLP, tmp_path), example("MLP")) == 0.0


def test_a_model_with_gates_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        save_compact(attach_gates(MLP(), torch.randn(2, 6)), tmp_path)
    assert str(caught.value) == (
        "This GatedModel still has gates: save what graphdam.compact_model makes of it, or its "
        "state_dict to train it further."
    )
    assert list(tmp_path.iterdir()) == []


class Other(MLP):
    """The same layers under another name."""


def deeper() -> nn.Module:
    model = MLP()
    model.layers.append(nn.Linear(3, 3))
    return model


def narrow() -> nn.Module:
    model = MLP()
    model.layers[0], model.layers[1] = nn.Linear(6, 1), nn.Linear(1, 7)
    return model


def convolved() -> nn.Module:
    model = MLP()
    model.layers[0] = nn.Conv1d(6, 9, 1)
    return model


def shallow() -> nn.Module:
    model = MLP()
    del model.layers[2]
    return model


BUILD = "build the model that was pruned"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Other, f"{{sizes}} holds a MLP, and a Other was given to load it into: {BUILD}."),
        (
            narrow,
            "{sizes} holds a Linear of 6 inputs and 4 outputs at 'layers.0', where the given MLP "
            f"has a Linear of 6 inputs and 1 outputs: {BUILD}, with the same arguments.",
        ),
        (
            convolved,
            "{sizes} holds a Linear of 6 inputs and 4 outputs at 'layers.0', where the given MLP "
            f"has a Conv1d of 6 inputs and 9 outputs: {BUILD}, with the same arguments.",
        ),
        (
            shallow,
            "{sizes} holds a Linear of 4 inputs and 3 outputs at 'layers.2', where the given MLP "
            f"has none such: {BUILD}, with the same arguments.",
        ),
        (
            deeper,
            "{weights} does not fit the given MLP: Missing key(s) in state_dict: "
            '"layers.3.weight", "layers.3.bias". Build the model that was pruned, with the same '
            "arguments.",
        ),
    ],
)
def test_a_model_of_another_shape_is_refused(
    build: Callable[[], nn.Module], message: str, tmp_path: Path
) -> None:
    wide = attach_gates(unsettled(MLP()), torch.randn(2, 6))
    keep = {"layers.0": torch.arange(4), "layers.1": torch.arange(4)}
    save_compact(wide.compact(keep=keep), tmp_path)
    with pytest.raises(ModelFileError) as caught:
        load_compact(build, tmp_path)
    assert str(caught.value) == message.format(
        sizes=tmp_path / "compact.json", weights=tmp_path / "model.safetensors"
    )


def test_groups_that_cannot_be_cut_so_are_refused(tmp_path: Path) -> None:
    save_compact(nn.Conv2d(2, 3, 1), tmp_path)
    with pytest.raises(ModelFileError) as caught:
        load_compact(nn.Conv2d(2, 4, 1, groups=2), tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'compact.json'} holds a Conv2d of 2 inputs and 3 outputs at the top, which "
        f"the given model's Conv2d of 2 inputs and 4 outputs cannot become: A depthwise Conv2d "
        f"writes 2 channels for every one it reads, and can only lose all of them together."
    )
    with pytest.raises(ModelFileError, match=r"size mismatch for weight.* with the same arguments"):
        load_compact(nn.Conv2d(4, 6, 1, groups=2), tmp_path)


def spoil_sizes(folder: Path, **changes: Any) -> None:
    path = folder / "compact.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "compact.json").unlink(), "No compact model in {f}: compact.json is"),
        (lambda f: (f / "compact.json").write_text("{"), "{f}/compact.json is not readable JSON"),
        (
            lambda f: (f / "compact.json").write_text('{"format": 1}'),
            "{f}/compact.json does not describe a compact model: it needs the keys class, format, "
            "layers.",
        ),
        (lambda f: spoil_sizes(f, format=9), "{f}/compact.json has format 9, written by graphdam"),
        (
            lambda f: (f / "model.safetensors").unlink(),
            "{f} has a compact.json but no model.safetensors: a model needs both",
        ),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"123"),
            "{f}/model.safetensors is corrupted or truncated",
        ),
    ],
)
def test_a_damaged_folder_is_named(
    spoil: Callable[[Path], Any], message: str, tmp_path: Path
) -> None:
    save_compact(compacted("MLP"), tmp_path)
    spoil(tmp_path)
    with pytest.raises(ModelFileError) as caught:
        load_compact(MLP, tmp_path)
    assert str(caught.value).startswith(message.format(f=tmp_path))


def test_deeper_networks_are_told_apart(tmp_path: Path) -> None:
    save_compact(compacted("ResNet, basic"), tmp_path)
    with pytest.raises(ModelFileError, match="holds a ResNet, and a VGG was given"):
        load_compact(VGG, tmp_path)
    with pytest.raises(ModelFileError, match=r"where the given ResNet has none such"):
        load_compact(ResNet(BasicBlock(6, 6), outputs=8), tmp_path)
