"""A compact encoder as a file that runs without graphdam, compared before it is written."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from graphdam.compaction import deviation
from graphdam.data.csr import CSRMatrix
from graphdam.errors import ModelFileError, SettingsError, unknown_choice
from graphdam.files import write_atomically
from graphdam.nn.encoder import Encoder
from graphdam.nn.export_formats import FORMATS, Inputs

TOLERANCE = 1e-5
"""The deviation, relative to the outputs' scale, above which an export is refused."""


@dataclass(frozen=True)
class Export:
    """What `export_encoder` has written.

    Attributes:
        files: the file that was named first.
        deviation: from the encoder's outputs on the graph given, relative to their scale.
        deviation_elsewhere: the same on a random graph of another size.
        other_nodes: the number of nodes of that graph.
        snippet: lines of Python that run what was written, without graphdam.
    """

    files: tuple[Path, ...]
    deviation: float
    deviation_elsewhere: float
    other_nodes: int
    snippet: str


def export_encoder(
    encoder: Encoder,
    file: str | os.PathLike[str],
    *,
    format: str,  # noqa: A002  (the command line's word)
    x: Tensor | CSRMatrix,
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    edge_attr: Tensor | None = None,
) -> Export:
    """Write a compact encoder for use without graphdam, on a graph of any size as an edge list.

    What will stand in the file is read back and compared with the encoder, on this graph and on a
    random one of another size, before anything is written.

    Args:
        encoder: without gates.
        file: what to write; its suffix is the format's.
        format: "torch-export" (`.pt2`), "onnx" (`.onnx`), or "pyg" (`.json` and `.safetensors`):
            the stock `torch_geometric.nn` model of `Encoder.to_pyg`.
        x: node features [N, in_channels].
        edge_index: int64 [2, E].
        edge_weight, edge_attr: where the encoder reads them; the exported model will too.

    Raises:
        SettingsError: gates, an unknown format, another suffix, half precision, a missing package.
        ModelFileError: the outputs differ, or the format cannot express the encoder.
    """
    path = Path(file)
    _check(encoder, path, format)
    model = copy.deepcopy(encoder).cpu().eval()
    dense = x.to_dense() if isinstance(x, CSRMatrix) else x
    given = {"x": dense, "edge_index": edge_index, "edge_weight": edge_weight}
    here = {
        name: value.detach().cpu()
        for name, value in {**given, "edge_attr": edge_attr}.items()
        if value is not None
    }
    other_nodes = 41 if dense.size(0) != 41 else 43
    elsewhere = random_graph(here, other_nodes)
    written = FORMATS[format].write(model, random_graph(here, 12), path)
    of_here = _deviation(model, written.run, here)
    of_elsewhere = _deviation(model, written.run, elsewhere)
    largest = max(of_here, of_elsewhere)
    if largest > TOLERANCE:
        raise ModelFileError(
            f"The {format} export gives outputs that differ from the encoder's by {largest:.1e} of "
            f"their scale, and {TOLERANCE:.0e} is allowed: nothing was written. Choose another "
            f"format ({', '.join(FORMATS)})."
        )
    _write(written.files)
    return Export(tuple(written.files), of_here, of_elsewhere, other_nodes, written.snippet)


def _write(files: dict[Path, bytes]) -> None:
    """All of the files, or none that was not there: the named one, which is first, comes last."""
    new = [target for target in files if not target.exists()]
    try:
        for target, content in reversed(files.items()):
            write_atomically(target, content)
    except BaseException:
        for target in new:
            target.unlink(missing_ok=True)
        raise


def _check(encoder: Encoder, path: Path, name: str) -> None:
    if name not in FORMATS:
        raise SettingsError(unknown_choice("format", name, FORMATS))
    if path.suffix != FORMATS[name].suffix:
        raise SettingsError(
            f"The format {name} is written as {FORMATS[name].suffix}; received '{path.name}'."
        )
    if len(encoder.gates):
        raise SettingsError(
            f"{encoder!r} still has gates, and an export would carry its closed channels along: "
            f"export what its compact() returns."
        )
    dtype = next(encoder.parameters()).dtype
    if dtype not in (torch.float32, torch.float64):
        raise SettingsError(
            f"An export is compared to {TOLERANCE:.0e} of the outputs' scale, finer than {dtype} "
            f"can tell: export encoder.float()."
        )


def random_graph(like: Inputs, num_nodes: int) -> Inputs:
    """Random inputs of another size: 3 edges a node, some nodes isolated, some edges loops."""
    generator = torch.Generator().manual_seed(num_nodes)
    rows = {"x": num_nodes}
    graph = {"edge_index": torch.randint(0, num_nodes, (2, 3 * num_nodes), generator=generator)}
    for name in like:
        if name != "edge_index":
            shape = (rows.get(name, 3 * num_nodes), *like[name].shape[1:])
            graph[name] = torch.rand(shape, generator=generator, dtype=like[name].dtype)
    return {name: graph[name] for name in like}


def _deviation(model: nn.Module, run: Callable[[Inputs], Tensor], graph: Inputs) -> float:
    here = _On(lambda: model(**graph))
    return deviation(here, _On(lambda: run(graph)), relative=True)


class _On(nn.Module):
    """A model on one graph."""

    def __init__(self, call: Callable[[], Tensor]) -> None:
        super().__init__()
        self.call = call

    def forward(self) -> Tensor:
        return self.call()
