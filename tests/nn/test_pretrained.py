"""Encoders on disk: back bit for bit in a fresh process, or an error that says why not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from graphdam._version import __version__
from graphdam.errors import ModelFileError
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

ENCODERS: dict[str, Callable[[], Encoder]] = {
    "gated gcn": lambda: GCN(7, [8, 6], 3, 5, act="elu", norm="batch_norm", gate="dam"),
    "gated sage": lambda: GraphSAGE(7, 8, 2, jk="cat", gate="dam", gate_output=True),
    "gated gat": lambda: GAT(7, 8, 2, 5, heads=2, jk="lstm", gate="dam"),
    "gated gatv2": lambda: GAT(7, 8, 2, 5, heads=2, v2=True, residual=True, gate="dam"),
    "gatv2 with shared weights": lambda: GAT(7, 8, 2, 5, v2=True, share_weights=True, gate="dam"),
    "plain gcn": lambda: GCN(7, 8, 2, 5),
    "compact lstm": lambda: GCN(7, 8, 2, 5, jk="lstm", gate="dam").truncate(3),
    "options": lambda: GCN(
        7,
        8,
        2,
        5,
        dropout=0.25,
        act="leaky_relu",
        act_first=True,
        act_kwargs={"negative_slope": 0.3},
        norm="batch_norm",
        norm_kwargs={"eps": 1e-3},
        gate="dam",
        gate_kwargs={"min_width": 2, "steepness": 2.0},
        output_is_embedding=True,
        improved=True,
    ),
}

FRESH = """
import sys, torch
from graphdam.nn import Encoder
for folder in sys.argv[1:]:
    inputs = torch.load(folder + "/../inputs.pt", weights_only=True)
    out = torch.load(folder + "-out.pt", weights_only=True)
    encoder = Encoder.from_pretrained(folder)
    assert not encoder.training
    with torch.no_grad():
        assert torch.equal(encoder(*inputs), out), folder
"""


def test_a_fresh_process_gives_the_same_bits(
    x: Tensor, edge_index: Tensor, shake: Callable[..., Any], tmp_path: Path
) -> None:
    torch.save((x.float(), edge_index), tmp_path / "inputs.pt")
    folders = []
    for name, make in ENCODERS.items():
        if name == "gatv2 with shared weights":
            continue
        wide = shake(make(), [3, 2]).float().eval()
        for suffix, encoder in (("", wide), (" compact", wide.compact())):
            folder = tmp_path / f"{name}{suffix}"
            encoder.save_pretrained(folder)
            with torch.no_grad():
                torch.save(encoder(x.float(), edge_index), f"{folder}-out.pt")
            folders.append(str(folder))
    command = [sys.executable, "-W", "ignore", "-c", FRESH, *folders]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_everything_comes_back(
    name: str,
    dtype: torch.dtype,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
    tmp_path: Path,
) -> None:
    encoder = shake(ENCODERS[name](), [3, 2]).to(dtype)
    encoder.save_pretrained(tmp_path)
    again = type(encoder).from_pretrained(str(tmp_path))
    assert type(again) is type(encoder)
    assert again.config == encoder.config
    assert again.widths == encoder.widths
    assert not again.training
    assert again.state_dict().keys() == encoder.state_dict().keys()
    for key, value in again.state_dict().items():
        assert torch.equal(value, encoder.state_dict()[key]), key
        assert value.dtype == encoder.state_dict()[key].dtype
    encoder.eval()
    assert torch.equal(again(x.to(dtype), edge_index), encoder(x.to(dtype), edge_index))
    assert type(Encoder.from_pretrained(tmp_path)) is type(encoder)


def test_the_folder_holds_two_readable_files_and_nothing_pickled(
    shake: Callable[..., Any], tmp_path: Path
) -> None:
    encoder = shake(GCN(7, 8, 2, 5, gate="dam"), [3])
    encoder.save_pretrained(tmp_path / "new" / "model")
    folder = tmp_path / "new" / "model"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    description = json.loads((folder / "config.json").read_text())
    assert description["format"] == 1
    assert description["graphdam_version"] == __version__
    assert description["class"] == "GCN"
    assert description["widths"] == [3]
    assert description["config"]["hidden_channels"] == [8]
    assert load_file(folder / "model.safetensors").keys() == encoder.state_dict().keys()


def test_a_compact_model_is_smaller_on_disk(tmp_path: Path, shake: Callable[..., Any]) -> None:
    wide = shake(GCN(512, 256, 2, 7, gate="dam"), [8]).float()
    wide.save_pretrained(tmp_path / "wide")
    wide.compact().save_pretrained(tmp_path / "small")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("wide", "small")]
    assert sizes[1] < sizes[0] / 25


def test_saving_again_replaces_the_model(shake: Callable[..., Any], tmp_path: Path) -> None:
    shake(GCN(7, 8, 2, 5, gate="dam"), [3]).save_pretrained(tmp_path)
    other = shake(GraphSAGE(7, 4, 2, 5), seed=1)
    other.save_pretrained(tmp_path)
    again = Encoder.from_pretrained(tmp_path)
    assert isinstance(again, GraphSAGE)
    for key, value in again.state_dict().items():
        assert torch.equal(value, other.state_dict()[key])


def test_a_transposed_parameter_is_saved_as_it_reads(
    shake: Callable[..., Any], tmp_path: Path
) -> None:
    encoder = shake(GCN(7, 8, 2, 5))
    weight = encoder.convs[0].lin.weight
    encoder.convs[0].lin.weight = nn.Parameter(torch.randn(7, 8, dtype=torch.float64).t())
    assert weight.shape == encoder.convs[0].lin.weight.shape
    encoder.save_pretrained(tmp_path)
    again = GCN.from_pretrained(tmp_path)
    assert torch.equal(again.state_dict()["convs.0.lin.weight"], encoder.convs[0].lin.weight)


# Refusals.


@pytest.fixture
def folder(tmp_path: Path, shake: Callable[..., Any]) -> Path:
    shake(GCN(7, 8, 2, 5, gate="dam"), [3]).save_pretrained(tmp_path)
    return tmp_path


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def reconfigure(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())["config"]
    rewrite(folder, config={**config, **changes})


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])


def scramble(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(b"\xff" * 64 + weights.read_bytes()[64:])


def drop_a_tensor(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["convs.1.bias"]
    save_file(state, folder / "model.safetensors")


def pickle_instead(folder: Path) -> None:
    torch.save({"a": 1}, folder / "model.safetensors")


CONFIG, WEIGHTS = r"\S*config\.json", r"\S*model\.safetensors"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncate, rf"{WEIGHTS} is corrupted or truncated \(.+\): copy or save it again\."),
        (scramble, rf"{WEIGHTS} is corrupted or truncated \(.+\): copy or save it again\."),
        (pickle_instead, rf"{WEIGHTS} is corrupted or truncated \(.+\): copy or save it again\."),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b""),
            rf"{WEIGHTS} is corrupted or truncated \(.+\): copy or save it again\.",
        ),
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            r"\S+ has a config\.json but no model\.safetensors: a model needs both; copy the whole "
            r"folder\.",
        ),
        (
            lambda folder: (folder / "config.json").unlink(),
            r"No model in \S+: config\.json is missing\. A run folder keeps its model in "
            r"'model/'\.",
        ),
        (
            lambda folder: (folder / "config.json").write_text('{"format": 1,'),
            rf"{CONFIG} is not readable JSON \(.+\): copy or save the model again\.",
        ),
        (
            lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe\x00"),
            rf"{CONFIG} is not readable JSON \(.+\): copy or save the model again\.",
        ),
        (
            lambda folder: (folder / "config.json").write_text("[1, 2]"),
            rf"{CONFIG} does not describe a graphdam model: it needs the keys class, "
            r"config, format\.",
        ),
        (
            lambda folder: (folder / "config.json").write_text('{"format": 1}'),
            rf"{CONFIG} does not describe a graphdam model: it needs the keys class, "
            r"config, format\.",
        ),
        (
            lambda folder: rewrite(folder, format=2, graphdam_version="9.0"),
            rf"{CONFIG} has format 2, written by graphdam 9\.0; this graphdam "
            rf"\({re.escape(__version__)}\) reads format 1: use the version that wrote it\.",
        ),
        (
            lambda folder: rewrite(folder, **{"class": "GIN"}),
            rf"{CONFIG} holds a GIN, which this graphdam does not know; it knows GAT, GCN, "
            r"GraphSAGE\.",
        ),
        (
            lambda folder: rewrite(folder, **{"class": "GAT"}),
            rf"{CONFIG} holds a GAT, and GCN was asked for: load it with "
            r"graphdam\.GAT\.from_pretrained\.",
        ),
        (
            lambda folder: rewrite(folder, **{"class": ["GCN"]}),
            rf"{CONFIG} .*",
        ),
        (
            lambda folder: rewrite(folder, config=[1, 2]),
            rf"{CONFIG} does not describe a GCN: .* Save the model again\.",
        ),
        (
            lambda folder: reconfigure(folder, in_channels="seven"),
            rf"{CONFIG} does not describe a GCN: in_channels must be .* Save the model again\.",
        ),
        (
            lambda folder: reconfigure(folder, colour="red"),
            rf"{CONFIG} does not describe a GCN: .*colour.* Save the model again\.",
        ),
        (
            lambda folder: reconfigure(folder, gate="lamp"),
            rf"{CONFIG} does not describe a GCN: Unknown gate 'lamp'.* Save the model again\.",
        ),
        (
            lambda folder: reconfigure(folder, hidden_channels=[9]),
            rf"{WEIGHTS} does not fit {CONFIG}: size mismatch .*\. The two files must come from "
            r"one save_pretrained call\.",
        ),
        (
            lambda folder: reconfigure(folder, gate=None),
            rf"{WEIGHTS} does not fit {CONFIG}: Unexpected key.* The two files must come from one "
            r"save_pretrained call\.",
        ),
        (
            drop_a_tensor,
            rf"{WEIGHTS} does not fit {CONFIG}: Missing key.*convs\.1\.bias.* The two files must "
            r"come from one save_pretrained call\.",
        ),
    ],
)
def test_what_cannot_be_loaded_is_explained(
    spoil: Callable[[Path], object], message: str, folder: Path
) -> None:
    spoil(folder)
    with pytest.raises(ModelFileError) as caught:
        GCN.from_pretrained(folder)
    assert re.fullmatch(message, str(caught.value), flags=re.DOTALL), str(caught.value)


def test_the_base_class_names_what_it_takes(folder: Path) -> None:
    rewrite(folder, **{"class": "GIN"})
    with pytest.raises(ModelFileError, match=r"does not know; it knows GAT, GCN, GraphSAGE\."):
        Encoder.from_pretrained(folder)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"No model in \S+nowhere: config\.json is missing\."):
        GCN.from_pretrained(tmp_path / "nowhere")


def test_a_hub_id_without_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelFileError) as caught:
        GCN.from_pretrained("someone/model")
    assert str(caught.value) == (
        "'someone/model' is no folder here; to load it from the Hugging Face hub, install "
        "graphdam[hub]."
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"act": torch.tanh}, "act"),
        ({"act": nn.ELU()}, "act"),
        ({"norm": nn.BatchNorm1d(8)}, "norm"),
        ({"act": nn.ELU(), "norm": nn.BatchNorm1d(8)}, "act, norm"),
    ],
)
def test_parts_without_a_name_are_refused_and_nothing_is_written(
    arguments: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError) as caught:
        GCN(7, 8, 2, 5, **arguments).save_pretrained(tmp_path / "model")
    assert str(caught.value) == (
        f"A saved model names its parts, but {named} is given as an object: pass it by name "
        f"('elu', 'batch_norm') with its arguments in act_kwargs or norm_kwargs."
    )
    assert not (tmp_path / "model").exists()
