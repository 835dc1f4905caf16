"""What holds for a whole process: for the surfaces, once, as they start; no library call changes any of it."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib.util
import logging
import os
import signal
import sys
import warnings
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -3, -4, -8
"""The parameters' numbers in glibc's malloc.h."""
_PR_SET_PDEATHSIG = 1
"""The number in Linux's prctl.h."""


def quiet_libraries() -> None:
    """Keep to themselves what decoders say of odd but readable files, and the hub's client of its attempts.

    Matplotlib draws a box for a character that no font here has, and need not say so for each figure. What comes of a
    file or a download is said in one line, by whoever asked for it.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    warnings.filterwarnings("ignore", message="Glyph .* missing from font")
    for library in ("PIL", "tifffile"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    spec = importlib.util.find_spec("PIL")
    home = Path(spec.origin).parent if spec and spec.origin else Path()
    for file in (*home.parent.glob("pillow.libs/libtiff*"), *home.glob(".dylibs/libtiff*")):
        with contextlib.suppress(OSError, AttributeError):
            libtiff = ctypes.CDLL(str(file))
            libtiff.TIFFSetErrorHandler(None)
            libtiff.TIFFSetWarningHandler(None)


def start_and_end_quickly() -> None:
    """Look for garbage less often than Python does by default, and not at all as the process ends.

    The libraries make some million objects as they are imported, all of which stay: going through them again and
    again takes a fifth of a command's start, and going through them once more takes most of its end
    (``benchmarks/start.py``).
    """
    gc.set_threshold(50_000, 20, 100)
    atexit.register(gc.freeze)


SPINS = "5000"
"""How often a thread of libgomp looks whether the others have come before it sleeps: some tens of microseconds."""


def share_cores() -> None:
    """Let threads that wait for each other sleep soon: before PyTorch is imported, and where nobody has said otherwise.

    By itself libgomp has them look 300,000 times, for milliseconds at each of the hundred meetings in a network's pass:
    where another process holds the core that they wait for, they keep it from coming (``benchmarks/beside.py``).
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS
    os.environ.setdefault("KMP_BLOCKTIME", "1")


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
    # Nothing changes where the C library is not glibc.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        for parameter, value in parameters.items():
            mallopt(parameter, value)


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however that came about (Linux only).

    Where a server is killed, what it started would go on for nobody.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
