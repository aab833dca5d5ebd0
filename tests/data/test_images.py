"""Sets of images, on small ones in the published forms: read alike, split alike, refused alike."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from graphdam.data.image_registry import IMAGE_SETS, ImageSetInfo
from graphdam.data.images import Images, channel_statistics, load_images
from graphdam.data.load import load_graph
from graphdam.data.raw import Array
from graphdam.data.sources import cache_folder
from graphdam.errors import DataError

PARTS = (30, 10, 20)
LEARNT = 40


@pytest.fixture(autouse=True)
def small_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The named sets, each with forty images to learn from and twenty to test on."""
    for name, info in IMAGE_SETS.items():
        if info.kind != "embedded":
            monkeypatch.setitem(IMAGE_SETS, name, replace(info, parts=PARTS))


def pixels_of(info: ImageSetInfo, count: int = 60) -> tuple[Array, Array]:
    generator = np.random.default_rng(3)
    x = generator.integers(0, 256, (count, *info.shape), dtype=np.uint8)
    return x, generator.integers(0, 10, count, dtype=np.uint8)


def write_mnist(folder: Path, x: Array, y: Array, *, gz: bool = False) -> Path:
    folder.mkdir(parents=True)
    names = IMAGE_SETS["mnist"].files
    parts = (x[:LEARNT, 0], y[:LEARNT], x[LEARNT:, 0], y[LEARNT:])
    for name, array in zip(names, parts, strict=True):
        header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
        content = header + array.tobytes()
        path = folder / f"{name}.gz" if gz else folder / name
        path.write_bytes(gzip.compress(content) if gz else content)
    return folder


def write_cifar(folder: Path, x: Array, y: Array) -> Path:
    folder.mkdir(parents=True)
    for index, name in enumerate(IMAGE_SETS["cifar10"].files):
        chosen = slice(8 * index, 8 * index + 8) if index < 5 else slice(LEARNT, None)
        records = np.concatenate([y[chosen, None], x[chosen].reshape(len(x[chosen]), -1)], axis=1)
        (folder / name).write_bytes(records.astype(np.uint8).tobytes())
    return folder


def write_subset(folder: Path, x: Array, y: Array) -> Path:
    folder.mkdir(parents=True)
    x = x.transpose(0, 2, 3, 1)
    arrays = {"x_train": x[:LEARNT], "y_train": y[:LEARNT]}
    arrays |= {"x_test": x[LEARNT:], "y_test": y[LEARNT:]}
    np.savez(folder / "cifar10_jpeg_subset.npz", **arrays)  # type: ignore[arg-type]
    return folder


WRITERS: dict[str, Callable[[Path, Array, Array], Path]] = {
    "mnist": write_mnist,
    "cifar10": write_cifar,
    "cifar10-subset": write_subset,
}
PLACES = [(name, folder) for name in WRITERS for folder in IMAGE_SETS[name].folders]


@pytest.mark.parametrize(("name", "folder"), PLACES)
def test_every_form_gives_the_images_that_were_written(
    tmp_path: Path, name: str, folder: str
) -> None:
    info = IMAGE_SETS[name]
    x, y = pixels_of(info)
    WRITERS[name](tmp_path / folder, x, y)
    images = load_images(name.upper(), data_root=tmp_path)
    assert np.array_equal(images.pixels.numpy(), x)
    assert images.pixels.is_contiguous()
    assert np.array_equal(images.y.numpy(), y)
    assert images.y.dtype == torch.int64
    assert (images.name, images.label) == (name, info.label)
    assert (images.shape, images.num_images) == (info.shape, 60)
    assert images.test.tolist() == list(range(40, 60))


@pytest.mark.parametrize("name", IMAGE_SETS)
def test_parts_are_drawn_once_and_share_no_image(tmp_path: Path, name: str) -> None:
    info = IMAGE_SETS[name]
    if name in WRITERS:
        WRITERS[name](tmp_path / info.folders[0], *pixels_of(info))
    images = load_images(name, data_root=tmp_path)
    parts = [images.indices(part) for part in ("train", "val", "test")]
    assert tuple(len(part) for part in parts) == info.parts
    assert torch.cat(parts).sort().values.tolist() == list(range(images.num_images))
    assert all(bool((part.diff() > 0).all()) for part in parts)
    # drawn, not cut off
    assert images.val.tolist() != list(range(info.parts[1]))
    assert int(images.val.max() - images.val.min()) >= info.parts[1]
    again = load_images(name, data_root=tmp_path)
    assert torch.equal(images.val, again.val)
    assert torch.equal(images.pixels, again.pixels)


def test_a_compressed_file_counts_as_the_plain_one(tmp_path: Path) -> None:
    x, y = pixels_of(IMAGE_SETS["mnist"])
    write_mnist(tmp_path / "one" / "MNIST" / "raw", x, y)
    folder = write_mnist(tmp_path / "other" / "MNIST" / "raw", x, y, gz=True)
    plain, packed = (load_images("mnist", data_root=tmp_path / name) for name in ("one", "other"))
    assert torch.equal(plain.pixels, packed.pixels)
    name = IMAGE_SETS["mnist"].files[0]
    (folder / name).write_bytes(gzip.decompress((folder / f"{name}.gz").read_bytes()))
    (folder / f"{name}.gz").write_bytes(b"the plain file comes first")
    assert torch.equal(load_images("mnist", data_root=tmp_path / "other").pixels, plain.pixels)


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    images = load_images("digits-images")
    ours = torch.cat([images.pixels.flatten(1), images.y[:, None]], dim=1)
    theirs = torch.from_numpy(np.concatenate([pixels, labels[:, None]], axis=1)).long()
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, theirs.tolist()))
    assert (images.shape, images.split_name) == ((1, 8, 8), "seeded")
    # the same images as the graph's nodes
    graph = load_graph("digits").dense_x()
    assert float(graph.sum()) == pytest.approx(float(images.pixels.sum()) / 16)


def assert_standardised(images: Images) -> None:
    """As numpy standardises the training images; the others by the same numbers."""
    x = images.pixels.numpy().astype(np.float64)
    learnt = x[images.train.numpy()]
    mean, std = learnt.mean(axis=(0, 2, 3)), learnt.std(axis=(0, 2, 3))
    np.testing.assert_allclose(images.mean.numpy(), mean, rtol=1e-6)
    np.testing.assert_allclose(images.std.numpy(), std, rtol=1e-6)
    for part in (images.train, images.val, images.test, images.test[[3, 0]]):
        expected = (x[part.numpy()] - mean[:, None, None]) / std[:, None, None]
        read = images.standardised(part)
        assert read.dtype == torch.float32
        np.testing.assert_allclose(read.numpy(), expected, atol=1e-5)


def test_pixels_are_standardised_by_the_training_images(tmp_path: Path) -> None:
    x, y = pixels_of(IMAGE_SETS["cifar10"])
    x[LEARNT:] //= 2  # test images that are darker must not be heard
    x[:, 1] //= 4
    write_cifar(tmp_path / "cifar-10-batches-bin", x, y)
    images = load_images("cifar10", data_root=tmp_path)
    assert_standardised(images)
    assert torch.equal(images.pixels, torch.from_numpy(x))  # and the bytes stay as they are
    assert_standardised(load_images("digits-images"))


def test_a_constant_channel_is_refused() -> None:
    pixels = torch.randint(256, (5, 3, 2, 2), dtype=torch.uint8)
    pixels[:, 2] = 7
    with pytest.raises(DataError, match="here: all pixels of channel 2 have the value 7 in the"):
        channel_statistics(pixels, source="here")


def test_moving_changes_nothing_else() -> None:
    images = load_images("digits-images")
    moved = images.to("cpu")
    assert vars(moved).keys() == vars(images).keys()
    for name, value in vars(images).items():
        other = getattr(moved, name)
        assert torch.equal(value, other) if torch.is_tensor(value) else value == other
    elsewhere = [value for value in vars(images.to("meta")).values() if torch.is_tensor(value)]
    assert len(elsewhere) == 7
    assert all(value.device.type == "meta" for value in elsewhere)


def test_roots_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = pixels_of(IMAGE_SETS["mnist"])
    places = (cache_folder(), tmp_path / "variable", tmp_path / "argument")
    for index, root in enumerate(places):
        write_mnist(root / "MNIST" / "raw", x, np.full_like(y, index))
    assert load_images("mnist").y[[0, -1]].tolist() == [0, 0]
    monkeypatch.setenv("GRAPHDAM_DATA", str(places[1]))
    assert load_images("mnist").y[[0, -1]].tolist() == [1, 1]
    assert load_images("mnist", data_root=places[2]).y[[0, -1]].tolist() == [2, 2]
    with pytest.raises(DataError, match="nowhere: the data root must be a folder"):
        load_images("mnist", data_root=tmp_path / "nowhere")


def test_files_that_are_nowhere_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_images("mnist", data_root=tmp_path)
    said = str(caught.value)
    assert f"'mnist' were not found under {tmp_path}, {cache_folder()}. Put their files" in said
    assert "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k" in said
    assert "compressed (.gz), at MNIST/raw/ under a folder of yours and name that folder" in said
    assert "by --data-root or GRAPHDAM_DATA; 'digits-images' needs no files." in said
    with pytest.raises(DataError, match=r"cifar10_jpeg_subset.npz at cifar10_jpeg_subset/ under"):
        load_images("cifar10-subset", data_root=tmp_path)


def test_an_incomplete_set_is_refused(tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "MNIST" / "raw", *pixels_of(IMAGE_SETS["mnist"]))
    (folder / "t10k-labels-idx1-ubyte").unlink()
    message = "raw: the images 'mnist' are incomplete: t10k-labels-idx1-ubyte is not there; add"
    with pytest.raises(DataError, match=message):
        load_images("mnist", data_root=tmp_path)


@pytest.mark.parametrize("above", ["", "cifar10"])
def test_pickled_images_are_not_read(tmp_path: Path, above: str) -> None:
    """Not even opened: what lies there would end the interpreter."""
    pickled = tmp_path / above / "cifar-10-batches-py"
    pickled.mkdir(parents=True)
    (pickled / "data_batch_1").write_bytes(b"cos\n_exit\n(I1\ntR.")
    with pytest.raises(DataError, match="pickled Python objects, which are not read") as caught:
        load_images("cifar10", data_root=tmp_path)
    belongs = pickled.with_name("cifar-10-batches-bin")
    assert f"(data_batch_1.bin, …) at {belongs}" in str(caught.value)
    write_cifar(belongs, *pixels_of(IMAGE_SETS["cifar10"]))
    assert load_images("cifar10", data_root=tmp_path).num_images == 60


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "cifar10_jpeg_subset"
    folder.mkdir()
    labels = np.array([{}], dtype=object)
    np.savez(folder / "cifar10_jpeg_subset.npz", x_train=labels)
    with pytest.raises(DataError, match="holds pickled Python objects, which are not read"):
        load_images("cifar10-subset", data_root=tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("mnist", lambda x, y: (x, np.tile(y, 2)), "are 20 images but labels of the shape .80.;"),
        ("mnist", lambda x, y: (x[:-1], y[:-1]), "'mnist' has 20 images here, but 19 were found"),
        ("mnist", lambda x, y: (x, y + 1), "from 0 to 9, but uint8 from 1 to 10 was found"),
        ("mnist", lambda x, y: (x[..., 1:], y), "bytes of the shape 1 × 28 × 28, but uint8 of the"),
        ("cifar10", lambda x, y: (x, y + 1), "from 0 to 9, but uint8 from 1 to 10"),
        ("cifar10", lambda x, y: (x[:-3], y[:-3]), "20 images here, but 17 were found; use the"),
        ("cifar10-subset", lambda x, y: (x[:, :1], y), "32 × 32, but uint8 of the shape 1 × 32 "),
        ("cifar10-subset", lambda x, y: (x / 255, y), "bytes of the shape .* but float64 of the"),
        ("cifar10-subset", lambda x, y: (x, y[1:]), "20 images but labels of the shape .19."),
        ("cifar10-subset", lambda x, y: (x, y / 2), "are whole numbers from 0 to 9, but float64 "),
    ],
)
def test_another_set_is_refused(
    tmp_path: Path, name: str, change: Callable[[Array, Array], tuple[Array, Array]], message: str
) -> None:
    info = IMAGE_SETS[name]
    x, y = pixels_of(info)
    y[[0, 1, LEARNT, LEARNT + 1]] = [0, 9, 0, 9]
    WRITERS[name](tmp_path / info.folders[0], *change(x, y))
    with pytest.raises(DataError, match=message):
        load_images(name, data_root=tmp_path)


def test_images_of_another_form_are_refused(tmp_path: Path) -> None:
    grey, y = np.zeros((40, 32, 32), dtype=np.uint8), np.zeros(40, dtype=np.uint8)
    (tmp_path / "cifar10_jpeg_subset").mkdir()
    path = tmp_path / "cifar10_jpeg_subset" / "cifar10_jpeg_subset.npz"
    np.savez(path, x_train=grey, x_test=grey, y_train=y, y_test=y)
    message = r"`x_train` must have the shape .N, H, W, C., but has the shape .40, 32, 32."
    with pytest.raises(DataError, match=message):
        load_images("cifar10-subset", data_root=tmp_path)


def test_keys_that_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "cifar10_jpeg_subset").mkdir()
    np.savez(tmp_path / "cifar10_jpeg_subset" / "cifar10_jpeg_subset.npz", x_train=np.zeros(3))
    message = (
        "missing y_train, x_test, y_test; the images 'cifar10-subset' are .* there are x_train"
    )
    with pytest.raises(DataError, match=message):
        load_images("cifar10-subset", data_root=tmp_path)


@pytest.mark.parametrize("lost", [1, 3073 * 8])
def test_truncated_records_are_refused(tmp_path: Path, lost: int) -> None:
    folder = write_cifar(tmp_path / "cifar-10-batches-bin", *pixels_of(IMAGE_SETS["cifar10"]))
    batch = folder / "data_batch_3.bin"
    batch.write_bytes(batch.read_bytes()[:-lost])
    message = f"data_batch_3.bin: the file holds {8 * 3073 - lost:,} bytes, but .* of 3,073,"
    with pytest.raises(DataError, match=message):
        load_images("cifar10", data_root=tmp_path)


def test_graph_loaders_say_that_images_are_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where a folder of that name lies."""
    (tmp_path / "mnist").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"'mnist' is a set of images .* not a graph"):
        load_graph("mnist")
