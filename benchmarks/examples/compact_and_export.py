"""A run of the default recipe, its compact model exported, and the export used without graphdam.

python benchmarks/examples/compact_and_export.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch_geometric.nn
from safetensors.torch import load_file
from torch import Tensor, nn

import graphdam
from graphdam.nn import Encoder, export_encoder


def train_and_export(folder: Path, *, dataset: str = "digits", epochs: int = 200) -> Path:
    """The JSON file of the stock model that the run's compact model became."""
    graphdam.run(graphdam.Settings.of("default", dataset=dataset, epochs=epochs), folder)
    small = Encoder.from_pretrained(folder / "model")
    graph = graphdam.load_graph(dataset)
    done = export_encoder(
        small, folder / "export/model.json", format="pyg", x=graph.x, edge_index=graph.edge_index
    )
    print(f"{small} → {', '.join(map(str, done.files))}, deviation {done.deviation:.1e}")
    return done.files[0]


def load_without_graphdam(file: Path) -> nn.Module:
    """What any program that knows PyG can do with the two files."""
    arguments = json.loads(file.read_text())["arguments"]
    model: nn.Module = torch_geometric.nn.GCN(**arguments).eval()
    model.load_state_dict(load_file(file.with_suffix(".safetensors")))
    return model


def main() -> None:
    model = load_without_graphdam(train_and_export(Path(sys.argv[1])))
    graph = graphdam.load_graph("digits")
    with torch.no_grad():
        classes: Tensor = model(graph.dense_x(), graph.edge_index).argmax(-1)
    hits = classes[graph.mask("test")] == graph.y[graph.mask("test")]
    print(f"test accuracy {100 * float(hits.double().mean()):.1f} %")


if __name__ == "__main__":
    main()
