from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from torch_geometric.datasets import Amazon, Coauthor, HeterophilousGraphDataset, Planetoid

from graphdam.data.image_registry import IMAGE_SETS, IMAGE_SPLITS
from graphdam.data.registry import (
    DATASETS,
    SPLITS,
    DatasetInfo,
    find_dataset,
    find_image_set,
)
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
    assert all(name in str(caught.value) for name in IMAGE_SETS)
    assert ".npz" in str(caught.value)
    with pytest.raises(DataError, match="Unknown data set 'minst': did you mean 'mnist'"):
        find_image_set("minst")


@pytest.mark.parametrize("name", ["mnist", " CIFAR10-Subset "])
def test_images_are_no_graph(name: str) -> None:
    key = name.strip().lower()
    with pytest.raises(DataError, match=f"'{key}' is a set of images .*, not a graph: ") as caught:
        find_dataset(name)
    assert f"load_images('{key}') reads it. Graphs are digits, karate, " in str(caught.value)
    assert find_image_set(name) is IMAGE_SETS[key]


def test_a_graph_is_no_set_of_images() -> None:
    message = r"'cora' is a graph \(citations .*\), not a set of images: graphdam.load_graph"
    with pytest.raises(DataError, match=message) as caught:
        find_image_set("Cora")
    assert "Sets of images are digits-images, mnist, cifar10, " in str(caught.value)


def test_no_name_is_both_a_graph_and_images() -> None:
    assert not set(DATASETS) & set(IMAGE_SETS)


def test_what_is_known_of_images_is_told_where_it_is_needed() -> None:
    for info in IMAGE_SETS.values():
        assert info.split in IMAGE_SPLITS
        assert bool(info.folders) == bool(info.files) == (info.kind != "embedded")
    subset = IMAGE_SETS["cifar10-subset"]
    assert subset.label == "CIFAR-10 (JPEG, subset)"
    assert "10,000-image JPEG subset of CIFAR-10" in subset.description


def test_every_split_is_described_and_the_first_is_the_default() -> None:
    for info in DATASETS.values():
        assert set(info.splits) <= set(SPLITS)
        assert info.default_split == info.splits[0]
        assert info.needs_download == bool(info.folder)


@pytest.mark.parametrize(
    ("info", "split"),
    [(info, split) for info in DATASETS.values() if info.kind in CLASSES for split in info.splits],
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
