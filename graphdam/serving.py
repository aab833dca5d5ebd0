"""What a finished run is good for: its compact model on its graph, or on another one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphdam.data import Graph, load_graph
from graphdam.data.graph import SplitName
from graphdam.errors import DataError, RunFolderError, SettingsError
from graphdam.evaluation.cost import num_parameters
from graphdam.files import write_atomically
from graphdam.nn import Encoder
from graphdam.objectives import prepare_graph
from graphdam.report import read_record
from graphdam.training import Settings, build_objective
from graphdam.training.run_folder import RunFolder

EMBEDDING_SUFFIXES = (".npy", ".npz", ".csv")


@dataclass(frozen=True)
class LoadedRun:
    """A run's settings, its compact model in evaluation mode, and the graph to use it on."""

    settings: Settings
    encoder: Encoder
    graph: Graph
    seed: int


def load_run(path: Path, *, graph: str | None = None, data_root: Path | None = None) -> LoadedRun:
    """The model of a run folder with the run's graph, or another one.

    Args:
        path: the run folder.
        graph: a name or file, see `load_graph`; None for the run's own, under the split of the
            seed whose model was kept.
        data_root: where named data sets lie.

    Raises:
        RunFolderError: no such run, or one that has not finished.
        DataError: the graph has other features, or more classes, than the model.
    """
    folder = RunFolder.open(path)
    if not folder.is_finished:
        raise RunFolderError(
            f"{path} has not finished, so it holds no model yet: graphdam train --out {path} "
            f"--resume continues it."
        )
    settings, record = folder.settings(), read_record(path)
    encoder = Encoder.from_pretrained(folder.model)
    split = settings.split if graph is None else None
    data = load_graph(graph or settings.dataset, split=split, data_root=data_root)
    outputs = encoder.out_channels if settings.learns_embedding else data.out_channels
    if data.num_features != encoder.in_channels or outputs != encoder.out_channels:
        raise DataError(
            f"{data.name} has {data.num_features} features and {data.out_channels} outputs a node, "
            f"the model of {path} takes {encoder.in_channels} and gives {encoder.out_channels}: "
            f"use a graph with the same features and classes."
        )
    seed = record.model_seed
    return LoadedRun(settings, encoder, data.at_split(seed), seed)


def score_run(loaded: LoadedRun) -> dict[str, Any]:
    """Scores of the parts of the split, and what the model costs on this graph.

    An embedding's probe is fitted on the training nodes, and links are rebuilt there, so it has no
    score of its own on that part.
    """
    encoder, graph = loaded.encoder, loaded.graph
    objective = build_objective(loaded.settings, graph, encoder, seed=loaded.seed)
    prepared = prepare_graph(encoder, objective.training_graph(graph))
    parts: tuple[SplitName, ...] = ("train", "val", "test")
    if loaded.settings.learns_embedding:
        parts = ("val", "test")
    outputs = objective.quiet_outputs(encoder, prepared)
    scores = objective.score_outputs(outputs, prepared, *parts)
    return {
        "metric": objective.metric,
        "scores": {part: each[objective.metric] for part, each in zip(parts, scores, strict=True)},
        "widths": encoder.widths,
        "parameters": num_parameters(encoder),
        "multiply_adds": encoder.multiply_adds(prepared.x, prepared.adjacency),
    }


@torch.no_grad()
def embed_run(loaded: LoadedRun) -> Tensor:
    """The embedding of every node: [N, width]."""
    prepared = prepare_graph(loaded.encoder, loaded.graph)
    return loaded.encoder.embed(prepared.x, prepared.adjacency)


def write_embedding(embedding: Tensor, path: Path) -> None:
    """Write [N, d] as `.npy`, as `.npz` (key `embedding`) or as `.csv` (column `node` first).

    Raises:
        SettingsError: another suffix.
    """
    array = embedding.cpu().numpy()
    buffer = io.BytesIO()
    if path.suffix == ".npy":
        np.save(buffer, array)
    elif path.suffix == ".npz":
        np.savez_compressed(buffer, embedding=array)
    elif path.suffix == ".csv":
        header = ",".join(["node", *(f"d{column}" for column in range(array.shape[1]))])
        rows = np.column_stack([np.arange(len(array)), array])
        formats = ["%d", *["%.9g"] * array.shape[1]]
        np.savetxt(buffer, rows, fmt=formats, delimiter=",", header=header, comments="")
    else:
        raise SettingsError(
            f"An embedding is written as {', '.join(EMBEDDING_SUFFIXES)}; received '{path.name}'."
        )
    write_atomically(path, buffer.getvalue())
