"""Memory that a run keeps from one epoch to the next."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4  # of malloc.h
_MIB = 2**20
_LARGEST = 2**31 - 1


@contextmanager
def memory_kept() -> Iterator[None]:
    """Inside, memory that is freed stays with the process, to be used again.

    glibc gives an array of 32 MiB or more back to the system the moment it is freed, and every
    epoch then has all its pages filled with zeros anew, which takes longer than many an operation
    on them. Afterwards what is free is given back, and arrays are again.

    Nothing happens under another C library, nor where the environment sets how glibc allocates.
    """
    mallopt = _mallopt()
    if mallopt is None:
        yield
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, _LARGEST)
    mallopt(_TOP_PAD, 64 * _MIB)
    try:
        yield
    finally:
        mallopt(_MMAP_MAX, 65536)
        # where glibc's own thresholds end, which grow with what is freed until they are first set
        mallopt(_MMAP_THRESHOLD, 32 * _MIB)
        mallopt(_TRIM_THRESHOLD, 64 * _MIB)
        mallopt(_TOP_PAD, 128 * 1024)
        ctypes.CDLL(None).malloc_trim(0)


@cache
def _mallopt() -> Callable[[int, int], int] | None:
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return None
    mallopt: Callable[[int, int], int] = ctypes.CDLL(None).mallopt
    return mallopt
