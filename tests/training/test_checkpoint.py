"""Does a checkpoint hold everything, survive a full disk, and refuse what is not one?"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from graphdam.errors import TrainingError
from graphdam.training.checkpoint import (
    Checkpoint,
    optimiser_tensors,
    read_checkpoint,
    restore_optimiser,
    write_checkpoint,
)


def full_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def make(epoch: int) -> Checkpoint:
    tensors = {
        "student/now/weight": torch.randn(3, 4).t(),
        "student/adam/0/step": torch.tensor(7.0),
        "precise": torch.tensor([0.1], dtype=torch.float64),
        "random": torch.get_rng_state(),
        "flags": torch.tensor([True, False]),
    }
    return Checkpoint(tensors, {"epoch": epoch, "gap": 0.1 + 0.2, "chosen": {"student": None}})


def test_tensors_and_values_come_back_bit_for_bit(tmp_path: Path) -> None:
    path, written = tmp_path / "deep" / "seed-0.safetensors", make(3)
    write_checkpoint(path, written)
    read = read_checkpoint(path)
    assert read.values == written.values
    assert read.tensors.keys() == written.tensors.keys()
    for name, value in written.tensors.items():
        assert read.tensors[name].dtype == value.dtype
        assert torch.equal(read.tensors[name], value)
    assert read.part("student").keys() == {"now/weight", "adam/0/step"}


def test_a_full_disk_leaves_the_previous_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "seed-0.safetensors"
    write_checkpoint(path, make(3))
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space left"):
            write_checkpoint(path, make(4))
    assert path.read_bytes() == before
    assert read_checkpoint(path).values["epoch"] == 3
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    write_checkpoint(path, make(5))
    assert read_checkpoint(path).values["epoch"] == 5


@pytest.mark.parametrize("damage", ["empty", "garbage", "truncated", "header"])
def test_a_corrupted_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "seed-0.safetensors"
    write_checkpoint(path, make(3))
    whole = path.read_bytes()
    content = {
        "empty": b"",
        "garbage": b"\x80\x04no tensors here" * 20,
        "truncated": whole[: len(whole) - 40],
        "header": whole[:30],
    }
    path.write_bytes(content[damage])
    with pytest.raises(TrainingError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"The checkpoint {path} cannot be read (")
    assert message.endswith("): start again with --overwrite.")


def test_another_format_names_the_version_that_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.safetensors"
    save_file({"x": torch.ones(1)}, path, {"format": "0", "graphdam_version": "0.0.9"})
    with pytest.raises(TrainingError) as caught:
        read_checkpoint(path)
    assert str(caught.value) == (
        f"The checkpoint {path} has format '0' (graphdam 0.0.9), this graphdam reads '1': resume "
        f"with the version that began the run, or start again with --overwrite."
    )


def channels_last_conv() -> nn.Module:
    layer = nn.Conv2d(3, 2, 2)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return layer


@pytest.mark.parametrize(
    ("make_layer", "x"),
    [
        (lambda: nn.Linear(4, 2), torch.arange(32.0).view(8, 4) / 32),
        (channels_last_conv, torch.arange(96.0).view(2, 3, 4, 4) / 96),
    ],
    ids=["linear", "channels-last"],
)
def test_a_restored_optimiser_takes_the_same_next_steps(
    tmp_path: Path, make_layer: Callable[[], nn.Module], x: Tensor
) -> None:
    torch.manual_seed(0)
    first, second = make_layer(), make_layer()

    def step(model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        model(x).square().mean().backward()
        optimiser.step()

    begun = torch.optim.Adam(first.parameters(), lr=0.1, fused=True)
    for _ in range(3):
        step(first, begun)
    second.load_state_dict(first.state_dict())
    resumed = torch.optim.Adam(second.parameters(), lr=0.1, fused=True)
    write_checkpoint(tmp_path / "file", Checkpoint(optimiser_tensors("adam", begun), {}))
    restore_optimiser(resumed, read_checkpoint(tmp_path / "file").part("adam"))
    for _ in range(3):
        step(first, begun)
        step(second, resumed)
    for here, there in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(here, there)
