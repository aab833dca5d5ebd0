"""Where a run computes: its device and its number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from graphdam.data import AnyData, Graph
from graphdam.errors import SettingsError
from graphdam.training.settings import Settings

MANY_NODES = 50_000
"""From this size on a graph is worth more than one thread."""

LARGE_MODELS = ("vgg16", "preresnet")
"""The models of images that are worth more than one thread."""


def choose_device(name: str) -> torch.device:
    """The device that a setting names.

    Raises:
        SettingsError: there is none of that name here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps"):
            raise RuntimeError("graphdam computes on cpu, cuda and mps")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"The device '{name}' cannot be used here ({reason}): choose cpu, or auto."
        ) from None
    return device


def require_precision(settings: Settings, device: torch.device) -> None:
    """Refuse steps in bfloat16 on a GPU without it.

    Raises:
        SettingsError: naming the GPU.
    """
    if settings.precision == "float32" or device.type != "cuda":
        return
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        raise SettingsError(
            f"precision={settings.precision} cannot be used on "
            f"{torch.cuda.get_device_name(device)}, which has no bfloat16: take float32."
        )


def step_precision(settings: Settings, device: torch.device) -> torch.autocast:
    """What the outputs and the loss of a training step are computed in; all else is float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16")


@contextmanager
def threads_for(settings: Settings, data: AnyData) -> Iterator[int]:
    """Compute with the threads that suit the data's size, and put the old number back.

    On small graphs the threads of one product wait for each other longer than they work. What
    scores embeddings (scikit-learn) has threads of its own, which are as many.
    """
    before = torch.get_num_threads()
    if isinstance(data, Graph):
        is_large = data.num_nodes >= MANY_NODES
    else:
        is_large = settings.model in LARGE_MODELS
    threads = settings.threads or (before if is_large else 1)
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        try:
            yield threads
        finally:
            torch.set_num_threads(before)
