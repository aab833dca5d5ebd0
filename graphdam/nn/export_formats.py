"""The forms in which a compact encoder leaves graphdam."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch_geometric.nn
from safetensors.torch import load, save
from torch import Tensor, nn

from graphdam.compaction.model_folder import described
from graphdam.errors import ModelFileError, SettingsError
from graphdam.nn.stack import ConvStack
from graphdam.nn.surgery import stock_model

Inputs = dict[str, Tensor]
"""The tensors of a graph by the names that `forward` gives them: x, edge_index and what else."""


@dataclass(frozen=True)
class Written:
    """The contents of an export's files, the named one first, and what they are when read back."""

    files: dict[Path, bytes]
    run: Callable[[Inputs], Tensor]
    snippet: str


@dataclass(frozen=True)
class Format:
    """A form of export: the suffix of its file, and what writes it.

    `write(model, example, path)` returns what will stand in `path`; `example` is a small graph.
    """

    suffix: str
    write: Callable[[ConvStack, Inputs, Path], Written]


def _torch_export(model: ConvStack, example: Inputs, path: Path) -> Written:
    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(_program(model, example), buffer)
        buffer.seek(0)
        again: Any = torch.export.load(buffer).module()
    snippet = f"""import torch
model = torch.export.load({str(path)!r}).module()
out = model({", ".join(f"{name}={name}" for name in example)})"""
    return Written({path: buffer.getvalue()}, lambda graph: again(**graph), snippet)


def _onnx(model: ConvStack, example: Inputs, path: Path) -> Written:
    packages = ("onnx", "onnxscript", "onnxruntime")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"The format onnx needs {', '.join(packages)}, and {', '.join(missing)} cannot be "
            f"found: pip install 'graphdam[export]'."
        )
    import onnxruntime

    with _quiet():
        program: Any = torch.onnx.export(
            _program(model, example),
            dynamo=True,
            verbose=False,
            input_names=list(example),
            output_names=["out"],
        )
        content: bytes = program.model_proto.SerializeToString()
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # of a type for every reason
        raise ModelFileError(
            f"onnxruntime cannot run the exported model: {error}. It has many kernels for single "
            f"precision only: export encoder.float(), or choose the format torch-export."
        ) from None

    def run(graph: Inputs) -> Tensor:
        outputs = session.run(None, {name: value.numpy() for name, value in graph.items()})
        return torch.from_numpy(outputs[0])

    snippet = f"""import onnxruntime
session = onnxruntime.InferenceSession({str(path)!r})
(out,) = session.run(None, {{{", ".join(f"{name!r}: {name}.numpy()" for name in example)}}})"""
    return Written({path: content}, run, snippet)


def _pyg(model: ConvStack, example: Inputs, path: Path) -> Written:
    stock, arguments = stock_model(model)
    name, dtype = type(stock).__name__, next(stock.parameters()).dtype
    try:
        text = described(**{"class": f"torch_geometric.nn.{name}", "arguments": arguments})
    except TypeError:
        raise ModelFileError(
            "An exported model names its parts, but some of them were given as objects: pass act "
            "and norm by name, or choose the format torch-export."
        ) from None
    weights = save({key: value.clone() for key, value in stock.state_dict().items()})
    again: nn.Module = getattr(torch_geometric.nn, name)(**json.loads(text)["arguments"])
    try:
        again.to(dtype).load_state_dict(load(weights))
    except RuntimeError:
        raise ModelFileError(
            f"The LSTM of jk='lstm' has another size than torch_geometric.nn.{name} would give it, "
            f"so no arguments describe this model: choose the format torch-export."
        ) from None
    again.eval()
    cast = "" if dtype == torch.float32 else f".to({dtype})"
    weight_file = path.with_suffix(".safetensors")
    snippet = f"""import json, pathlib, torch, torch_geometric
from safetensors.torch import load_file
arguments = json.loads(pathlib.Path({str(path)!r}).read_text())["arguments"]
model = torch_geometric.nn.{name}(**arguments){cast}.eval()
model.load_state_dict(load_file({str(weight_file)!r}))
out = model({", ".join(f"{name}={name}" for name in example)})"""
    files = {path: text.encode(), weight_file: weights}
    return Written(files, lambda graph: again(**graph), snippet)


FORMATS = {
    "torch-export": Format(".pt2", _torch_export),
    "onnx": Format(".onnx", _onnx),
    "pyg": Format(".json", _pyg),
}


def _program(model: nn.Module, example: Inputs) -> Any:
    """The model's graph of operations, for any number of nodes and edges."""
    nodes, edges = torch.export.Dim("nodes", min=2), torch.export.Dim("edges", min=2)
    shapes = {name: {0: edges} for name in example}
    shapes |= {"x": {0: nodes}, "edge_index": {1: edges}}
    with torch.no_grad():
        return torch.export.export(model, (), kwargs=example, dynamic_shapes=shapes)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what exporters tell their own developers."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
