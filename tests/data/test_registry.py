from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from torch_geometric.datasets import Amazon, Coauthor, HeterophilousGraphDataset, Planetoid

from graphdam.data.registry import DATASETS, SPLITS, DatasetInfo, find_dataset
from graphdam.errors import DataError

CLASSES = {
    "planetoid": Planetoid,
    "amazon": Amazon,
    "coauthor": Coauthor,
    "heterophilous": HeterophilousGraphDataset,
}


@pytest.mark.parametrize("name", ["cora", "Cora", " CORA "])
def test_names_are_found_in_any_case(name: str) -> None:
    assert find_dataset(name) is DATASETS["cora"]


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="Unknown data set 'coral': did you mean 'cora'") as caught:
        find_dataset("coral")
    assert all(name in str(caught.value) for name in DATASETS)
    assert ".npz" in str(caught.value)


def test_every_split_is_described_and_the_first_is_the_default() -> None:
    for info in DATASETS.values():
        assert set(info.splits) <= set(SPLITS)
        assert info.default_split == info.splits[0]
        assert info.needs_download == bool(info.folder)


@pytest.mark.parametrize(
    ("info", "split"),
    [(info, split) for info in DATASETS.values() if info.folder for split in info.splits],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_raw_files_are_those_that_pyg_looks_for(info: DatasetInfo, split: str) -> None:
    dataset = CLASSES[info.kind].__new__(CLASSES[info.kind])
    collection, _, dataset.name = info.folder.partition("/")
    dataset.root, dataset.split = collection, split
    ours = [Path(name) for name in info.raw_files(split)]
    assert ours[: len(dataset.raw_paths)] == [Path(path) for path in dataset.raw_paths]
    assert len(ours) - len(dataset.raw_paths) == (10 if split == "geom-gcn" else 0)


def test_registry_is_read_without_torch() -> None:
    code = (
        "import sys, graphdam.data.registry, graphdam.data\n"
        "assert graphdam.data.DATASETS['cora'].splits[0] == 'public'\n"
        "assert 'torch' not in sys.modules\n"
        "assert graphdam.data.Graph.__name__ == 'Graph' and 'torch' in sys.modules\n"
        "assert all(hasattr(graphdam.data, name) for name in graphdam.data.__all__)\n"
        "assert not hasattr(graphdam.data, 'no_such_name')\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
