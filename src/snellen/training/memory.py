"""The C library's allocator, told to keep what it gets: a step's tensors lie where the last step's lay."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""The parameters' numbers in glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Let this process reuse freed memory rather than give it back to the system; does nothing without glibc.

    By default glibc maps every large tensor anew and unmaps it when freed, so the kernel clears the pages of each
    activation in each step (``benchmarks/train.py``, with and without ``--default-memory``, measures what that takes).
    Peak memory stays the same, but the process holds it until it ends.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
