"""Exports: what is in the file gives the encoder's outputs, without graphdam."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graphdam.data.csr import CSRMatrix
from graphdam.errors import GraphDamError, ModelFileError, SettingsError
from graphdam.files import write_atomically
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE, export, export_encoder, export_formats
from graphdam.nn.surgery import stock_model

has_onnx = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))
needs_onnx = pytest.mark.skipif(not has_onnx, reason="needs graphdam[export]")
FORMATS = [
    pytest.param("torch-export", "model.pt2", id="torch-export"),
    pytest.param("onnx", "model.onnx", id="onnx", marks=needs_onnx),
    pytest.param("pyg", "model.json", id="pyg"),
]
every_format = pytest.mark.parametrize(("form", "file"), FORMATS)
KINDS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GraphSAGE, {}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "v2": True}),
]


@pytest.fixture
def compact(shake: Callable[..., Any]) -> Callable[..., Any]:
    def small(kind: type[Encoder], **arguments: Any) -> Encoder:
        settings: dict[str, Any] = {"norm": "batch_norm", "act": "elu", "gate": "dam"}
        return shake(kind(7, 8, 2, 4, **{**settings, **arguments}), [3]).compact()  # type: ignore[no-any-return]

    return small


def run_snippet(snippet: str, **graph: Tensor) -> Tensor:
    """What the printed lines make of a graph."""
    names: dict[str, Any] = dict(graph)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export.load warns of its own code
        exec(snippet, names)
    return torch.as_tensor(names["out"])


@every_format
@pytest.mark.parametrize(("kind", "arguments"), KINDS)
def test_the_printed_lines_give_the_encoders_outputs_on_graphs_of_any_size(
    form: str,
    file: str,
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    compact: Callable[..., Any],
    tmp_path: Path,
) -> None:
    dtype = torch.float32 if form == "onnx" else torch.float64  # what onnxruntime has kernels for
    encoder, x = compact(kind, **arguments).train().to(dtype), x.to(dtype)
    done = export_encoder(encoder, tmp_path / file, format=form, x=x, edge_index=edge_index)
    assert max(done.deviation, done.deviation_elsewhere) < (1e-5 if form == "onnx" else 1e-12)
    assert encoder.training
    assert "graphdam" not in done.snippet.replace(str(tmp_path), "")
    encoder.eval()
    graphs = [
        (x, edge_index),
        (torch.randn(50, 7, dtype=dtype), torch.randint(0, 50, (2, 99))),
        (torch.randn(2, 7, dtype=dtype), torch.tensor([[0, 1], [1, 1]])),
    ]
    for features, edges in graphs:
        out = run_snippet(done.snippet, x=features, edge_index=edges)
        torch.testing.assert_close(out, encoder(features, edges))


@every_format
def test_weights_and_attributes_of_edges_are_inputs(
    form: str,
    file: str,
    x: Tensor,
    edge_index: Tensor,
    edge_weight: Tensor,
    compact: Callable[..., Any],
    tmp_path: Path,
) -> None:
    x, edge_weight = x.float(), edge_weight.float()
    attribute = torch.stack([edge_weight, edge_weight.flip(0)], dim=1)
    cases = [
        (compact(GCN, norm=None), {"edge_weight": edge_weight}),
        (compact(GAT, heads=2, edge_dim=2), {"edge_attr": attribute}),
    ]
    for number, (wide, more) in enumerate(cases):
        encoder, path = wide.float(), tmp_path / str(number) / file
        done = export_encoder(encoder, path, format=form, x=x, edge_index=edge_index, **more)
        encoder.eval()
        out = run_snippet(done.snippet, x=x, edge_index=edge_index, **more)
        torch.testing.assert_close(out, encoder(x, edge_index, **more))
        assert not torch.allclose(out, encoder(x, edge_index))


@every_format
@pytest.mark.parametrize("arguments", [{"jk": "cat"}, {"jk": "max", "act": "prelu"}])
def test_single_precision_sparse_features_and_jumping_knowledge(
    form: str,
    file: str,
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    compact: Callable[..., Any],
    tmp_path: Path,
) -> None:
    encoder, features = compact(GraphSAGE, **arguments).float(), x.float()
    sparse = CSRMatrix.from_dense(features)
    done = export_encoder(encoder, tmp_path / file, format=form, x=sparse, edge_index=edge_index)
    assert max(done.deviation, done.deviation_elsewhere) < 1e-5
    out = run_snippet(done.snippet, x=features, edge_index=edge_index)
    torch.testing.assert_close(out, encoder.eval()(features, edge_index))


def test_the_pyg_export_is_json_and_safetensors(
    x: Tensor, edge_index: Tensor, compact: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "net.json"
    done = export_encoder(compact(GCN), path, format="pyg", x=x, edge_index=edge_index)
    assert done.files == (path, tmp_path / "net.safetensors")
    assert sorted(tmp_path.iterdir()) == sorted(done.files)
    content = json.loads(path.read_text())
    assert content["class"] == "torch_geometric.nn.GCN"
    assert content["arguments"]["hidden_channels"] == 3


@every_format
def test_a_gated_model_is_refused(
    form: str, file: str, x: Tensor, edge_index: Tensor, tmp_path: Path
) -> None:
    encoder = GCN(7, 8, 2, 4, gate="dam").double()
    with pytest.raises(SettingsError) as caught:
        export_encoder(encoder, tmp_path / file, format=form, x=x, edge_index=edge_index)
    assert str(caught.value) == (
        "GCN(7 → 8 → 4, gate=dam, open=[8]) still has gates, and an export would carry its closed "
        "channels along: export what its compact() returns."
    )
    assert not list(tmp_path.iterdir())


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"format": "onxx"}, {}, "Unknown format 'onxx': did you mean 'onnx'?"),
    ({"format": "onnx"}, {}, "The format onnx is written as .onnx; received 'model.json'."),
    ({"format": "pyg"}, {"act": torch.tanh}, "An exported model names its parts, but some of them"),
    ({"format": "pyg"}, {"jk": "lstm"}, "The LSTM of jk='lstm' has another size than torch_geom"),
]


@pytest.mark.parametrize(("wrong", "arguments", "sentence"), REFUSED)
def test_what_cannot_be_exported_is_refused_and_leaves_nothing(
    wrong: dict[str, Any],
    arguments: dict[str, Any],
    sentence: str,
    x: Tensor,
    edge_index: Tensor,
    compact: Callable[..., Any],
    tmp_path: Path,
) -> None:
    with pytest.raises(GraphDamError) as caught:
        export_encoder(
            compact(GCN, **arguments), tmp_path / "model.json", x=x, edge_index=edge_index, **wrong
        )
    assert str(caught.value).startswith(sentence)
    assert not list(tmp_path.iterdir())


def test_half_precision_is_refused(
    x: Tensor, edge_index: Tensor, compact: Callable[..., Any], tmp_path: Path
) -> None:
    encoder = compact(GCN).bfloat16()
    with pytest.raises(SettingsError, match=r"finer than torch\.bfloat16 can tell: export encod"):
        export_encoder(encoder, tmp_path / "a.json", format="pyg", x=x, edge_index=edge_index)


def test_a_missing_package_is_named(
    x: Tensor,
    edge_index: Tensor,
    compact: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else 1)
    with pytest.raises(SettingsError) as caught:
        export_encoder(compact(GCN), tmp_path / "a.onnx", format="onnx", x=x, edge_index=edge_index)
    assert str(caught.value) == (
        "The format onnx needs onnx, onnxscript, onnxruntime, and onnx cannot be found: "
        "pip install 'graphdam[export]'."
    )


@needs_onnx
def test_what_onnxruntime_cannot_run_is_refused(
    x: Tensor, edge_index: Tensor, compact: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match=r"onnxruntime cannot run .*export encoder\.float"):
        export_encoder(compact(GCN), tmp_path / "a.onnx", format="onnx", x=x, edge_index=edge_index)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_leaves_no_half_of_an_export(
    x: Tensor,
    edge_index: Tensor,
    compact: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            raise OSError("no space left")
        write_atomically(path, content)

    monkeypatch.setattr(export, "write_atomically", full)
    with pytest.raises(OSError, match="no space left"):
        export_encoder(compact(GCN), tmp_path / "a.json", format="pyg", x=x, edge_index=edge_index)
    assert not list(tmp_path.iterdir())


def test_an_export_with_other_outputs_is_noticed_and_not_written(
    x: Tensor,
    edge_index: Tensor,
    compact: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stock model that forgets one bias."""

    def forgetful(encoder: Any) -> Any:
        model, arguments = stock_model(encoder)
        model.convs[1].bias.data.zero_()  # type: ignore[index, union-attr]
        return model, arguments

    monkeypatch.setattr(export_formats, "stock_model", forgetful)
    with pytest.raises(ModelFileError, match=r"of their scale, and 1e-05 is allowed: nothing was"):
        export_encoder(compact(GCN), tmp_path / "a.json", format="pyg", x=x, edge_index=edge_index)
    assert not list(tmp_path.iterdir())
