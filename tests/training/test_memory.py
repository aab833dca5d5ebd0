"""Does a run get the memory of its last epoch again, and is it given back at the end?"""

from __future__ import annotations

import resource

import pytest
import torch

from graphdam.training import memory
from graphdam.training.memory import memory_kept

PAGES = 40 * 2**20 // resource.getpagesize()
needs_glibc = pytest.mark.skipif(memory._mallopt() is None, reason="glibc's own settings are used")


def pages_touched() -> int:
    """Pages that the system had to fetch for an array of 40 MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(10 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@needs_glibc
def test_freed_memory_is_used_again_inside_only() -> None:
    assert min(pages_touched() for _ in range(3)) > 0.9 * PAGES
    with memory_kept():
        for _ in range(5):  # until a free piece of the heap fits, alignment included
            pages_touched()
        assert max(pages_touched() for _ in range(3)) < 0.1 * PAGES
    assert min(pages_touched() for _ in range(3)) > 0.9 * PAGES


@needs_glibc
def test_a_failure_gives_it_back_too() -> None:
    with pytest.raises(RuntimeError, match="inside"), memory_kept():
        raise RuntimeError("inside")
    assert min(pages_touched() for _ in range(3)) > 0.9 * PAGES


def test_what_the_environment_sets_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    memory._mallopt.cache_clear()
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert memory._mallopt() is None
    with memory_kept():
        torch.zeros(3)
    memory._mallopt.cache_clear()
