"""What a finished run is good for: its compact model on its graph, or on another one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypeVar

from graphdam.data import AnyData, Graph, GraphSet, Ratings, load_data, load_graph
from graphdam.data.graph import SplitName
from graphdam.errors import DataError, RunFolderError, SettingsError
from graphdam.files import write_atomically
from graphdam.nn import IGMC, Encoder, Export, export_encoder
from graphdam.objectives import PreparedRows
from graphdam.objectives.prepared_ratings import CHUNK
from graphdam.objectives.rating_prediction import predict
from graphdam.report import read_record
from graphdam.training import Settings, load_model, task_of
from graphdam.training.autoencoder_task import embed_rows
from graphdam.training.graph_task import GraphTask
from graphdam.training.model import SavedModel
from graphdam.training.run_folder import RunFolder

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
    seed: int


def load_any_run(
    path: Path, *, graph: str | None = None, data_root: Path | None = None
) -> LoadedRun[Any, Any]:
    """What `load_run` loads, or the same of a run on images, points or ratings.

    Raises:
        SettingsError: another graph for a run on something else.
        GraphDamError: see `load_run`.
    """
    folder = _finished(path)
    settings = folder.settings()
    if settings.kind == "graphs":
        return load_run(path, graph=graph, data_root=data_root)
    if graph is not None:
        raise SettingsError(
            f"{path} is a run on {settings.kind}, and {graph} is meant as another graph: leave it "
            f"out."
        )
    data = load_data(settings.dataset, split=settings.split, data_root=data_root)
    seed = read_record(path).model_seed
    chosen = task_of(settings, data).at_split(seed).data
    assert not isinstance(chosen, GraphSet)
    return LoadedRun(settings, load_model(settings, folder.model), chosen, seed)


def load_run(path: Path, *, graph: str | None = None, data_root: Path | None = None) -> LoadedRun:
    """The model of a run folder with the run's graph, or another one.

    Args:
        path: the run folder.
        graph: a name or file, see `load_graph`; None for the run's own, under the split of the
            seed whose model was kept.
        data_root: where named data sets lie.

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


@dataclass(frozen=True)
class Predicted:
    """Ratings of pairs: their values [B], and how many pairs are without what others have.

    `num_unseen` pairs have a user or an item without a training rating, and are rated from what is
    known of the other; `num_alone` have nothing known around them, and are rated the mean.
    """

    values: Tensor
    num_unseen: int
    num_alone: int


@torch.no_grad()
def predict_run(
    loaded: LoadedRun[IGMC, Ratings], users: Sequence[str], items: Sequence[str]
) -> Predicted:
    """What a run's compact model rates pairs of users and items, from the training ratings.

    Args:
        loaded: a run on ratings.
        users: a user a pair, as the ratings name them; others have no known rating.
        items: an item a pair.

    Raises:
        SettingsError: the run is about something else.
    """
    if loaded.settings.kind != "ratings":
        raise SettingsError(
            f"A run on {loaded.settings.kind} rates no pairs: name one on ratings, as "
            f"graphdam train --dataset flixster leaves."
        )
    ratings = loaded.graph
    known = ratings.known(cap=loaded.settings.max_nodes_per_hop, unseen=True)
    numbers = ratings.numbers_of(users, items)
    chunks = [
        known.enclose(*(each[at : at + CHUNK] for each in numbers))
        for at in range(0, len(users), CHUNK)
    ]
    return Predicted(
        predict(loaded.encoder, chunks, mean=ratings.mean),
        num_unseen=int((~known.is_warm(*numbers)).sum()),
        num_alone=sum(int(each.is_alone.sum()) for each in chunks),
    )


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


def write_embedding(embedding: Tensor, path: Path, *, rows: str = "node") -> None:
    """Write [N, d] as `.npy`, as `.npz` (key `embedding`) or as `.csv`.

    Args:
        embedding: what is written.
        path: whose suffix decides.
        rows: what a row is about: the name of the first column of a `.csv`, which numbers them.

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
        header = ",".join([rows, *(f"d{column}" for column in range(array.shape[1]))])
        numbered = np.column_stack([np.arange(len(array)), array])
        formats = ["%d", *["%.9g"] * array.shape[1]]
        np.savetxt(buffer, numbered, fmt=formats, delimiter=",", header=header, comments="")
    else:
        raise SettingsError(
            f"An embedding is written as {', '.join(EMBEDDING_SUFFIXES)}; received '{path.name}'."
        )
    write_atomically(path, buffer.getvalue())
