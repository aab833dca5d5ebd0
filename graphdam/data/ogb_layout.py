"""Which files of OGB's layout make a set of nodes or links (needs neither torch nor ogb)."""

from __future__ import annotations

from pathlib import Path

PARTS = ("train", "valid", "test")
SAVED_SPLIT = "split_dict.pt"
PAPER = "paper"

_LINKS = "ogbl-"
_WEIGHTED = ("ogbl-collab",)
_MAG = "ogbn-mag"
_RELEASES = {_MAG: 2}
_PLACES_IN_MAG = {
    "edge": "relations/paper___cites___paper/edge",
    "num-edge-list": "relations/paper___cites___paper/num-edge-list",
    "num-node-list": "num-node-dict",
    "node-feat": "node-feat/paper/node-feat",
    "node-label": "node-label/paper/node-label",
}


def ogb_files(
    name: str, split: str, *, binary: bool = False, saved_split: bool = False
) -> dict[str, str]:
    """What is read of a set: the name of each file in a set of one node type, and its place.

    Both are relative to the set's folder. They differ in `ogbn-mag`, of which the papers and the
    citations between them are read. Years, species and mappings are not; the weights of edges are,
    where a set of links has some.

    Args:
        name: the set, such as `ogbn-arxiv`.
        split: its kind of split, such as `time`.
        binary: arrays in `raw/data.npz`, as OGB lays out newer sets, instead of tables of CSV.
        saved_split: one file of torch instead of a table for each part of the split, or, of links,
            instead of a file of torch for each.

    >>> ogb_files("ogbn-mag", "time")["raw/edge.csv.gz"]
    'raw/relations/paper___cites___paper/edge.csv.gz'
    """
    release = f"RELEASE_v{_RELEASES.get(name, 1)}.txt"
    files = {release: release}
    is_links = name.startswith(_LINKS)
    if is_links:
        weights = ("edge_weight",) if name in _WEIGHTED else ()
        for table in ("edge", "num-node-list", "num-edge-list", "node-feat", *weights):
            files[f"raw/{table}.csv.gz"] = f"raw/{table}.csv.gz"
    elif binary:
        files |= {f"raw/{archive}": f"raw/{archive}" for archive in ("data.npz", "node-label.npz")}
    else:
        features = "edge-feat" if name == "ogbn-proteins" else "node-feat"
        places = _PLACES_IN_MAG if name == _MAG else {}
        for table in ("edge", "num-node-list", "num-edge-list", features, "node-label"):
            files[f"raw/{table}.csv.gz"] = f"raw/{places.get(table, table)}.csv.gz"
    suffix = "pt" if is_links else "csv.gz"
    parts = (SAVED_SPLIT,) if saved_split else tuple(f"{part}.{suffix}" for part in PARTS)
    folder = f"split/{split}/{PAPER}" if name == _MAG else f"split/{split}"
    return files | {f"split/{part}": f"{folder}/{part}" for part in parts}


def ogb_folder(root: Path, folder: str) -> Path:
    """Where a set lies under a root; OGB looks for a name with `_pyg` behind it first."""
    with_suffix = root / f"{folder}_pyg"
    return with_suffix if with_suffix.is_dir() else root / folder


def ogb_files_under(folder: Path, name: str, split: str) -> dict[str, Path]:
    """The files of `ogb_files` in the form that the set's folder has, tables if it has none."""
    is_mag = name == _MAG  # which is laid out by node types, and never as one archive
    parts = folder / "split" / split
    suffix = "pt" if name.startswith(_LINKS) else "csv.gz"
    saved = (parts / SAVED_SPLIT).is_file() and not (parts / f"{PARTS[0]}.{suffix}").is_file()
    binary = (folder / "raw" / "data.npz").is_file()
    form = {} if is_mag else {"binary": binary, "saved_split": saved}
    return {file: folder / place for file, place in ogb_files(name, split, **form).items()}
