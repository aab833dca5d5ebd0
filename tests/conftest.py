"""No test reads or writes the user's cache, downloads, or shares its one thread with others."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    torch.set_num_threads(1)
    # scikit-learn's threads would wait for each other where tests run side by side
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAPHDAM_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("GRAPHDAM_OFFLINE", "1")
        yield


@pytest.fixture(autouse=True)
def same_numbers_every_time() -> None:
    """Whatever a test draws, PyG's use of Python's generator included, it draws again next time."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
