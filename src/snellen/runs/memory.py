"""What the C library does with freed memory; nothing changes where that is not glibc."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -3, -4, -8
"""The parameters' numbers in glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Let this process reuse freed memory rather than give it back to the system: for work that repeats itself.

    By default glibc maps every large tensor anew and unmaps it when freed, so the kernel clears the pages of each
    activation in each step (``benchmarks/train.py``, with and without ``--default-memory``, measures what that takes).
    Peak memory stays the same, but the process holds it until it ends.
    """
    _set({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1})


def return_freed_memory() -> None:
    """Let this process give freed memory back to the system: for one that answers many different questions for long.

    By default glibc keeps an arena for each thread, and takes blocks of up to 32 MiB from it as soon as blocks of that
    size were freed once; what small blocks outlive them is scattered, so the arenas grow for long. Here one arena
    serves all threads, and 128 KiB (where glibc starts) stays the size from which a block is mapped and unmapped alone.
    """
    _set({_ARENA_MAX: 1, _MMAP_THRESHOLD: 1 << 17, _TRIM_THRESHOLD: 1 << 17})


def _set(parameters: dict[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        for parameter, value in parameters.items():
            mallopt(parameter, value)
