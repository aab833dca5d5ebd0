"""A small graph written as OGB lays out its node sets, and what OGB itself reads of it."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from graphdam.data import Graph, load_graph
from graphdam.data.quiet import quietly
from graphdam.data.registry import DATASETS
from graphdam.data.sources import cache_folder
from graphdam.errors import DataError
from graphdam.evaluation.ogb import import_ogb

Array = npt.NDArray[Any]

ARXIV = "ogbn-arxiv"

Same = Callable[[Graph, Graph], None]
"""What the fixture `assert_same_graph` is."""

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Written:
    """What the files hold: edges in one direction, labels [N, T], the nodes of the three parts."""

    edge_index: Array
    node_feat: Array | None
    edge_feat: Array | None
    node_label: Array
    parts: tuple[Array, Array, Array]

    @property
    def num_nodes(self) -> int:
        return len(self.node_label)


def made_up(name: str, *, num_nodes: int = 60, num_edges: int = 150, seed: int = 0) -> Written:
    """Random edges, a self-loop and one edge twice among them, and an isolated last node."""
    generator = np.random.default_rng(seed)
    edge_index = generator.integers(0, num_nodes - 1, (2, num_edges))
    edge_index[:, 0] = 3
    edge_index[:, 1] = edge_index[:, 2]
    order = generator.permutation(num_nodes)
    features = generator.standard_normal
    proteins = name == "ogbn-proteins"
    return Written(
        edge_index,
        None if proteins else features((num_nodes, 5)).astype(np.float32),
        features((num_edges, 8)).astype(np.float32) if proteins else None,
        generator.integers(0, 2, (num_nodes, 112))
        if proteins
        else (np.arange(num_nodes) % 4)[:, None],
        (order[: num_nodes // 2], order[num_nodes // 2 : -15], order[-15:]),
    )


def write_set(root: Path, name: str, written: Written) -> Path:
    """The set's folder under a data root, in tables of CSV, as its download unpacks."""
    folder = root / name.replace("-", "_")
    info = DATASETS[name]
    if name == "ogbn-mag":
        _write_mag(folder, written)
    else:
        raw = folder / "raw"
        write_table(raw / "num-node-list.csv.gz", [[written.num_nodes]])
        write_table(raw / "num-edge-list.csv.gz", [[written.edge_index.shape[1]]])
        write_table(raw / "edge.csv.gz", written.edge_index.T)
        write_table(raw / "node-label.csv.gz", written.node_label)
        _write_features(raw, written)
        _write_parts(folder / "split" / info.default_split, written)
        other = "node_species" if name == "ogbn-proteins" else "node_year"
        write_table(raw / f"{other}.csv.gz", np.full((written.num_nodes, 1), 2020))
    release = 2 if name == "ogbn-mag" else 1
    (folder / f"RELEASE_v{release}.txt").write_text("# Release note\n")
    write_table(folder / "mapping" / "nodeidx.csv.gz", [[0]])
    (folder / "processed").mkdir()
    return folder


def _write_mag(folder: Path, written: Written) -> None:
    """The papers, and two authors who wrote the first of them."""
    raw, split = folder / "raw", folder / "split" / "time"
    write_table(raw / "num-node-dict.csv.gz", [[2, written.num_nodes]], header="author,paper")
    relations = {("author", "writes", "paper"): np.array([[0, 1], [0, 0]])}
    relations["paper", "cites", "paper"] = written.edge_index
    with gzip.open(raw / "triplet-type-list.csv.gz", "wt") as file:
        file.writelines(",".join(triplet) + "\n" for triplet in relations)
    for triplet, edge_index in relations.items():
        place = raw / "relations" / "___".join(triplet)
        write_table(place / "edge.csv.gz", edge_index.T)
        write_table(place / "num-edge-list.csv.gz", [[edge_index.shape[1]]])
        write_table(place / "edge_reltype.csv.gz", np.zeros((edge_index.shape[1], 1), dtype=int))
    _write_features(raw / "node-feat" / "paper", written)
    write_table(raw / "node-feat" / "paper" / "node_year.csv.gz", written.node_label)
    write_table(raw / "nodetype-has-label.csv.gz", [["False", "True"]], header="author,paper")
    write_table(raw / "node-label" / "paper" / "node-label.csv.gz", written.node_label)
    write_table(split / "nodetype-has-split.csv.gz", [["False", "True"]], header="author,paper")
    _write_parts(split / "paper", written)


def _write_features(folder: Path, written: Written) -> None:
    for name, values in (("node-feat", written.node_feat), ("edge-feat", written.edge_feat)):
        if values is not None:
            write_table(folder / f"{name}.csv.gz", values)


def _write_parts(folder: Path, written: Written) -> None:
    for part, nodes in zip(PARTS, written.parts, strict=True):
        write_table(folder / f"{part}.csv.gz", nodes[:, None])


def write_table(path: Path, rows: Any, *, header: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.asarray(rows)
    form = "%.9g" if rows.dtype.kind == "f" else "%s"
    with gzip.open(path, "wt", compresslevel=1) as file:
        np.savetxt(file, rows, fmt=form, delimiter=",", header=header, comments="")


def write_archives(root: Path, name: str, written: Written) -> Path:
    """The set's folder as OGB's own `DatasetSaver` writes a new set: archives of NumPy."""
    root.mkdir(parents=True, exist_ok=True)
    info = DATASETS[name]
    graph = {"num_nodes": written.num_nodes, "edge_index": written.edge_index}
    for key in ("node_feat", "edge_feat"):
        if getattr(written, key) is not None:
            graph[key] = getattr(written, key)
    with quietly():
        saver = import_ogb("ogb.io").DatasetSaver(name, False, 1, root=str(root / "new"))
        saver.save_graph_list([graph])
        saver.save_target_labels(written.node_label)
        parts = dict(zip(PARTS, written.parts, strict=True))
        saver.save_split(parts, info.default_split)
    return Path(saver.dataset_dir).rename(root / info.folder)


def expect_sizes_of(written: Written, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the named set have the sizes of what was written instead of its published ones."""
    features = written.node_feat if written.edge_feat is None else written.edge_feat
    assert features is not None
    labels = written.node_label
    sizes = replace(
        DATASETS[name],
        num_nodes=written.num_nodes,
        num_features=features.shape[1],
        num_classes=int(labels.max()) + 1 if labels.shape[1] == 1 else labels.shape[1],
    )
    monkeypatch.setitem(DATASETS, name, sizes)


@contextmanager
def torch_loads_anything() -> Iterator[None]:
    """What OGB's own classes need to read again what they have saved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", functools.partial(torch.load, weights_only=False))
        yield


def read_by_ogb(root: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """OGB's own `Data` and split; it writes beside the files."""
    with torch_loads_anything(), quietly():
        dataset = import_ogb("ogb.nodeproppred").PygNodePropPredDataset(name, root=str(root))
        return dataset[0], dataset.get_idx_split()


def refusal_of_set(root: Path, name: str = ARXIV) -> str:
    """The sentence with which a set is refused; nothing is left in the cache."""
    with pytest.raises(DataError) as caught:
        load_graph(name, data_root=root)
    assert not cache_folder().exists() or list(cache_folder().iterdir()) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)
