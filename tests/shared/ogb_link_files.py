"""A small graph written as OGB lays out its link sets, and what OGB itself reads of it."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from ogb_files import PARTS, torch_loads_anything, write_table

from graphdam.data.quiet import quietly
from graphdam.data.registry import DATASETS
from graphdam.evaluation.ogb import import_ogb

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class WrittenLinks:
    """What the files hold: links [E, 2] with weights and years, and pairs that are not linked."""

    node_feat: Array
    edges: dict[str, Array]
    others: dict[str, Array]
    weight: dict[str, Array]
    year: dict[str, Array]

    @property
    def num_nodes(self) -> int:
        return len(self.node_feat)


def made_up_links(
    *, num_nodes: int = 90, num_train: int = 300, num_others: int = 120, seed: int = 0
) -> WrittenLinks:
    """Random links: some in several years and both orders, one held out that training has too."""
    generator = np.random.default_rng(seed)
    sizes = {"train": num_train, "valid": 30, "test": 20}
    edges = {part: _pairs(generator, num_nodes, size) for part, size in sizes.items()}
    edges["train"][:20] = edges["train"][20:40, ::-1]
    edges["train"][40] = edges["train"][41]
    edges["valid"][0] = edges["train"][50]
    return WrittenLinks(
        generator.standard_normal((num_nodes, 6)).astype(np.float32),
        edges,
        {part: _pairs(generator, num_nodes, num_others) for part in PARTS[1:]},
        {part: generator.integers(1, 5, size) for part, size in sizes.items()},
        {part: generator.integers(1990, 2019, size) for part, size in sizes.items()},
    )


def _pairs(generator: np.random.Generator, num_nodes: int, count: int) -> Array:
    """Pairs of two nodes, the last of which is in none."""
    source = generator.integers(0, num_nodes - 1, count)
    return np.stack([source, (source + generator.integers(1, num_nodes - 1, count)) % num_nodes], 1)


def write_link_set(root: Path, name: str, written: WrittenLinks) -> Path:
    """The set's folder under a data root, as its download unpacks."""
    info = DATASETS[name]
    folder = root / info.folder
    raw = folder / "raw"
    write_table(raw / "num-node-list.csv.gz", [[written.num_nodes]])
    write_table(raw / "num-edge-list.csv.gz", [[len(written.edges["train"])]])
    write_table(raw / "edge.csv.gz", written.edges["train"])
    write_table(raw / "node-feat.csv.gz", written.node_feat)
    has_weights = name == "ogbl-collab"
    if has_weights:
        write_table(raw / "edge_weight.csv.gz", written.weight["train"][:, None])
        write_table(raw / "edge_year.csv.gz", written.year["train"][:, None])
    (folder / "RELEASE_v1.txt").write_text("# Release note\n")
    write_table(folder / "mapping" / "nodeidx2authorid.csv.gz", [[0]])
    (folder / "processed").mkdir()
    split = folder / "split" / info.default_split
    split.mkdir(parents=True)
    for part in PARTS:
        save_as_numpy_1(saved_part(written, part, with_weights=has_weights), split / f"{part}.pt")
    return folder


def saved_part(written: WrittenLinks, part: str, *, with_weights: bool = True) -> dict[str, Array]:
    """What a file of the split holds."""
    saved = {"edge": written.edges[part]}
    if part in written.others:
        saved["edge_neg"] = written.others[part]
    if with_weights:
        saved |= {"weight": written.weight[part], "year": written.year[part]}
    return saved


def save_as_numpy_1(saved: object, path: Path) -> None:
    """As OGB's own files were written: by an early torch, with arrays of NumPy 1 in them."""
    stream = io.BytesIO()
    torch.save(saved, stream, _use_new_zipfile_serialization=False)
    content = stream.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy.core.multiarray\n_reconstruct" in content
    path.write_bytes(content)


def expect_link_sizes_of(written: WrittenLinks, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the named set have the sizes of what was written instead of its published ones."""
    sizes = {"num_nodes": written.num_nodes, "num_features": written.node_feat.shape[1]}
    monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], **sizes))


def links_read_by_ogb(root: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """OGB's own `Data` and split; it writes beside the files."""
    with torch_loads_anything(), quietly():
        dataset = import_ogb("ogb.linkproppred").PygLinkPropPredDataset(name, root=str(root))
        return dataset[0], dataset.get_edge_split()
