"""Does a run get the memory of its last epoch again, and is it given back at the end?"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from graphdam.training import memory
from graphdam.training.memory import memory_kept

needs_glibc = pytest.mark.skipif(memory._mallopt() is None, reason="glibc's own settings are used")

PAGES = """
import json, resource, torch
from graphdam.training.memory import memory_kept

def touched(mib):
    "Pages that the system had to fetch for an array, as a share of its pages."
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(mib * 2**18)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return (after - before) * resource.getpagesize() / (mib * 2**20)

def held():
    "MiB of memory that the process holds."
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

before = [touched(40) for _ in range(3)]
try:
    with memory_kept():
        inside = [touched(40) for _ in range(8)]
        kept = held()
        raise RuntimeError
except RuntimeError:
    left = held()
    after = [touched(400) for _ in range(3)]  # more than any piece of the heap that is free
print(json.dumps([before, inside, kept - left, after]))
"""


@needs_glibc
def test_freed_memory_is_used_again_inside_only_and_after_a_failure_given_back() -> None:
    """In a process of its own: what other tests have freed would be used again at any time."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PAGES], capture_output=True, text=True, check=True
    )
    before, inside, given_back, after = json.loads(ran.stdout)
    assert min(before) > 0.9
    assert max(inside[5:]) < 0.1  # once a free piece of the heap fits, alignment included
    assert given_back > 35
    assert min(after) > 0.9


def test_what_the_environment_sets_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    memory._mallopt.cache_clear()
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert memory._mallopt() is None
    with memory_kept():
        torch.zeros(3)
    memory._mallopt.cache_clear()
