"""What a finished run is good for: its compact model on its graph, or on another one."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypeVar

from graphdam.data import AnyData, Graph, GraphSet, load_data, load_graph
from graphdam.data.graph import SplitName
from graphdam.errors import DataError, RunFolderError, SettingsError
from graphdam.files import write_atomically
from graphdam.nn import Encoder, Export, export_encoder
from graphdam.objectives import PreparedRows
from graphdam.report import RunRecord, read_record
from graphdam.training import Settings, load_model, task_of
from graphdam.training.autoencoder_task import embed_rows
from graphdam.training.graph_task import GraphTask
from graphdam.training.model import SavedModel
from graphdam.training.run_folder import RunFolder

if TYPE_CHECKING:
    from torch_geometric.data import Data

EMBEDDING_SUFFIXES = (".npy", ".npz", ".csv")


M = TypeVar("M", bound=SavedModel, default=Encoder)
D = TypeVar("D", bound=AnyData, default=Graph)


@dataclass(frozen=True)
class LoadedRun(Generic[M, D]):
    """A run's settings, its compact model in evaluation mode, and the graph to use it on.

    Of a run on images, points or ratings, `graph` holds those.
    """

    settings: Settings
    encoder: M
    graph: D
    record: RunRecord

    @property
    def seed(self) -> int:
        """That whose model was kept."""
        return self.record.model_seed


def load_any_run(
    path: Path, *, graph: str | None = None, data_root: Path | None = None, labelled: bool = True
) -> LoadedRun[Any, Any]:
    """What `load_run` loads, or the same of a run on images, points or ratings.

    Raises:
        SettingsError: another graph for a run on something else.
        GraphDamError: see `load_run`.
    """
    folder = _finished(path)
    settings = folder.settings()
    if settings.kind == "graphs":
        return load_run(path, graph=graph, data_root=data_root, labelled=labelled)
    if graph is not None:
        raise SettingsError(
            f"{path} is a run on {settings.kind}, and {graph} is meant as another graph: leave it "
            f"out."
        )
    data = load_data(settings.dataset, split=settings.split, data_root=data_root)
    record = read_record(path)
    chosen = task_of(settings, data).at_split(record.model_seed).data
    assert not isinstance(chosen, GraphSet)
    return LoadedRun(settings, load_model(settings, folder.model), chosen, record)


def load_run(
    path: Path,
    *,
    graph: str | Path | Data | None = None,
    data_root: Path | None = None,
    labelled: bool = True,
) -> LoadedRun:
    """The model of a run folder with the run's graph, or another one.

    Args:
        path: the run folder.
        graph: a name or file, or a PyG `Data`, see `load_graph`; None for the run's own, under
            the split of the seed whose model was kept.
        data_root: where named data sets lie.
        labelled: whether a graph of your own is to have labels, as scores need them.

    Raises:
        RunFolderError: no such run, or one that has not finished.
        SettingsError: it is about images, points or ratings.
        DataError: the graph has other features, or more classes, than the model.
    """
    folder = _finished(path)
    settings, record = folder.settings(), read_record(path)
    if settings.kind != "graphs":
        loader = "IGMC" if settings.kind == "ratings" else "ImageModel"
        raise SettingsError(
            f"{path} is a run on {settings.kind} ({settings.dataset}), and a run on a graph is "
            f"asked for: graphdam evaluate and graphdam info take it, and "
            f"graphdam.nn.{loader}.from_pretrained loads its model."
        )
    encoder = Encoder.from_pretrained(folder.model)
    split = settings.split if graph is None else None
    source = settings.dataset if graph is None else graph
    data = load_graph(source, split=split, data_root=data_root, labelled=labelled)
    if record.classes is not None and data.class_names is not None:
        data = data.with_classes(tuple(record.classes))
    has_outputs = labelled and not settings.learns_embedding
    outputs = data.out_channels if has_outputs else encoder.out_channels
    if data.num_features != encoder.in_channels or outputs != encoder.out_channels:
        raise DataError(
            f"{data.name} has {data.num_features} features and {data.out_channels} outputs a node, "
            f"the model of {path} takes {encoder.in_channels} and gives {encoder.out_channels}: "
            f"use a graph with the same features and classes."
        )
    return LoadedRun(settings, encoder, data.at_split(record.model_seed), record)


def _finished(path: Path) -> RunFolder:
    folder = RunFolder.open(path)
    if not folder.is_finished:
        raise RunFolderError(
            f"{path} has not finished, so it holds no model yet: graphdam train --out {path} "
            f"--resume continues it."
        )
    return folder


def score_run(loaded: LoadedRun[Any, Any]) -> dict[str, Any]:
    """Scores of the parts of the split, and what the model costs on this graph, or for an image.

    An embedding's probe is fitted on the training nodes, and links are rebuilt there, so it has no
    score of its own on that part.
    """
    encoder, task = loaded.encoder, task_of(loaded.settings, loaded.graph)
    objective = task.build_objective(encoder, seed=loaded.seed)
    prepared = task.prepare(encoder, objective)
    parts: tuple[SplitName, ...] = ("train", "val", "test")
    if loaded.settings.learns_embedding:
        parts = ("val", "test")
    outputs = objective.quiet_outputs(encoder, prepared)
    scores = objective.score_outputs(outputs, prepared, *parts)
    return {
        "metric": objective.metric,
        "scores": {part: each[objective.metric] for part, each in zip(parts, scores, strict=True)},
        "widths": encoder.widths,
        **task.cost(encoder, prepared),
    }


@torch.no_grad()
def embed_run(loaded: LoadedRun[Any, Any]) -> Tensor:
    """The embedding of every node, or the code of every image or point: [N, width].

    Raises:
        SettingsError: the run is of a classifier of images, or on ratings, and has neither.
    """
    settings, encoder = loaded.settings, loaded.encoder
    if isinstance(encoder, Encoder):
        return GraphTask(settings, loaded.graph).embedding(encoder)
    if not settings.reconstructs:
        does = "rates pairs" if settings.kind == "ratings" else "tells classes"
        raise SettingsError(
            f"The {settings.model} of {settings.dataset} {does} and embeds nothing: embed a "
            f"run on a graph, or one that was trained with --model autoencoder."
        )
    return embed_rows(encoder, PreparedRows.of(loaded.graph))


def export_run(loaded: LoadedRun, path: Path, *, format: str) -> Export:  # noqa: A002
    """The compact model as a file for use without graphdam: see `graphdam.nn.export_encoder`."""
    graph = loaded.graph
    return export_encoder(
        loaded.encoder,
        path,
        format=format,
        x=graph.x,
        edge_index=graph.edge_index,
        edge_weight=graph.edge_weight if loaded.encoder.supports_edge_weight else None,
    )


def write_embedding(
    embedding: Tensor, path: Path, *, rows: str = "node", ids: Sequence[str] | None = None
) -> None:
    """Write [N, d] as `.npy`, as `.npz` (key `embedding`) or as `.csv`.

    Args:
        embedding: what is written.
        path: whose suffix decides.
        rows: what a row is about: the name of the first column of a `.csv`.
        ids: what stands in that column; the rows' numbers by default.

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
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([rows, *(f"d{column}" for column in range(array.shape[1]))])
        for name, row in zip(ids or range(len(array)), array.tolist(), strict=True):
            writer.writerow([name, *(f"{value:.9g}" for value in row)])
        buffer.write(text.getvalue().encode())
    else:
        raise SettingsError(
            f"An embedding is written as {', '.join(EMBEDDING_SUFFIXES)}; received '{path.name}'."
        )
    write_atomically(path, buffer.getvalue())
