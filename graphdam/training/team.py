"""The processes that train one model together, one of which leads: PyTorch's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from graphdam.errors import SettingsError, TrainingError

R = TypeVar("R")

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others: while one of them scores, say."""

ANYWHERE = ("device", "threads")
"""Settings that may differ from process to process."""


@dataclass(frozen=True)
class Team:
    """This process among those of its run; alone, what follows costs nothing.

    All draw the same random numbers but for what a step samples and drops, and so they take the
    same decisions; where a decision rests on sums that two machines may round differently, it is
    the leader's. Gradients are averaged by one `all_reduce` a step. (`DistributedDataParallel`
    would do that while the backward pass lasts, but wants the same parameters to learn all the
    time, and gates' offsets rest at first and at last.)

    Attributes:
        rank: of this process; 0 leads, and is the only one to write.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Put the mean of all processes' gradients in the place of each one's."""
        if self.size == 1:
            return
        gradients = [each.grad for each in parameters if each.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        _together(lambda: dist.all_reduce(flat))
        flat /= self.size
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, mean in zip(gradients, flat.split(sizes), strict=True):  # type: ignore[no-untyped-call]
            gradient.copy_(mean.view_as(gradient))

    def share_buffers(self, module: nn.Module) -> None:
        """Take the leader's buffers: the statistics of norms, which each batch moves."""
        if self.size > 1:
            for buffer in module.buffers():
                _together(partial(dist.broadcast, buffer, 0))

    def agreed(self, *values: float) -> list[float]:
        """The leader's values."""
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        _together(lambda: dist.broadcast(shared, 0))
        return shared.tolist()

    def shared(self, content: bytes) -> bytes:
        """The leader's bytes."""
        if self.size == 1:
            return content
        (length,) = self.agreed(len(content))
        data = torch.zeros(int(length), dtype=torch.uint8)
        if self.leads and content:
            data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        _together(lambda: dist.broadcast(data, 0))
        return data.numpy().tobytes()

    def require_same(self, settings: dict[str, Any]) -> None:
        """Refuse to begin where the processes were started with different settings.

        Raises:
            SettingsError: in every process, naming the first difference.
        """
        if self.size == 1:
            return
        told = {name: value for name, value in settings.items() if name not in ANYWHERE}
        every = [json.loads(content) for content in self._gathered(json.dumps(told).encode())]
        for rank, other in enumerate(every):
            for name in {**every[0], **other}:
                first, now = every[0].get(name), other.get(name)
                if first != now:
                    raise SettingsError(
                        f"Process 0 was started with {name}={first!r} and process {rank} with "
                        f"{name}={now!r}: start all processes of a run with the same command."
                    )

    def _gathered(self, content: bytes) -> list[bytes]:
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        _together(lambda: dist.all_gather(lengths, torch.tensor([len(content)])))
        longest = max(int(length) for length in lengths)
        own = torch.frombuffer(bytearray(content.ljust(longest)), dtype=torch.uint8)
        every = [torch.empty_like(own) for _ in range(self.size)]
        _together(lambda: dist.all_gather(every, own))
        return [
            each.numpy().tobytes()[: int(length)]
            for each, length in zip(every, lengths, strict=True)
        ]


def current_team() -> Team:
    """The processes that have been joined, or this one alone."""
    if not dist.is_initialized():
        return Team()
    return Team(dist.get_rank(), dist.get_world_size())


def leads_here() -> bool:
    """Whether this process would lead, by what torchrun says: known before anything is joined."""
    return int(os.environ.get("RANK", "0")) == 0 or not _is_launched()


@contextmanager
def joined() -> Iterator[Team]:
    """Join the processes that torchrun has started; alone, and where they have joined, do nothing.

    Where every process of a machine can have a GPU of its own, it has one, and what lies on GPUs is
    exchanged by NCCL; all else is by gloo.

    Raises:
        TrainingError: while they work, where one of them has gone.
    """
    if dist.is_initialized() or not _is_launched():
        yield current_team()
        return
    dist.init_process_group(_backend(), timeout=PATIENCE)
    try:
        yield current_team()
    finally:
        dist.destroy_process_group()


def _backend() -> str:
    """How the processes talk; takes this one's GPU on the way."""
    on_this_machine = int(os.environ.get("LOCAL_WORLD_SIZE", "0"))
    if not 0 < on_this_machine <= torch.cuda.device_count() or not dist.is_nccl_available():
        return "gloo"
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return "cpu:gloo,cuda:nccl"


def _is_launched() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def _together(call: Callable[[], R]) -> R:
    try:
        return call()
    except RuntimeError as error:
        raise TrainingError(
            "Another process of this run has gone, so this one stops: what was saved is whole; "
            "start all of them again with --resume."
        ) from error
